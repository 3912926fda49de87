"""The ratings service on this machine, asked as the real one is."""

import threading

import pytest
import requests

from sample.ratings import as_csv
from sample.server import serve

ADDRESS = "/api/widgets/iggy-joey/datasets"
QUERY = {"date": "2026-01-01", "presenter": "RatingsPresenter", "csv": "true"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ratings")
    (folder / "2026-01-01.csv").write_bytes(as_csv([("Larkfield", *"123456789")]))
    return folder


@pytest.fixture(scope="module")
def base(folder):
    with serve(folder) as base:
        yield base


@pytest.mark.parametrize("model", ["iggy-joey", "kash-ratings-model"])
def test_a_day_with_racing(base, folder, model):
    answer = requests.get(f"{base}/api/widgets/{model}/datasets", params=QUERY, timeout=60)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.content == (folder / "2026-01-01.csv").read_bytes()


def test_a_day_without_racing_has_a_header_only(base):
    answer = requests.get(base + ADDRESS, params={**QUERY, "date": "2026-02-01"}, timeout=60)
    assert answer.status_code == 200
    assert answer.content == as_csv()
    assert answer.text.startswith("meetings.name,")
    assert answer.text.count("\r\n") == 1


@pytest.mark.parametrize(
    "asked",
    [
        {"date": "20260101"},
        {"date": "yesterday"},
        {"date": "../2026-01-01"},
        {"date": ""},
        {"presenter": "Other"},
        {"csv": "false"},
    ],
    ids=str,
)
def test_other_questions_are_not_found(base, asked):
    assert requests.get(base + ADDRESS, params={**QUERY, **asked}, timeout=60).status_code == 404


@pytest.mark.parametrize("path", ["/", "/api/widgets/other/datasets", ADDRESS + "/"])
def test_other_addresses_are_not_found(base, path):
    assert requests.get(base + path, params=QUERY, timeout=60).status_code == 404


def test_it_says_nothing(folder, capfd):
    with serve(folder) as base:
        requests.get(base + ADDRESS, params=QUERY, timeout=60)
        requests.get(base + "/", timeout=60)
    assert capfd.readouterr() == ("", "")


def test_it_ends_with_its_block(folder):
    before = threading.enumerate()
    with serve(folder) as base:
        port = int(base.rpartition(":")[2])
        requests.get(base + ADDRESS, params=QUERY, timeout=60)
    assert threading.enumerate() == before
    with serve(folder, port) as again:
        assert again == base
    with pytest.raises(requests.ConnectionError):
        requests.get(base, timeout=60)


def test_it_ends_when_its_block_fails(folder):
    before = threading.enumerate()
    with pytest.raises(RuntimeError), serve(folder):
        raise RuntimeError
    assert threading.enumerate() == before
