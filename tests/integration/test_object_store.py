"""A lake and an archive on a real S3 server."""


def test_a_lake_on_a_store_is_that_of_a_disk(s3, backtest_json, month, tmp_path):
    bucket = s3.new_bucket()
    s3.files().put_file(str(month.archive), f"{bucket}/{month.archive.name}")
    asked = ("run", "--strategy", "back_favourite", "--chunk-bytes", 150_000)
    there = backtest_json(*asked, f"{bucket}/{month.archive.name}", "--lake", f"{bucket}/lake", **s3.environment)
    here = backtest_json(*asked, month.archive, "--lake", tmp_path)
    assert there["variants"] == here["variants"]
    again = backtest_json(*asked, f"{bucket}/{month.archive.name}", "--lake", f"{bucket}/lake", **s3.environment)
    assert all(stage["cached"] for stage in again["stages"].values())
