"""Which modules and distributions a strategy depends on: what it executed, and whether that is as it was."""

import importlib.machinery
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategy_project import Project, compile_in_its_own_process

from strategies import BackFavourite, RatedPrice
from tasks.variants.dependencies.record import Dependencies, Module, dependencies_of, what_changed
from tasks.workers import worker_pool

HELPED = "self.stake = helper.STAKE"


@pytest.fixture(scope="module")
def pool():
    with worker_pool(1) as pool:
        yield pool


@pytest.fixture
def project(tmp_path, pool):
    return Project(tmp_path, pool)


def modules(used):
    return {**used.dependencies.modules, **used.dependencies.imported}


def test_a_helper_of_a_helper(project):
    project.write("deep.py", "STAKE = 2.0\n")
    project.write("helper.py", "from deep import STAKE\n")
    project.write_strategy(HELPED, "import helper")
    (used,) = project.use()
    assert {name: module.path for name, module in used.dependencies.modules.items()} == {
        "own": "own.py",
        "helper": "helper.py",
        "deep": "deep.py",
    }
    assert project.change(used) is None
    project.write("deep.py", "STAKE = 5.0\n")
    assert project.change(used) == "deep.py changed"
    (again,) = project.use()
    assert again.dependencies.digest != used.dependencies.digest


def test_a_package_whose_parts_import_one_another(project):
    project.write("bets/__init__.py", "")
    project.write("bets/sizes/__init__.py", "from . import kelly")
    project.write("bets/sizes/kelly.py", "from ..prices import PRICE")
    project.write("bets/prices.py", "from .rounding import *\nPRICE = 3")
    project.write("bets/rounding.py", "PLACES = 2")
    project.write("bets/unused.py", "")
    project.write_strategy("pass", "import bets.sizes")
    (used,) = project.use()
    assert set(modules(used)) == {"own", "bets", "bets.sizes", "bets.sizes.kelly", "bets.prices", "bets.rounding"}
    for part in ("bets/__init__.py", "bets/rounding.py"):
        before = project.folder.joinpath(part).read_text()
        project.write(part, "PLACES = 3")
        assert project.change(used) == f"{part} changed"
        project.write(part, before)
        assert project.change(used) is None


def test_the_files_of_all_classes(project):
    project.write("root.py", "from flumine import BaseStrategy\nclass Root(BaseStrategy): ...")
    project.write("base.py", "from root import Root as Hidden\nglobals()['Bas' + 'e'] = Hidden\ndel Hidden")
    project.write("own.py", "import base\nclass Own(base.Base): ...")
    (used,) = project.use()
    assert set(modules(used)) == {"own", "base", "root"}


def test_an_edit_of_the_same_length_in_the_same_moment(project):
    path = project.write("helper.py", "STAKE = 2.0\n")
    before = path.stat()
    compile_in_its_own_process(path)
    project.write_strategy(HELPED, "import helper")
    (used,) = project.use()
    project.write("helper.py", "STAKE = 5.0\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    (again,) = project.use()
    assert (used.stake, again.stake) == (2.0, 5.0)
    assert used.dependencies.digest != again.dependencies.digest
    assert project.change(used) == "helper.py changed"
    assert project.change(again) is None


def test_own_modules_leave_no_bytecode_behind(project):
    project.write("helper.py", "STAKE = 2.0\n")
    project.write_strategy(HELPED, "import helper")
    project.use()
    assert sorted(path.name for path in project.folder.iterdir()) == ["helper.py", "own.py"]


@pytest.mark.parametrize(
    "same",
    [
        "STAKE = 2.0  # pounds\n",
        "\n\n# Pounds.\nSTAKE = 2.0",
        "STAKE=(\n    2.0\n)\n",
        "# coding: latin-1\nSTAKE = 2.0\n",
    ],
)
def test_comments_and_layout_are_no_change(project, same):
    project.write("helper.py", "STAKE = 2.0\n")
    project.write_strategy(HELPED, "import helper")
    (used,) = project.use()
    project.write("helper.py", same)
    assert project.change(used) is None
    assert project.use()[0].dependencies == used.dependencies


def test_what_is_imported_in_a_function_that_is_not_called(project):
    project.write("late.py", "STAKE = 2.0\n")
    project.write_strategy("pass", "def size():\n    from late import STAKE\n    return STAKE\n")
    (used,) = project.use()
    assert set(used.dependencies.modules) == {"own", "late"}
    project.write("late.py", "STAKE = 5.0\n")
    assert project.change(used) == "late.py changed"


LOADED_BY_PATH = """
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("plugin", "plugins/two.py")
plugin = module_from_spec(spec)
spec.loader.exec_module(plugin)
self.stake = plugin.STAKE
"""


@pytest.mark.parametrize(
    ("start", "head"),
    [
        ("self.stake = importlib.import_module('plugins.' + 'two').STAKE", "import importlib"),
        ("self.stake = __import__('plugins.two').two.STAKE", ""),
        ("self.stake = STAKE", "import importlib\nSTAKE = importlib.import_module('plugins.' + 'two').STAKE"),
        ("self.stake = eval('__import__')('plugins.tw' + 'o').two.STAKE", ""),
        ("import runpy; self.stake = runpy.run_module('plugins.' + 'two')['STAKE']", ""),
        (LOADED_BY_PATH, ""),
    ],
)
def test_what_is_imported_by_a_name_that_is_made_up_as_it_runs(project, start, head):
    path = project.write("plugins/two.py", "import plugins.deep\nSTAKE = 2.0\n")
    project.write("plugins/deep.py", "")
    compile_in_its_own_process(path)
    before = path.stat()
    project.write_strategy(start, head)
    first, second = project.use("a", "b")
    assert first.stake == second.stake == 2.0
    for used in (first, second):
        assert {module.path for module in modules(used).values()} == {"own.py", "plugins/two.py", "plugins/deep.py"}
        assert project.change(used) is None
    project.write("plugins/two.py", "import plugins.deep\nSTAKE = 5.0\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert project.change(first) == project.change(second) == "plugins/two.py changed"
    assert project.use()[0].stake == 5.0


PATHS = {
    "from the working directory": "'lib'",
    "out of the working directory": "'../lib'",
    "written out": "{folder!r} + '/lib'",
    "written out, and out of the working directory": "{folder!r} + '/../lib'",
    "beside the module": "os.path.dirname(os.path.abspath(__file__)) + '/lib'",
    "above the module": "os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + '/lib'",
    "made absolute": "os.path.abspath('lib')",
    "above the working directory": "os.path.dirname(os.getcwd()) + '/lib'",
}
WAYS = {
    "the path of imports": """
        sys.path.insert(0, {path})
        import hidden
        self.stake = hidden.STAKE
        sys.path.pop(0)
        """,
    "a path": """
        spec = importlib.util.spec_from_file_location("hidden", {path} + "/hidden.py")
        hidden = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(hidden)
        self.stake = hidden.STAKE
        """,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("changed", ["one/in/lib", "one/lib", "two/in/lib", "two/lib"])
def test_in_a_copy_of_the_folder_it_is_noticed_whatever_it_would_import_there(project, way, path, changed):
    top = project.folder
    project.folder = top / "one" / "in"
    project.write("lib/hidden.py", "STAKE = 2.0")
    project.write("../lib/hidden.py", "STAKE = 2.0")
    project.write_strategy(way.format(path=path.format(folder=str(project.folder))), "import importlib.util, os, sys")
    (used,) = project.use()
    assert project.change(used) is None
    shutil.copytree(top / "one", top / "two")
    (top / changed / "hidden.py").write_text("STAKE = 5.0")
    project.folder = top / "two" / "in"
    (there,) = project.use()
    assert there.stake == used.stake or project.change(used) is not None
    assert project.change(there) is None


def test_what_is_known_before_a_replay_is_the_same_after_it(project):
    project.write("late.py", "")
    project.write_strategy("import importlib; importlib.import_module('la' + 'te')")
    first, second = project.use("a", "b")
    assert first.dependencies.digest == second.dependencies.digest
    project.write_strategy("pass")
    project.write("late.py", "import os")
    (without,) = project.use()
    assert set(without.dependencies.modules) == {"own"}


def test_what_was_executed_counts_and_not_what_lies_there_when_it_ends(project):
    project.write("helper.py", "STAKE = 2.0\n")
    project.write_strategy("open('helper.py', 'w').write('STAKE = 5.0'); self.stake = helper.STAKE", "import helper")
    (used,) = project.use()
    assert used.stake == 2.0
    assert project.change(used) == "helper.py changed"


def test_a_module_that_is_gone(project):
    project.write("helper.py", "STAKE = 2.0\n")
    project.write_strategy(HELPED, "import helper")
    (used,) = project.use()
    (project.folder / "helper.py").unlink()
    assert project.change(used) == "helper.py is gone"


def test_a_module_that_a_strategy_could_do_without(project):
    project.write_strategy(
        "self.stake = STAKE", "try:\n    from fast import STAKE\nexcept ImportError:\n    STAKE = 2.0\n"
    )
    (used,) = project.use()
    assert used.dependencies.modules["fast"] is None
    assert project.change(used) is None
    project.write("fast.py", "STAKE = 5.0\n")
    assert project.change(used) == "fast is there now"


def test_another_module_in_front_of_the_one_that_was_used(project):
    project.write("lib/helper.py", "STAKE = 2.0\n")
    project.write_strategy(HELPED, "import helper")
    (used,) = project.use(path=["lib"])
    assert used.dependencies.modules["helper"].path == "lib/helper.py"
    project.write("helper/__init__.py", "STAKE = 5.0\n")
    assert project.change(used) == "helper is helper/__init__.py, was lib/helper.py"


def test_a_module_of_the_name_of_one_of_pythons(project):
    project.write("tabnanny.py", "STAKE = 2.0\n")
    project.write_strategy("self.stake = tabnanny.STAKE", "import tabnanny")
    (used,) = project.use()
    assert set(modules(used)) == {"own", "tabnanny"}


def test_source_that_does_not_parse(project):
    project.write("broken.py", "STAKE = = 2.0\n")
    project.write_strategy(
        """
        try:
            import broken
        except SyntaxError:
            self.stake = 1.0
        """
    )
    (used,) = project.use()
    assert used.stake == 1.0
    assert project.change(used) is None
    project.write("broken.py", "STAKE = 2.0\n")
    assert project.change(used) == "broken.py changed"


def test_source_that_python_warns_about(project):
    project.write("late.py", "PATTERN = '\\d'\n")
    project.write_strategy("pass", "def pattern():\n    import late\n")
    (used,) = project.use()
    project.write("late.py", "PATTERN = '\\d'  # digits\n")
    assert project.change(used) is None


def test_a_folder_without_a_file_of_its_own(project):
    project.write("loose/part/size.py", "STAKE = 2.0\n")
    project.write_strategy("self.stake = STAKE", "from loose.part.size import STAKE")
    (used,) = project.use()
    assert set(modules(used)) == {"own", "loose.part.size"}


def test_a_zip_archive(project):
    for content in ("STAKE = 2.0\n", "STAKE = 5.0\n"):
        with zipfile.ZipFile(project.folder / "parts.zip", "w") as archive:
            archive.writestr("zipped.py", f"import late\n{content}")
        if content == "STAKE = 2.0\n":
            project.write("late.py", "")
            project.write_strategy("self.stake = zipped.STAKE", "import zipped")
            (used,) = project.use(path=["parts.zip"])
            assert used.stake == 2.0
            assert used.dependencies.modules["zipped"].path == "parts.zip"
            assert "late" in used.dependencies.modules
            assert project.change(used) is None
    assert project.change(used) == "parts.zip changed"


def test_an_extension_module(project):
    found = importlib.machinery.PathFinder.find_spec("xxlimited")
    if found is None or found.origin is None:
        pytest.skip("this Python came without its example of an extension module")
    copy = shutil.copy(found.origin, project.folder)
    project.write_strategy("self.stake = xxlimited.foo(1, 2)", "import xxlimited")
    (used,) = project.use()
    assert used.stake == 3
    with Path(copy).open("ab") as file:
        file.write(b"\0")
    assert project.change(used) == f"{Path(copy).name} changed"


def test_installed_distributions_count_by_version(project):
    project.write_strategy("pass", "import numpy as np\nimport scipy.stats\nfrom betfairlightweight import filters")
    (used,) = project.use()
    assert used.dependencies.distributions["numpy"] == np.__version__
    assert set(used.dependencies.distributions) == {"numpy", "scipy"}
    assert set(modules(used)) == {"own"}
    older = Dependencies(distributions={"numpy": "1.0", "no-such-distribution": "2.0"})
    assert what_changed(older) == f"numpy is {np.__version__}, was 1.0"
    assert what_changed(Dependencies(distributions={"no-such": "2.0"})) == "no-such is gone, was 2.0"


def test_what_is_installed_counts_by_version_and_what_is_editable_by_content(project, pool):
    folder = project.folder.parent / f"{project.folder.name}-environment"
    away = Project(folder, pool)
    for name in ("installed", "editable"):
        away.write(
            f"site-packages/{name}-1.5.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n"
        )
        away.write(f"site-packages/{name}-1.5.dist-info/RECORD", f"{name}/__init__.py,,\n")
    away.write("site-packages/installed/__init__.py", "import numpy")
    away.write("site-packages/by_hand.py", "")
    away.write("source/editable/__init__.py", "")
    project.write_strategy("pass", "import installed, editable, by_hand")
    (used,) = project.use(path=[f"{folder}/site-packages", f"{folder}/source"])
    assert used.dependencies.distributions == {"installed": "1.5"}
    assert set(modules(used)) == {"own", "editable", "by_hand"}
    away.write("source/editable/__init__.py", "STAKE = 1")
    assert project.change(used).endswith("installed is gone, was 1.5")


FINDER = """
import sys
from importlib.util import spec_from_file_location

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return spec_from_file_location(name, "elsewhere/editable.py") if name == "editable" else None

sys.meta_path.append(Finder)
"""


def test_an_editable_package_that_is_found_by_a_finder_of_its_own(project):
    """Setuptools' finders do not go through the folders of the path."""
    project.write("finder.py", FINDER)
    path = project.write("elsewhere/editable.py", "STAKE = 2.0\n")
    before = path.stat()
    compile_in_its_own_process(path)
    project.write_strategy("self.stake = editable.STAKE", "import finder\nimport editable")
    assert project.use()[0].stake == 2.0
    project.write("elsewhere/editable.py", "STAKE = 5.0\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    (used,) = project.use()
    assert used.stake == 5.0
    assert {module.path for module in modules(used).values()} == {"own.py", "finder.py", "elsewhere/editable.py"}


def test_this_projects_strategies_do_not_depend_on_one_another():
    favourite, rated = dependencies_of(BackFavourite), dependencies_of(RatedPrice)
    assert set(favourite.modules) == {"strategies.back_favourite", "strategies.base"}
    assert set(rated.modules) == {"strategies.rated_price", "strategies.base"}
    assert set(rated.distributions) == {"pydantic"}
    assert what_changed(favourite) is None
    assert what_changed(rated) is None


def test_another_process_says_the_same(pool):
    assert pool.run(dependencies_of, RatedPrice) == dependencies_of(RatedPrice)


def test_this_projects_strategies_are_the_same_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    at_home = dependencies_of(RatedPrice)
    monkeypatch.chdir(tmp_path)
    assert dependencies_of(RatedPrice) == at_home
    assert what_changed(at_home) is None


def test_a_module_in_a_file_that_is_not_called_as_source_is(project):
    project.write("rules.txt", "STAKE = 2.0\n")
    project.write_strategy(
        "self.stake = SourceFileLoader('rules', 'rules.txt').load_module().STAKE",
        "import warnings; warnings.simplefilter('ignore')\nfrom importlib.machinery import SourceFileLoader",
    )
    (used,) = project.use()
    assert used.stake == 2.0
    assert project.change(used) is None
    project.write("rules.txt", "STAKE = 5.0\n")
    assert project.change(used) == "rules.txt changed"


def test_the_engine_is_not_followed(project):
    project.write_strategy("pass", "from tasks.errors import StrategyError\nimport flows")
    assert set(modules(project.use()[0])) == {"own"}


texts = st.text(max_size=4)
digests = st.none() | st.sampled_from(["aa", "bb"])
found = st.dictionaries(texts, st.none() | st.builds(Module, texts, digests), max_size=3)
any_dependencies = st.builds(
    Dependencies,
    modules=found,
    imported=found,
    distributions=st.dictionaries(texts, st.sampled_from(["1", "2"]), max_size=3),
    files=st.dictionaries(texts, digests, max_size=3),
    folders=st.dictionaries(texts, digests, max_size=3),
)


@given(any_dependencies)
def test_what_is_written_down_is_read_again(dependencies):
    text = dependencies.to_json()
    assert Dependencies.from_json(text) == dependencies
    assert Dependencies.from_json(text).to_json() == text
    assert json.loads(text)


@given(any_dependencies, any_dependencies)
def test_merging_does_not_depend_on_the_order_and_adds_nothing_twice(one, other):
    assert one.merged(other) == other.merged(one)
    assert one.merged(one) == one.merged(Dependencies()) == one
    assert one.merged(other).merged(other) == one.merged(other)


def test_what_two_parts_saw_differently_is_not_believed(tmp_path):
    file = tmp_path / "prices.csv"
    file.write_text("1")
    one, other = Dependencies(files={str(file): "aa"}), Dependencies(files={str(file): "bb"})
    assert what_changed(one.merged(other)) == f"{file} changed while it was used"
    modules = (
        Dependencies(modules={"own": Module("own.py", "aa", ("own.py", "/in/own.py"))}),
        Dependencies(modules={"own": Module("own.py", "b")}),
    )
    assert what_changed(modules[0].merged(modules[1])) == "own changed while it was used"
