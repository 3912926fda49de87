"""Fingerprints: equal for what is equal, another for anything else."""

import hashlib

import pytest

from tasks.lake.fingerprint import ENGINE, digest, fingerprint


def test_sixteen_digits_that_do_not_change_from_day_to_day():
    assert fingerprint("stage", version=1, a=1) == hashlib.sha256(b'["stage",1,{"a":1}]').hexdigest()[:16]
    assert digest([b"a", b"b"]) == digest(iter([b"a", b"b"]))
    assert len(digest([])) == 16


def test_order_of_keys_and_kind_of_sequence_do_not_matter():
    assert fingerprint("s", version=1, a=1, b={"x": 1, "y": 2}) == fingerprint("s", version=1, b={"y": 2, "x": 1}, a=1)
    assert fingerprint("s", version=1, a=(1, 2)) == fingerprint("s", version=1, a=[1, 2])


def test_everything_else_does():
    prints = [
        fingerprint("s", version=1, a=1),
        fingerprint("t", version=1, a=1),
        fingerprint("s", version=2, a=1),
        fingerprint("s", version=1, a=2),
        fingerprint("s", version=1, a="1"),
        fingerprint("s", version=1, a=[1]),
        fingerprint("s", version=1, a=None),
        fingerprint("s", version=1, b=1),
        fingerprint("s", version=1),
    ]
    assert len(set(prints)) == len(prints)


def test_where_one_item_ends_counts():
    assert len({digest([b"ab", b"c"]), digest([b"a", b"bc"]), digest([b"abc"]), digest([b"abc", b""])}) == 4


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}, b"bytes"])
def test_what_has_no_one_form_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        fingerprint("s", version=1, a=value)


def test_the_engine_is_flumine_betfairlightweight_and_python():
    assert set(ENGINE) == {"flumine", "betfairlightweight", "python"}
    assert all(ENGINE.values())
