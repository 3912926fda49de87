"""Which markets are replayed: filters on the catalogue, each market once."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from manifests import keep_manifest
from pydantic import ValidationError

from tasks.aggregation.notices import differing
from tasks.archives.catalogue import read_catalogue
from tasks.archives.market_filter import MarketFilter
from tasks.archives.selection import select_markets
from tasks.errors import BalanceError, InputError
from tasks.lake.datasets import CATALOGUE_MARKETS
from tasks.lake.store import Lake
from tasks.rejects import Reject

MORNING = datetime(2026, 1, 1, 1, tzinfo=UTC)


def market(number, *, hours=0, **changed):
    return {
        "market_id": f"1.2000000{number:02d}",
        "event_id": "34",
        "event_type_id": "4339",
        "venue": "Larkfield",
        "country_code": "AU",
        "market_type": "WIN",
        "market_time": MORNING + timedelta(hours=hours),
        "market_date": (MORNING + timedelta(hours=hours)).date(),
        "settled_time": MORNING + timedelta(hours=hours + 1),
        "announced": [MORNING + timedelta(hours=hours)],
        "market_base_rate": 7.0,
        "discount_allowed": True,
        "amended": False,
        "late_withdrawal": False,
        "late_small_withdrawal": False,
        "withdrawal_corrected": False,
        "bsp_market": True,
        "number_of_winners": 1,
        "runners": 8,
        "messages": 1,
        "bytes": 1,
        "digest": "d",
        "member": "x",
        "chunk": 1,
        **changed,
    }


CATALOGUE = [
    market(1, hours=3),
    market(2, hours=2, market_type="PLACE"),
    market(3, hours=1, venue="Wattle Creek"),
    market(4, hours=30, venue="Thornwick", country_code="GB"),
    market(5, hours=60),
    market(6, venue=None, country_code=None, market_type=None),
]


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path)
    keep(lake, "january", 1, CATALOGUE[:3])
    keep(lake, "january", 2, CATALOGUE[3:])
    return lake


def keep(lake, archive, number, rows, fingerprint="p"):
    table = pa.Table.from_pylist(rows, CATALOGUE_MARKETS.schema)
    lake.write(CATALOGUE_MARKETS.at(archive, number), table, fingerprint)


def manifests(lake, *archives):
    """Manifests of all that was kept of them."""
    files = [[(number, lake.find(CATALOGUE_MARKETS.at(a, number))) for number in (1, 2)] for a in archives]
    kept = [[(number, file.rows) for number, file in of_archive if file] for of_archive in files]
    return [keep_manifest(lake, *pair) for pair in zip(archives, kept, strict=True)]


def chosen(lake, *archives, **wanted):
    markets, _ = select_markets(lake, manifests(lake, *(archives or ("january",))), MarketFilter(**wanted))
    return [int(market_id[-2:]) for market_id in markets["market_id"]]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({}, [3, 1, 4, 5]),
        ({"market_types": []}, [6, 3, 2, 1, 4, 5]),
        ({"market_types": ["PLACE"]}, [2]),
        ({"market_types": ["place", "Win"]}, [3, 2, 1, 4, 5]),
        ({"countries": ["gb"]}, [4]),
        ({"countries": ["GB", "AU"]}, [3, 1, 4, 5]),
        ({"venues": ["wattle creek"]}, [3]),
        ({"venues": ["LARKFIELD"], "market_types": []}, [2, 1, 5]),
        ({"date_from": date(2026, 1, 2)}, [4, 5]),
        ({"date_to": date(2026, 1, 1)}, [3, 1]),
        ({"date_from": date(2026, 1, 2), "date_to": date(2026, 1, 2)}, [4]),
        ({"countries": ["AU"], "date_from": "2026-01-02"}, [5]),
        ({"market_ids": ["1.200000003"]}, [3]),
        ({"market_ids": ["1.200000005", "1.200000003"], "date_to": "2026-01-03"}, [3, 5]),
        ({"market_ids": ["1.200000001"], "market_types": ["WIN", "PLACE"]}, [1]),
    ],
)
def test_filters(lake, wanted, numbers):
    assert chosen(lake, **wanted) == numbers


def test_a_market_that_is_named_is_meant_whatever_its_type(lake):
    assert chosen(lake, market_ids=["1.200000002", "1.200000006"]) == [6, 2]
    # The form fills the default in, and the parameters of a run are written down with it.
    assert chosen(lake, market_ids=["1.200000002"], market_types=["WIN"]) == [2]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"market_ids": ["1.200000009"]}, ["market 1.200000009 is not in january"]),
        ({"market_ids": ["1.2000001", "1.200000001"]}, ["market 1.2000001 is not in january", "nine digits"]),
        (
            {"market_ids": ["1.200000002"], "market_types": ["EACH_WAY"]},
            ["market 1.200000002 does not pass the other filters: its market_type is PLACE"],
        ),
        (
            {"market_ids": ["1.200000001", "1.200000004"], "countries": ["AU"], "date_to": "2026-01-01"},
            ["market 1.200000004 does", "its country_code is GB and its market_date is 2026-01-02"],
        ),
        ({"market_ids": ["1.200000006"], "venues": ["Larkfield"]}, ["market 1.200000006 does", "it has no venue"]),
        ({"market_ids": ["1.300000001", "1.300000002"]}, ["1.300000001 is not in", "; market 1.300000002 is not in"]),
    ],
)
def test_a_market_that_is_named_and_not_taken_is_told_why(lake, wanted, said):
    with pytest.raises(InputError) as error:
        chosen(lake, **wanted)
    text = str(error.value)
    assert "\n" not in text
    assert "market 1.200000001" not in text, "that one is there"
    for words in said:
        assert words in text


def test_a_market_that_is_named_is_looked_for_in_every_archive(lake):
    keep(lake, "february", 1, [market(9), CATALOGUE[1]])
    assert chosen(lake, "january", "february", market_ids=["1.200000009"]) == [9]
    with pytest.raises(InputError, match=r"market 1\.200000008 is not in january, february"):
        chosen(lake, "january", "february", market_ids=["1.200000008"])
    _, rejects = select_markets(lake, manifests(lake, "january", "february"), MarketFilter(market_ids=["1.200000002"]))
    assert list(rejects) == ["february"]


def test_markets_come_in_order_of_their_time(lake):
    markets, rejects = select_markets(lake, manifests(lake, "january"), MarketFilter(market_types=[]))
    assert markets["market_time"].is_monotonic_increasing
    assert set(markets["archive"]) == {"january"}
    assert rejects == {}


@pytest.mark.parametrize(
    "wanted",
    [
        {"market_types": ["EACH_WAY"]},
        {"countries": ["NZ"]},
        {"venues": ["Larkfeld"]},
        {"date_from": date(2027, 1, 1)},
        {"countries": ["GB"], "venues": ["Larkfield"]},
    ],
)
def test_nothing_left_lists_what_there_is(lake, wanted):
    with pytest.raises(InputError) as error:
        select_markets(lake, manifests(lake, "january"), MarketFilter(**wanted))
    text = str(error.value)
    assert "\n" not in text
    for words in (
        "no market passes the filter",
        "types PLACE, WIN",
        "countries AU, GB",
        "venues Larkfield, Thornwick, Wattle Creek",
        "days 2026-01-01 to 2026-01-03",
    ):
        assert words in text


def test_the_first_copy_of_a_market_decides_whether_it_passes(lake):
    keep(lake, "february", 1, [{**CATALOGUE[0], "venue": "Elsewhere"}])
    both = manifests(lake, "january", "february")
    with pytest.raises(InputError, match="no market passes the filter"):
        select_markets(lake, both, MarketFilter(venues=["Elsewhere"]))
    markets, rejects = select_markets(lake, both, MarketFilter(venues=[CATALOGUE[0]["venue"]]))
    assert set(markets["archive"]) == {"january"}
    assert [reject.what for reject in rejects["february"]] == [CATALOGUE[0]["market_id"]]


def test_a_market_in_two_archives_is_taken_once(lake):
    keep(lake, "february", 1, [CATALOGUE[0], market(9, hours=4), CATALOGUE[4]])
    markets, rejects = select_markets(lake, manifests(lake, "january", "february"), MarketFilter())
    assert [(int(m[-2:]), a) for m, a in zip(markets["market_id"], markets["archive"], strict=True)] == [
        (3, "january"),
        (1, "january"),
        (9, "february"),
        (4, "january"),
        (5, "january"),
    ]
    twice = "an earlier archive has it"
    assert rejects == {"february": [Reject(CATALOGUE[n]["market_id"], "market twice", twice) for n in (0, 4)]}
    markets, rejects = select_markets(lake, manifests(lake, "february", "january"), MarketFilter())
    assert list(markets.loc[markets["market_id"] == CATALOGUE[0]["market_id"], "archive"]) == ["february"]
    assert list(rejects) == ["january"]


def test_another_copy_of_a_market_is_told(lake):
    keep(lake, "february", 1, [CATALOGUE[0], market(5, hours=60, digest="another"), market(9, hours=4)])
    both = manifests(lake, "january", "february")
    markets, _ = select_markets(lake, both, MarketFilter())
    [said] = differing(lake, both, markets)
    assert said.startswith(
        f"february has 1 market with other messages than an archive before it (first {CATALOGUE[4]['market_id']})"
    )
    assert not list(differing(lake, both, markets[markets["archive"] == "february"]))
    assert not list(differing(lake, both[:1], markets))


def test_copies_that_the_filter_leaves_out_anyway_are_no_rejects(lake):
    keep(lake, "february", 1, [CATALOGUE[1], market(9)])
    _, rejects = select_markets(lake, manifests(lake, "january", "february"), MarketFilter())
    assert rejects == {}


def test_a_month_of_markets_without_venues(lake):
    nowhere = {"venue": None, "country_code": None}
    keep(lake, "football", 1, [market(n, **nowhere) for n in (7, 8)])
    assert chosen(lake, "football") == [7, 8]
    with pytest.raises(InputError, match="types WIN"):
        chosen(lake, "football", venues=["Larkfield"])


def test_an_archive_without_a_market_that_can_be_replayed(lake):
    with pytest.raises(InputError, match="march: no market can be replayed"):
        chosen(lake, "march")
    assert chosen(lake, "january", "march") == chosen(lake, "march", "january") == chosen(lake, "january")


@pytest.mark.parametrize("wrong", ["a/b", "", "WIN,PLACE", "..", "WIN PLACE"])
def test_a_market_type_that_is_none(wrong):
    with pytest.raises(ValidationError, match=r"is not a market type; give .* such as WIN"):
        MarketFilter(market_types=[wrong])


@pytest.mark.parametrize("number", [1, 2])
def test_a_chunk_that_is_missing_or_another_is_no_smaller_archive(lake, number):
    [january] = manifests(lake, "january")
    keep(lake, "january", number, CATALOGUE[:1], "another")
    with pytest.raises(InputError, match=rf"chunk {number} of january in the lake .* is missing .* extract stage"):
        read_catalogue(lake, january)
    lake.delete(CATALOGUE_MARKETS.at("january", number))
    with pytest.raises(InputError, match=rf"chunk {number} of january in the lake .* is missing .* extract stage"):
        select_markets(lake, [january], MarketFilter())


def test_a_chunk_that_the_manifest_does_not_name_is_not_the_archives(lake):
    [january] = manifests(lake, "january")
    keep(lake, "january", 3, [market(7)])
    assert len(read_catalogue(lake, january)) == 6


def test_a_catalogue_of_fewer_markets_than_its_manifest_is_missed(lake):
    with pytest.raises(BalanceError, match="january: 7 markets in the manifest, 6 found"):
        read_catalogue(lake, keep_manifest(lake, "january", [(1, 3), (2, 4)]))


def test_the_catalogue_of_an_archive(lake):
    catalogue = read_catalogue(lake, *manifests(lake, "january"))
    assert len(catalogue) == 6
    assert set(catalogue["archive"]) == {"january"}
    assert set(catalogue["upstream"]) == {"p"}


@pytest.mark.parametrize("wanted", [{"market_type": ["WIN"]}, {"date_from": "yesterday"}, {"venues": "Larkfield"}])
def test_what_is_no_filter(wanted):
    with pytest.raises(ValidationError):
        MarketFilter(**wanted)
