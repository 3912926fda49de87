"""Markets and archives that the unit tests share: the sample's, and ones written by hand tick by tick."""

import bz2
import functools
import io
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import orjson
import pytest
from manifests import extract_whole

from sample.chance import seeded
from sample.messages import stream
from sample.races import Race, draw_month
from tasks.archives.identity import Archive
from tasks.archives.manifest import Manifest
from tasks.extraction.extract import ExtractJob
from tasks.lake.datasets import CATALOGUE_MARKETS, CATALOGUE_RUNNERS, REJECTS
from tasks.lake.store import Lake

SEED = 2026


@dataclass(frozen=True)
class SampleMarket:
    """A market of the sample, and what it was made from."""

    race: Race

    @functools.cached_property
    def lines(self) -> list[bytes]:
        return list(stream(self.race, seeded(SEED, self.race.market_id)))

    @functools.cached_property
    def raw(self) -> bytes:
        return b"".join(self.lines)

    @functools.cached_property
    def packed(self) -> bytes:
        return bz2.compress(self.raw)

    @property
    def id(self) -> str:
        return self.race.market_id

    @property
    def member(self) -> str:
        day = self.race.market_time
        return f"PRO/2026/Jan/{day.day}/{self.race.event_id}/{self.id}.bz2"


@pytest.fixture(scope="session")
def markets() -> dict[str, SampleMarket]:
    """One market of every kind."""
    races = draw_month(SEED)
    usual = [race for race in races if not (race.withdrawal or race.postponed_seconds or race.late_seconds > 100)]
    kinds = {
        "usual": usual[0],
        "second": usual[1],
        "british": next(race for race in usual if race.track.country_code == "GB"),
        "withdrawn": next(race for race in races if race.withdrawal and race.withdrawal.seconds_before_off == 40),
        "postponed": next(race for race in races if race.postponed_seconds),
        "late": next(race for race in races if race.late_seconds > 100),
    }
    return {kind: SampleMarket(race) for kind, race in kinds.items()}


class HandMade:
    """A market written message by message; times are seconds before the scheduled off."""

    def __init__(self, market_id: str = "1.200000001", *, off: datetime | None = None, **definition: Any) -> None:
        self.id = market_id
        self.off = off or datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
        self.lines: list[bytes] = []
        self._last: float = 0
        self.definition: dict[str, Any] = {
            "bspMarket": True,
            "turnInPlayEnabled": False,
            "persistenceEnabled": False,
            "marketBaseRate": 7.0,
            "eventId": "34000001",
            "eventTypeId": "4339",
            "numberOfWinners": 1,
            "bettingType": "ODDS",
            "marketType": "WIN",
            "marketTime": _utc(self.off),
            "suspendTime": _utc(self.off),
            "bspReconciled": False,
            "complete": True,
            "inPlay": False,
            "crossMatching": False,
            "runnersVoidable": False,
            "numberOfActiveRunners": 3,
            "betDelay": 0,
            "status": "OPEN",
            "runners": [
                {"status": "ACTIVE", "sortPriority": n, "id": 10 + n, "name": f"{n}. Dog {n}"} for n in (1, 2, 3)
            ],
            "regulators": ["SYNTHETIC"],
            "venue": "Larkfield",
            "countryCode": "AU",
            "discountAllowed": True,
            "timezone": "Australia/Sydney",
            "openDate": _utc(self.off),
            "version": 1,
            "name": "R3 452m Gr5",
            "eventName": "Larkfield (SYN) 2nd Jan",
            **definition,
        }

    def define(self, seconds: float, **changes: Any) -> Self:
        """Send the definition, changed."""
        self.definition = {**self.definition, "version": self.definition["version"] + 1, **changes}
        return self._send(seconds, {"marketDefinition": self.definition, "rc": []})

    def tick(self, seconds: float, *changes: dict[str, Any], **named: Any) -> Self:
        """Send runner changes."""
        return self._send(seconds, {"rc": list(changes), **named})

    def prices(self, seconds: float, selection_id: int, back: float, lay: float, size: float = 100) -> Self:
        """Offer one price to back and one to lay, in place of what was offered."""
        change = {"id": selection_id, "atb": [[back, size]], "atl": [[lay, size]]}
        gone = self._offered.get(selection_id)
        if gone:
            change["atb"] = [[gone[0], 0], *change["atb"]] if gone[0] != back else change["atb"]
            change["atl"] = [[gone[1], 0], *change["atl"]] if gone[1] != lay else change["atl"]
        self._offered[selection_id] = (back, lay)
        return self.tick(seconds, change)

    def remove(self, seconds: float, selection_id: int) -> Self:
        """Take a runner out."""
        return self.define(
            seconds, runners=[{**r, "status": "REMOVED"} if r["id"] == selection_id else r for r in self._runners]
        )

    def close(self, seconds: float = -60, winner: int = 11) -> Self:
        """Suspend at the off, then settle."""
        self.define(min(0, self._last), status="SUSPENDED")
        result = {True: "WINNER", False: "LOSER"}
        runners = [
            {**r, "status": r["status"] if r["status"] == "REMOVED" else result[r["id"] == winner]}
            for r in self._runners
        ]
        return self.define(
            seconds, status="CLOSED", runners=runners, settledTime=_utc(self.off - timedelta(seconds=seconds))
        )

    @property
    def raw(self) -> bytes:
        return b"".join(line + b"\n" for line in self.lines)

    @functools.cached_property
    def _offered(self) -> dict[int, tuple[float, float]]:
        return {}

    @property
    def _runners(self) -> list[dict[str, Any]]:
        return list(self.definition["runners"])

    def _send(self, seconds: float, change: dict[str, Any]) -> Self:
        self._last = seconds
        pt = round((self.off.timestamp() - seconds) * 1000)
        message = {
            "op": "mcm",
            "clk": str(len(self.lines)),
            "pt": pt,
            "mc": [{"id": self.id, "con": True, "img": False, **change}],
        }
        self.lines.append(orjson.dumps(message))
        return self


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


@pytest.fixture
def hand_made() -> type[HandMade]:
    """Write a market by hand."""
    return HandMade


def pack_tar(path: Path, members: Mapping[str, bytes], mode: str = "w") -> str:
    with tarfile.open(path, mode) as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return str(path)


@pytest.fixture
def write_tar() -> Callable[..., str]:
    """Pack a tar of names and bytes, in their order."""
    return pack_tar


@dataclass(frozen=True)
class Extracted:
    """An archive in a lake."""

    lake: Lake
    archive: Archive
    jobs: list[ExtractJob]
    manifest: Manifest

    @property
    def catalogue(self) -> list[dict[str, Any]]:
        return list(self.lake.read_all(CATALOGUE_MARKETS.of(self.archive.name)).to_pylist())

    @property
    def runners(self) -> list[dict[str, Any]]:
        return list(self.lake.read_all(CATALOGUE_RUNNERS.of(self.archive.name)).to_pylist())

    @property
    def rejects(self) -> list[tuple[str, str]]:
        rows = self.lake.read_all(REJECTS.of("extract", self.archive.name)).to_pylist()
        return [(row["what"], row["reason"]) for row in rows]


def extract_all(address: str, root: Path, chunk_bytes: int = 10**9) -> Extracted:
    lake = Lake(root)
    return Extracted(lake, *extract_whole(lake, address, chunk_bytes))


@pytest.fixture
def extract(tmp_path: Path) -> Callable[..., Extracted]:
    """Extract members (names and bytes) or an archive's address into a lake."""

    def extract(members: Mapping[str, bytes] | str, chunk_bytes: int = 10**9) -> Extracted:
        address = members if isinstance(members, str) else pack_tar(tmp_path / "month.tar", members)
        return extract_all(address, tmp_path / "lake", chunk_bytes)

    return extract


@pytest.fixture(scope="session")
def sample_lake(tmp_path_factory: pytest.TempPathFactory, markets: dict[str, SampleMarket]) -> Extracted:
    """A lake with one market of every kind in one chunk; not to be written to."""
    folder = tmp_path_factory.mktemp("sample")
    address = pack_tar(folder / "month.tar", {market.member: market.packed for market in markets.values()})
    return extract_all(address, folder / "lake")


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Path]]:
    """Write a module that can be imported for as long as the test runs."""
    before = set(sys.modules)
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(name: str, source: str) -> Path:
        path = folder / f"{name}.py"
        path.write_text(source)
        return path

    yield write
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(folder) in str(sys.modules[name].__file__):
            del sys.modules[name]
