"""What every test can ask for: the real data, where it is."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from s3_server import Store, serve_s3


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real market files and the orders that plain flumine gives on them."""
    folder = os.environ.get("BACKTEST_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("BACKTEST_TEST_DATA does not name the folder of real market files")
    return Path(folder)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real S3 server, with accounts that may write and that may only read."""
    with serve_s3(tmp_path_factory.mktemp("s3")) as store:
        yield store
