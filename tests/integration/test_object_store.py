"""A lake and an archive on a real S3 server."""

import pytest


def test_a_lake_on_a_store_is_that_of_a_disk(s3, backtest_json, month, tmp_path):
    bucket = s3.new_bucket()
    s3.files().put_file(str(month.archive), f"{bucket}/{month.archive.name}")
    asked = ("run", "--strategy", "back_favourite", "--chunk-bytes", 150_000)
    there = backtest_json(*asked, f"{bucket}/{month.archive.name}", "--lake", f"{bucket}/lake", **s3.environment)
    here = backtest_json(*asked, month.archive, "--lake", tmp_path)
    assert there["variants"] == here["variants"]
    again = backtest_json(*asked, f"{bucket}/{month.archive.name}", "--lake", f"{bucket}/lake", **s3.environment)
    assert all(stage["cached"] for stage in again["stages"].values())


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wrong", "signature"),
        ("AWS_ACCESS_KEY_ID", "unknown", "access key ID"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9", "Could not connect"),
        ("AWS_ENDPOINT_URL", "nonsense", "Invalid endpoint"),
    ],
)
def test_a_store_that_refuses_is_told_in_one_line(setting, value, said, s3, backtest, month):
    bucket = s3.new_bucket()
    wrong = {**s3.environment, setting: value}
    for command, expect in (
        (("run", month.archive, "--lake", f"{bucket}/lake"), 1),
        (("run", f"{bucket}/a.tar", "--lake", "lake"), 2),
        (("show", "--lake", f"{bucket}/lake"), 1),
        (("check", "--lake", f"{bucket}/lake"), 1),
    ):
        failed = backtest(*command, expect=expect, **wrong).stderr
        assert len(failed.splitlines()) == 1, failed
        assert bucket in failed
        assert said in failed or (expect == 2 and "Forbidden" in failed)
        assert setting in failed


def test_a_bucket_that_is_not_there(s3, backtest, month):
    failed = backtest("run", month.archive, "--lake", "s3://no-such-bucket/lake", expect=1, **s3.environment).stderr
    assert len(failed.splitlines()) == 1
    assert "bucket does not exist" in failed


def test_a_user_who_may_only_read(s3, backtest, month):
    lake = f"{s3.new_bucket()}/lake"
    failed = backtest("run", month.archive, "--lake", lake, expect=1, **s3.reading_environment).stderr
    assert "Traceback" not in failed
    [told] = [line for line in failed.splitlines() if line.startswith("error: ")]
    assert "cannot be written" in told
    assert "put" in told
