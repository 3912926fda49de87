"""Which files a strategy depends on: what it opened, listed or declared, by content."""

import gzip
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from strategy_project import Project

from strategies import BackFavourite
from tasks.errors import StrategyError
from tasks.variants.dependencies.opened_files import declared
from tasks.variants.dependencies.record import dependencies_of
from tasks.workers import worker_pool

CLASS = """
import functools, glob, gzip, os, pathlib, pkgutil, sqlite3, threading
import numpy as np
import pandas as pd
"""

PRICES = """
def prices(path):
    with open(path) as file:
        return file.read()
"""


@pytest.fixture(scope="module")
def pool():
    with worker_pool(1) as pool:
        yield pool


@pytest.fixture
def project(tmp_path, pool):
    return Project(tmp_path, pool)


def files(used):
    return set(used.dependencies.files)


def folders(used):
    return set(used.dependencies.folders)


def write_prices(folder, number):
    (folder / "prices.csv").write_text(f"price\n{number}\n")
    np.save(folder / "prices.npy", np.array([number]))
    with gzip.open(folder / "prices.gz", "wt") as file:
        file.write(str(number))
    database = sqlite3.connect(folder / "prices.db")
    database.execute("CREATE TABLE IF NOT EXISTS prices (price)")
    database.execute("INSERT INTO prices VALUES (?)", [number])
    database.commit()
    database.close()


@pytest.mark.parametrize(
    ("reads", "name"),
    [
        ("self.stake = open('prices.csv').read()", "prices.csv"),
        ("self.stake = open(os.path.abspath('prices.csv'), 'r+').read()", "prices.csv"),
        ("file = open(b'./prices.csv', 'a+'); file.seek(0); self.stake = file.read()", "prices.csv"),
        ("self.stake = pathlib.Path('prices.csv').read_text()", "prices.csv"),
        ("self.stake = os.read(os.open('prices.csv', os.O_RDONLY), 9)", "prices.csv"),
        ("self.stake = float(pd.read_csv('prices.csv').price[0])", "prices.csv"),
        ("self.stake = float(np.load('prices.npy')[0])", "prices.npy"),
        ("self.stake = float(np.memmap('prices.npy')[0])", "prices.npy"),
        ("self.stake = gzip.open('prices.gz').read()", "prices.gz"),
        ("self.stake = pkgutil.get_data('own', 'prices.csv')", "prices.csv"),
        ("self.stake = list(sqlite3.connect('prices.db').execute('SELECT * FROM prices'))", "prices.db"),
        ("self.stake = list(sqlite3.connect('file:prices.db?mode=ro', uri=True).execute('SELECT 1'))", "prices.db"),
        ("exec(open('prices.csv').read().replace('price', 'self.stake ='). replace('\\n', ' '))", "prices.csv"),
    ],
)
def test_a_file_that_is_read(project, reads, name):
    write_prices(project.folder, 2)
    project.write_strategy(f"import warnings; warnings.simplefilter('ignore'); {reads}", CLASS)
    (used,) = project.use()
    assert used.stake
    assert {Path(path).name for path in files(used)} - {f"{name}-wal"} == {name}
    assert project.change(used) is None
    os.utime(project.folder / name, (1, 1))
    assert project.change(used) is None
    write_prices(project.folder, 5)
    assert project.change(used) == f"{name} changed"
    (project.folder / name).unlink()
    assert project.change(used) == f"{name} is gone"


@pytest.mark.parametrize(
    ("does", "head"),
    [
        ("pass", "PRICES = open('prices.csv').read()"),
        ("pass", "import helper"),
        ("import helper", ""),
        ("thread = threading.Thread(target=pd.read_csv, args=['prices.csv']); thread.start(); thread.join()", CLASS),
        ("self.stake = prices('prices.csv')", CLASS + PRICES),
        ("pass", f"{CLASS}\nt = threading.Thread(target=pd.read_csv, args=['prices.csv']); t.start(); t.join()"),
    ],
)
def test_wherever_it_is_read(project, does, head):
    write_prices(project.folder, 2)
    project.write("helper.py", "PRICES = open('prices.csv').read()")
    project.write_strategy(does, head)
    first, second = project.use("a", "b")
    assert files(first) == files(second) == {"prices.csv"}
    write_prices(project.folder, 5)
    assert project.change(first) == project.change(second) == "prices.csv changed"


def test_a_strategy_that_is_installed(project):
    write_prices(project.folder, 2)
    project.write("site-packages/theirs-1.5.dist-info/METADATA", "Metadata-Version: 2.1\nName: theirs\nVersion: 1.5\n")
    project.write_strategy("self.stake = pd.read_csv('prices.csv').size", CLASS, name="site-packages/theirs.py")
    project.write("own.py", "from theirs import Own")
    (used,) = project.use(path=["site-packages"])
    assert used.stake == 1
    assert used.dependencies.distributions == {"theirs": "1.5"}
    assert files(used) == {"prices.csv"}


def test_a_file_that_is_missing(project):
    project.write_strategy(
        """
        try:
            self.stake = float(open("data/stake.txt").read())
        except OSError:
            self.stake = 2.0
        """
    )
    (used,) = project.use()
    assert used.stake == 2.0
    assert used.dependencies.files == {"data/stake.txt": None}
    assert project.change(used) is None
    project.write("data/stake.txt", "5")
    assert project.change(used) == "data/stake.txt is there now"


@pytest.mark.parametrize(
    "lists",
    [
        "glob.glob('data/*.csv')",
        "os.listdir('data')",
        "[entry.name for entry in os.scandir('data')]",
        "list(pathlib.Path('data').iterdir())",
        "list(pathlib.Path('data').glob('*.csv'))",
        "list(os.walk('data'))",
    ],
)
def test_a_folder_that_is_listed(project, lists):
    project.write("data/one.csv", "1")
    project.write_strategy(f"self.stake = len({lists})", CLASS)
    (used,) = project.use()
    assert folders(used) == {"data"}
    project.write("data/one.csv", "2")
    assert project.change(used) is None
    project.write("data/two.csv", "2")
    assert project.change(used) == "the list of files in data changed"
    shutil.rmtree(project.folder / "data")
    assert project.change(used) == "the list of files in data is gone"


@pytest.mark.parametrize(
    "lists",
    ["os.listdir(os.open('data', os.O_RDONLY))", "[name for *_, names, _ in os.fwalk('data') for name in names]"],
)
def test_a_folder_that_is_listed_when_it_is_open_already(project, lists):
    project.write("data/one.csv", "1")
    project.write_strategy(f"self.stake = len({lists})", CLASS)
    (used,) = project.use()
    assert used.stake == 1
    assert folders(used) == {"data", str(project.folder / "data")}
    project.write("data/two.csv", "2")
    assert project.change(used) == "the list of files in data changed"


def test_a_folder_that_is_missing(project):
    project.write_strategy("self.stake = len(glob.glob('data/*.csv'))", CLASS)
    (used,) = project.use()
    project.write("data/one.csv", "1")
    assert project.change(used) == "the list of files in data is there now"


def test_what_is_only_written_is_no_input(project):
    project.write("old.txt", "1")
    project.write_strategy(
        """
        for name, mode in (("new.txt", "w"), ("old.txt", "w"), ("log.txt", "a"), ("both.txt", "w+")):
            with open(name, mode) as file:
                file.write("2")
        self.stake = open("new.txt").read() + open(os.path.abspath("old.txt")).read() + open("both.txt", "r+").read()
        """,
        CLASS,
    )
    (used,) = project.use()
    assert used.stake == "222"
    assert files(used) == set()


def test_a_file_that_was_written_beside_and_put_in_its_place_is_no_input(project):
    project.write_strategy(
        """
        with open("new.tmp", "w") as file:
            file.write("2")
        os.replace("new.tmp", "new.txt")
        self.stake = open("new.txt").read()
        """,
        CLASS,
    )
    (used,) = project.use()
    assert used.stake == "2"
    assert files(used) == set()


IN_MEMORY = Path("/dev/shm")  # noqa: S108 - which Linux has


@pytest.mark.skipif(not IN_MEMORY.is_dir(), reason="this system keeps no files there")
def test_a_file_in_memory_is_an_input(project):
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=IN_MEMORY) as file:
        project.write_strategy(f"self.stake = open({file.name!r}).read()")
        (used,) = project.use()
        assert project.change(used) is None
        file.write("5")
        file.flush()
        assert project.change(used) == f"{file.name} changed"


def test_what_another_variant_wrote_is_an_input(project):
    project.write_strategy(
        """
        if self.context["variant"] == "a":
            open("left.txt", "w").close()
        open("left.txt").close()
        """
    )
    first, second = project.use("a", "b")
    assert (files(first), files(second)) == (set(), {"left.txt"})


def test_a_file_that_is_read_and_then_written_is_not_believed(project):
    project.write("count.txt", "1")
    project.write_strategy(
        """
        for _ in range(2):
            with open("count.txt", "r+") as file:
                count = int(file.read())
                file.seek(0)
                file.write(str(count + 1))
        """
    )
    (used,) = project.use()
    assert project.change(used) == "count.txt changed while it was used"
    project.write("count.txt", "1")
    assert project.change(used) == "count.txt changed while it was used"


def test_each_variant_has_its_own_files(project):
    for name in "ab":
        project.write(f"{name}.csv", name)
    project.write_strategy("open(self.context['variant'] + '.csv').close()")
    first, second = project.use("a", "b")
    assert (files(first), files(second)) == ({"a.csv"}, {"b.csv"})


def test_a_strategy_that_catches_everything(project):
    project.write("data/one.csv", "1")
    project.write_strategy(
        """
        self.stake = 0
        for path in ("data/one.csv", "data/no.csv", "data", "", "\\0", "x" * 5000, None, object(), 2.5, -1):
            for use in (open, os.listdir, os.scandir, sqlite3.connect, lambda path: os.open(path, os.O_RDONLY)):
                try:
                    use(path)
                    self.stake += 1
                except BaseException as error:
                    said = type(error).__name__
                    assert said in {"OSError", "FileNotFoundError", "IsADirectoryError", "TypeError", "ValueError",
                                    "NotADirectoryError", "OperationalError"}, said
        """,
        CLASS,
    )
    (used,) = project.use()
    assert used.stake
    assert {"data/one.csv", "data/no.csv"} <= files(used)


def test_as_deep_as_python_goes(project):
    project.write("prices.csv", "1")
    project.write_strategy(
        """
        def deeper():
            try:
                deeper()
            except RecursionError:
                pass
            try:
                open("prices.csv").close()
            except RecursionError:
                pass
        deeper()
        self.stake = 1
        """
    )
    (used,) = project.use()
    assert used.stake == 1
    assert files(used) >= {"prices.csv"}


def test_something_of_which_nothing_is_known(project):
    project.write_strategy(
        """
        here = os.getcwd()
        os.mkdir("gone")
        os.chdir("gone")
        os.rmdir(os.getcwd())
        try:
            open("prices.csv")
        except FileNotFoundError:
            self.stake = 2.0
        os.chdir(here)
        """,
        CLASS,
    )
    (used,) = project.use()
    assert used.stake == 2.0
    assert project.change(used) == "a file changed while it was used"


def test_a_pipe_is_not_read(project):
    os.mkfifo(project.folder / "pipe")
    project.write_strategy("os.open('pipe', os.O_RDONLY | os.O_NONBLOCK); self.stake = 1", CLASS)
    (used,) = project.use()
    assert used.stake == 1
    assert files(used) == set()


def test_what_belongs_to_python_and_the_system_is_no_input(project):
    project.write_strategy(
        """
        import importlib.metadata, pathlib, traceback, zoneinfo
        import wave, scipy.integrate
        import numpy as np
        importlib.metadata.entry_points()
        open("/proc/self/status").close()
        open("/dev/null").close()
        zoneinfo.ZoneInfo("Europe/London")
        open(pathlib.__file__).close()
        open(np.__file__).close()
        try:
            1 / 0
        except ZeroDivisionError:
            self.stake = traceback.format_exc()
        """
    )
    (used,) = project.use()
    assert "1 / 0" in used.stake
    assert (files(used), folders(used)) == (set(), set())


def test_what_the_engine_opens_is_no_input(project):
    project.write("prices.csv", "1")
    project.write_strategy(
        "from tasks.variants.dependencies.digests import file_digest; self.stake = file_digest('prices.csv')"
    )
    (used,) = project.use()
    assert used.stake
    assert files(used) == set()


def test_a_folder_moves_with_all_that_is_in_it(project):
    outside = project.write("outside.csv", "1").rename(project.folder.parent / f"{project.folder.name}.csv")
    project.write("data/one.csv", "1")
    project.write_strategy(f"open('data/one.csv').close(); os.listdir('data'); open({str(outside)!r}).close()", CLASS)
    (used,) = project.use()
    assert files(used) == {"data/one.csv", str(outside), f"../{outside.name}"}
    project.folder = project.folder.rename(project.folder.with_name("moved"))
    assert project.change(used) is None
    project.write("data/one.csv", "2")
    assert project.change(used) == "data/one.csv changed"


PATHS = {
    "from the working directory": "'prices.csv'",
    "out of the working directory": "'../prices.csv'",
    "written out": "{folder!r} + '/prices.csv'",
    "written out, and out of the working directory": "{folder!r} + '/../prices.csv'",
    "beside the module": "pathlib.Path(__file__).with_name('prices.csv')",
    "above the module": "pathlib.Path(__file__).parents[1] / 'prices.csv'",
    "made absolute": "os.path.abspath('prices.csv')",
    "above the working directory": "pathlib.Path.cwd().parent / 'prices.csv'",
}
LOOKS = {
    "a file": "self.stake = open({path}).read()",
    "a folder": "self.stake = sorted(os.listdir(pathlib.Path({path}).parent))",
}


@pytest.mark.parametrize("does", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("changed", ["one/in/prices.csv", "one/prices.csv", "two/in/prices.csv", "two/prices.csv"])
def test_in_a_copy_of_the_folder_it_is_noticed_whatever_it_would_read_there(project, does, path, changed):
    top = project.folder
    project.folder = top / "one" / "in"
    project.write("prices.csv", "2")
    project.write("../prices.csv", "2")
    project.write_strategy(does.format(path=path.format(folder=str(project.folder))), CLASS)
    (used,) = project.use()
    assert project.change(used) is None
    shutil.copytree(top / "one", top / "two")
    for name in (changed, f"{changed}.more"):
        (top / name).write_text("5")
    project.folder = top / "two" / "in"
    (there,) = project.use()
    assert there.stake == used.stake or project.change(used) is not None
    assert project.change(there) is None


def test_a_path_that_is_written_out_is_the_same_from_elsewhere(project):
    away = project.folder / "away"
    away.mkdir()
    project.write("library/prices.csv", "2")
    path = f"{project.folder}/library/prices.csv"
    project.write_strategy(f"self.stake = open({path!r}).read()", CLASS)
    (used,) = project.use()
    assert files(used) == {path, "library/prices.csv"}
    project.write("library/prices.csv", "5")
    project.folder = away
    assert project.change(used) is not None


@pytest.mark.parametrize(
    "reads",
    [
        "open(__file__).read()",
        "pathlib.Path('own.py').read_text()",
        "__loader__.get_data(__file__)",
        "__loader__.get_source(__name__)",
        "pkgutil.get_data(__name__, 'own.py')",
        "inspect.getsource(Own)",
        "inspect.getsource(inspect.getmodule(Own))",
        "linecache.getlines(__file__)",
        "sorted(str(line) for line in inspect.stack(context=9)[0].code_context)",
        "list(tokenize.generate_tokens(tokenize.open(__file__).readline))",
    ],
)
@pytest.mark.parametrize("where", ["as it runs", "as it is imported"])
def test_its_own_source_is_a_file_to_who_reads_it(project, reads, where):
    head = f"{CLASS}import inspect, linecache, tokenize\n"
    if where == "as it runs":
        project.write_strategy(f"self.stake = {reads}  # two", head)
    else:
        project.write_strategy("self.stake = SOURCE", head)
        project.write("own.py", project.folder.joinpath("own.py").read_text() + f"\n\nSOURCE = {reads}  # two\n")
    both = project.use("a", "b")
    assert all(used.stake and project.change(used) is None for used in both)
    own = project.folder / "own.py"
    own.write_text(own.read_text().replace("# two", "# five"))
    for used in both:
        assert "own.py changed" in project.change(used)


def test_the_source_of_a_module_that_is_only_imported_is_none(project):
    project.write("helper.py", "STAKE = 2.0  # two\n")
    project.write_strategy(
        """
        def fail():
            1 / 0  # two
        try:
            fail()
        except ZeroDivisionError:
            traceback.format_exc()
        warnings.simplefilter("default")
        warnings.warn("shown")
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        self.stake = helper.STAKE
        """,
        f"{CLASS}import helper, traceback, warnings\n",
    )
    (used,) = project.use()
    assert used.stake == 2.0
    assert files(used) == set()
    for name in ("own.py", "helper.py"):
        path = project.folder / name
        path.write_text(path.read_text().replace("# two", "# five"))
    assert project.change(used) is None


MAKES = {
    "a file": "open('lock', 'x').close()",
    "a file that is read, too": "open('lock', 'x+').close()",
    "a file by its descriptor": "os.close(os.open('lock', os.O_CREAT | os.O_EXCL | os.O_WRONLY))",
    "a file by pathlib": "pathlib.Path('lock').touch(exist_ok=False)",
    "a link": "os.symlink('prices.csv', 'lock')",
    "a hard link": "os.link('prices.csv', 'lock')",
}


@pytest.mark.parametrize("makes", MAKES.values(), ids=MAKES)
def test_who_makes_a_file_that_must_not_be_there_asks_whether_it_is(project, makes):
    project.write("prices.csv", "1")
    project.write_strategy(
        f"""
        try:
            {makes}
            self.stake = 2.0
        except FileExistsError:
            self.stake = 5.0
        """,
        CLASS,
    )
    first, second = project.use("a", "b")
    assert (first.stake, second.stake) == (2.0, 5.0)
    assert project.change(first) == "lock is there now"
    assert project.change(second) is None
    (project.folder / "lock").unlink()
    assert project.change(first) is None
    assert project.change(second) == "lock is gone"


def test_a_temporary_file_asks_nothing(project):
    project.write_strategy(
        """
        number, name = tempfile.mkstemp(dir=".")
        os.close(number)
        with tempfile.TemporaryFile() as file:
            self.stake = file.write(b"2")
        """,
        f"{CLASS}import tempfile\n",
    )
    (used,) = project.use()
    assert used.stake == 1
    assert files(used) == set()


def test_a_file_is_the_same_by_each_of_its_names(project):
    project.write("real.txt", "1")
    (project.folder / "link.txt").symlink_to("real.txt")
    project.write_strategy(
        """
        with open("link.txt", "w") as file:
            file.write("2")
        self.stake = open("real.txt").read() + open(os.path.abspath("./link.txt")).read()
        """,
        CLASS,
    )
    (used,) = project.use()
    assert used.stake == "22"
    assert files(used) == set()


def test_a_change_that_left_size_and_time_alone(project):
    path = project.write("prices.csv", "2")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    project.write_strategy("self.stake = open('prices.csv').read()")
    (used,) = project.use()
    assert project.change(used) is None
    path.write_text("5")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert project.change(used) == "prices.csv changed"


def test_what_waits_beside_a_database(project):
    database = sqlite3.connect(project.folder / "prices.db")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE prices (price)")
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    project.write_strategy("sqlite3.connect('prices.db').close()", CLASS)
    (used,) = project.use()
    assert project.change(used) is None
    database.execute("INSERT INTO prices VALUES (2)")
    database.commit()
    assert project.change(used) == "prices.db-wal is there now"
    database.close()


READS = """
from flumine import BaseStrategy

class Own(BaseStrategy):
    reads = {reads}
    def __init__(self, **flumine): ...
"""


def test_what_is_declared(project):
    path = project.folder / "prices.parquet"
    pq.write_table(pa.table({"price": [2.0]}), path)
    project.write("data/deep/one.csv", "1")
    project.write("own.py", READS.format(reads="['prices.parquet', 'data', 'none.csv']"))
    (used,) = project.use()
    assert files(used) == {"prices.parquet", "data/deep/one.csv", "none.csv"}
    assert folders(used) == {"data", "data/deep"}
    assert project.change(used) is None
    pq.write_table(pa.table({"price": [5.0]}), path)
    assert project.change(used) == "prices.parquet changed"
    (used,) = project.use()
    project.write("data/deep/two.csv", "2")
    assert project.change(used) == "the list of files in data/deep changed"
    (used,) = project.use()
    project.write("data/deep/two.csv", "3")
    assert project.change(used) == "data/deep/two.csv changed"
    (used,) = project.use()
    project.write("none.csv", "")
    assert project.change(used) == "none.csv is there now"


@pytest.mark.parametrize("reads", ["prices.csv", 7, [7], None])
def test_a_declaration_that_is_none(reads):
    with pytest.raises(StrategyError, match="give a list of paths"):
        declared(reads)


def test_nothing_is_recorded_while_no_strategy_runs(project):
    assert not dependencies_of(BackFavourite).files
