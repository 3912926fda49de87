"""Addresses that hold a secret are refused without repeating it; all others are taken, and shown without a query."""

import sys

import pytest

from tasks.addresses import check_address, shown, shown_within
from tasks.errors import InputError

SECRET = "S3cretW0rd"  # noqa: S105 - a test's own

USERS = [
    "https://u:{}@h/a.tar",
    "https://u:{}/w@h/a.tar",
    "https://u:w/{}@h/a.tar",
    "https://u:w@{}@h/a.tar",
    "https://u:w?{}@h/a.tar",
    "https://u:w#{}@h/a.tar",
    "https://u:w::{}@h/a.tar",
    "https://u:w::b://{}@h/a.tar",
    "https://u:1/{}@h/a.tar",
    "https://:{}@h/a.tar",
    "https://{}@h/a.tar",
    "HTTPS://{}@h:8080/a.tar",
    " https://{}@h/a.tar",
    "s3://AKIA:SEC/{}@b/a.tar",
    "s3://AKIA:{}@b/a.tar",
    "gs://{}@b/a.tar",
    "sftp://me:{}@h/a.tar",
    "ftp://me:{}@h:22/a.tar",
    "abfs://me:{}@account.dfs.core.windows.net/a.tar",
    "simplecache::sftp://me:{}@h/a.tar",
    "zip://a.csv::https://me:{}@h/a.zip",
    "sftp://h/a.tar::https://{}@h/a.tar",
]
QUERIES = [
    "https://h/a.tar?X-Amz-Signature={}",
    "https://h/a.tar?month=3&sig={}",
    "https://h/a.tar?token={}#x",
    "https://h/a.tar?%73ig={}",
    "https://h/a.tar?se=2026&sp={}",
    "https://h/a.tar?api_key={}",
    "https://h/a.tar?AWSAccessKeyId={}",
    "https://h/a.tar#access_token={}",
    "https://h/a.tar;jsessionid={}",
    "s3://b/a.tar?X-Amz-Credential={}",
    "simplecache::https://h/a.tar?code={}",
]

# What has nothing to do with secrets, whatever signs are in it.
PLAIN = [
    "a.tar",
    "./a@b.tar",
    "u:p@h.tar",
    "what?token=1#2.tar",
    "/data/a:b@c/d?e#f.tar",
    r"C:\Users\me@home\a.tar",
    "C:/Users/me:x@home/a.tar",
    "file:///data/a:b@c.tar?token=1",
    "memory://a@b/c:d.tar",
    "zip://u:p@inner.csv::./a.zip",
    "simplecache::./a:b@c.tar",
    "iggy",
    "s3://bucket/key@2/a.tar",
    "s3://bucket/key#1/a.tar",
    "s3://arn:aws:s3:eu-west-1:123:accesspoint/x/a.tar",
    "sftp://me@h:22/a.tar",
    "abfs://container@account.dfs.core.windows.net/a.tar",
    "https://h:8080/a.tar",
    "http://[::1]:8080/a.tar",
    "http://[::1]/a.tar",
    "https://h/package@1.2/a.csv",
]


@pytest.mark.parametrize("address", [*USERS, *QUERIES])
def test_a_secret_is_refused_in_one_line_without_it(address):
    with pytest.raises(InputError) as raised:
        check_address(address.format(SECRET), takes_query=True)
    assert SECRET not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "fsspec's own configuration" in str(raised.value)


@pytest.mark.parametrize("address", USERS)
def test_a_user_is_never_shown(address):
    assert SECRET not in shown(address.format(SECRET))
    assert SECRET not in shown_within(f"404, message='no', url='{address.format(SECRET)}'")


@pytest.mark.parametrize("address", PLAIN)
def test_what_holds_none_is_taken_and_shown_as_it_is(address):
    assert check_address(address) == address
    assert shown(address) == address


def test_the_address_of_ratings_may_have_a_query_which_is_not_shown():
    address = "https://h/ratings.csv?month=3"
    assert check_address(address, takes_query=True) == address
    assert shown(address) == "https://h/ratings.csv"
    assert shown(f"simplecache::{address}") == "simplecache::https://h/ratings.csv"
    with pytest.raises(InputError, match=r"^https://h/ratings\.csv: has a query .* give its path$"):
        check_address(address)


def test_a_name_that_is_not_utf8_is_refused_readably():
    with pytest.raises(InputError, match=r"/caf\\xe9\.tar: its name is not UTF-8; rename it$"):
        check_address("caf\udce9.tar")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_folder_whose_name_is_not_utf8_is_refused_readably(tmp_path, monkeypatch):
    folder = tmp_path / "caf\udce9"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match=r"/caf\\xe9/lake: its name is not UTF-8"):
        check_address("lake")
    assert check_address("s3://bucket/lake")


def test_other_libraries_errors_are_shown_without_queries():
    said = "500, message='x', url='http://h/a.csv?month=3' (also with url: /a.csv?month=3)"
    assert shown_within(said) == "500, message='x', url='http://h/a.csv' (also with url: /a.csv)"
    assert shown_within("is 3 ?") == "is 3 ?"
