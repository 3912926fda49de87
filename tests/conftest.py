"""What every test can ask for: the real data, where it is."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real market files and the orders that plain flumine gives on them."""
    folder = os.environ.get("BACKTEST_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("BACKTEST_TEST_DATA does not name the folder of real market files")
    return Path(folder)
