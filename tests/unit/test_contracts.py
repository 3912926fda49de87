"""Who may import whom, as pyproject.toml says it: each contract, broken in a copy of the code, fails `make lint`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("flows", "tasks", "strategies", "sample")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("module", "imported", "broken"),
    [
        ("tasks/lake/store.py", "flows.parameters", "flows, tasks, strategies"),
        ("strategies/base.py", "tasks.errors", "flows, tasks, strategies"),
        ("tasks/extraction/chunks.py", "tasks.simulation.replay", "stages do not import one another"),
        ("tasks/aggregation/worth.py", "tasks.simulation.replay", "stages do not import one another"),
        ("tasks/windows/window.py", "tasks.orders.session", "stages do not import one another"),
        ("tasks/simulation/order_rows.py", "prefect", "never imports Prefect"),
        ("tasks/cluster/inside.py", "distributed", "never imports Dask"),
        ("tasks/simulation/ticks.py", "tasks.simulation.lean.cache", "entered by its door"),
    ],
)
def test_a_broken_contract_fails_the_lint(copy: Path, module: str, imported: str, broken: str):
    changed = copy / module
    changed.write_text(f"import {imported}  # noqa\n{changed.read_text(encoding='utf-8')}", encoding="utf-8")
    found = lint(copy)
    assert found.returncode == 1
    assert f"{broken} BROKEN" in " ".join(found.stdout.split())


def test_a_new_room_needs_its_place(copy: Path):
    (copy / "tasks" / "attic").mkdir()
    (copy / "tasks" / "attic" / "__init__.py").touch()
    assert lint(copy).returncode == 1


def test_the_code_as_it_is_keeps_all(copy: Path):
    assert lint(copy).returncode == 0
