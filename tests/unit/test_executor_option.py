"""Which addresses `--executor` takes, and of a run that may not import strategies of one's own."""

import pytest
from pydantic import ValidationError

from flows.parameters import BacktestParameters


def executor(address: str) -> str:
    return BacktestParameters(archives=["month.tar"], executor=address).executor


@pytest.mark.parametrize("address", ["local", "dask", "dask://scheduler:8786", "tls://10.0.0.1:8786", "dask://[::1]:1"])
def test_an_address_is_taken(address: str):
    assert executor(address) == address


@pytest.mark.parametrize(
    "address",
    ["", "Local", "tcp://scheduler:8786", "dask://scheduler", "dask://me:word@scheduler:8786", "dask://a:1/x"],
)
def test_what_is_no_address_is_refused(address: str):
    with pytest.raises(ValidationError, match="give local, dask, dask://host:port or tls://host:port"):
        executor(address)


def test_where_no_code_of_ones_own_may_run_only_the_machines_own_cluster_is_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BACKTEST_OWN_STRATEGIES", "false")
    monkeypatch.setenv("BACKTEST_EXECUTOR", "dask://ours:8786")
    assert executor("dask://ours:8786") == "dask://ours:8786"
    assert executor("local") == "local"
    with pytest.raises(ValidationError, match="start `backtest serve` with BACKTEST_EXECUTOR=dask://theirs:8786"):
        executor("dask://theirs:8786")
