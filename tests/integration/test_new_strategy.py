"""`backtest new`: the file that it writes is a strategy that runs, and no file of the user's is lost to it."""

import pytest


def test_what_is_written_runs_and_bets(backtest, backtest_json, month, tmp_path):
    mine = tmp_path / "mine.py"
    assert f"--strategy {mine}:MyStrategy" in backtest("new", mine).stdout
    assert "noqa" not in mine.read_text("utf-8")
    choices = ("--strategy", f"{mine}:MyStrategy", "--strategy", f"{mine}:MyStrategy:highest_price=1.01")
    report = backtest_json("run", month.archive, *choices, "--lake", tmp_path / "lake")
    first, second = report["variants"]
    assert first["replayed"] == second["replayed"] == 60
    assert first["bets"] > 0
    assert second["bets"] == 0
    assert not [said for said in report["notices"] if "keeps" in said or "refused" in said]


@pytest.mark.parametrize("name", ["mine", "mine.txt", "my-own.py", "1.py"])
def test_what_is_no_module_is_refused(backtest, tmp_path, name):
    assert "such as my_strategy.py" in backtest("new", tmp_path / name, expect=2).stderr
    assert not list(tmp_path.iterdir())


def test_a_file_of_the_users_is_kept(backtest, tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("EDGE = 1")
    assert "give another name" in backtest("new", mine, expect=2).stderr
    assert mine.read_text() == "EDGE = 1"
    assert "cannot be written" in backtest("new", tmp_path / "gone" / "mine.py", expect=2).stderr
