"""Where a user's own strategies are found, and what hides a file of theirs."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAD = "from flumine import BaseStrategy\n"
MINE = f"{HEAD}class Mine(BaseStrategy):\n    edge = 1\n"

# In a process of its own: what was imported once stays.
PROGRAM = """
import sys
from tasks.errors import StrategyError
from tasks.variants.variant import Account, make_variant
for name in sys.argv[1:]:
    try:
        made = make_variant(name, {}, ratings="", window="80s", account=Account())
    except StrategyError as error:
        print(error)
    else:
        print(made.name, made.id)
"""


@pytest.fixture
def use(tmp_path: Path):
    def use(*names: str, cwd: Path = tmp_path) -> list[str]:
        command = [sys.executable, "-c", f"import sys; sys.path.remove('')\n{PROGRAM}", *names]
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
        assert not done.returncode, done.stderr
        return done.stdout.splitlines()

    return use


def write(folder: Path, **modules: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


def test_a_file_and_its_module_are_the_same_variant_from_wherever(tmp_path: Path, use):
    folder = tmp_path / "ideas"
    write(folder, mine=f"import edges\n{MINE}", edges="EDGE = 1\n")
    (by_path,) = use("ideas/mine.py:Mine")
    assert by_path.startswith("mine:Mine mine.Mine-")
    assert use(f"{folder}/mine.py:Mine") == use("mine:Mine", cwd=folder) == use("mine.py:Mine", cwd=folder) == [by_path]


def test_a_folder_with_names_of_this_project_works(tmp_path: Path, use):
    write(tmp_path / "strategies", __init__="", mine=MINE)
    write(tmp_path, sample="raise SystemExit", tasks="raise SystemExit", flows="raise SystemExit", mine=MINE)
    said = use("back_favourite", "mine:Mine", "strategies:Mine")
    assert [line.partition(" ")[0] for line in said[:2]] == ["back_favourite", "mine:Mine"]
    assert said[2].endswith("strategies/__init__.py; rename that file")


@pytest.mark.parametrize("hidden", ["tasks", "flumine", "random"])
def test_what_a_name_hides_is_said(hidden: str, tmp_path: Path, use):
    write(tmp_path / "ideas", **{hidden: MINE, "importing": f"import {hidden}\n{MINE}", "within": "import importing"})
    file, imported = use(f"ideas/{hidden}.py:Mine", "ideas/importing.py:Mine")
    for line, name in ((file, hidden), (imported, "importing")):
        assert line.startswith(f"ideas/{name}.py:Mine: Python takes ")
        assert line.endswith(f"ideas/{hidden}.py; rename that file")


def test_a_second_file_of_the_same_name(tmp_path: Path, use):
    for folder in ("first", "second"):
        write(tmp_path / folder, mine=MINE)
    _, second = use("first/mine.py:Mine", "second/mine.py:Mine")
    assert second.endswith("second/mine.py; rename that file")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no.py:Mine", "no.py:Mine: there is no file no.py"),
        ("mine.py", "mine.py: name its class, mine.py:MyStrategy"),
        ("mine.py:Yours", "mine.py:Yours: the module mine has no Yours"),
        ("my-strategy.py:Mine", "my-strategy.py:Mine: Python cannot import a file called my-strategy.py; rename it"),
    ],
)
def test_what_is_wrong_is_one_line(name: str, said: str, tmp_path: Path, use):
    write(tmp_path, **{"mine": MINE, "my-strategy": MINE})
    (line,) = use(name)
    assert line.startswith(said)
