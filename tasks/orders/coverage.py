"""Find which of a job's orders the lake has, fresh, and which have to be made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from tasks.lake.store import Lake
from tasks.orders.files import OrderFile, Part, find_order_files, refused_in
from tasks.orders.job import ReplayJob
from tasks.orders.refusal import Refusal
from tasks.rejects import Reject
from tasks.variants.dependencies.record import Dependencies, what_changed
from tasks.variants.variant import Variant


class Coverage(NamedTuple):
    """The part of a job that files of orders cover.

    Attributes:
        parts: The orders found; at most one per variant and market.
        rejects: By variant, the markets that it cannot be replayed on, each once.
        carries: By variant, attributes that its strategy would carry from market to market if one instance met several.
        lacking: Jobs for the rest; each needs all its variants in all its sessions.
        refused: By variant, flumine's refusals in these parts' markets.
    """

    parts: list[Part]
    rejects: dict[str, list[Reject]]
    carries: dict[str, Sequence[str]]
    lacking: list[ReplayJob]
    refused: dict[str, list[Refusal]]

    @property
    def rejected(self) -> dict[str, frozenset[str]]:
        """By variant, the market ids of its rejects."""
        return {id_: frozenset(reject.what for reject in of_variant) for id_, of_variant in self.rejects.items()}

    def without(self, rejects: Mapping[str, Sequence[Reject]]) -> "Coverage":
        """Return a copy with more rejects, by variant, and without refusals in any of a variant's rejects."""
        more = {id_: [*self.rejects.get(id_, ()), *of_variant] for id_, of_variant in rejects.items()}
        every = {**self.rejects, **more}
        refused = {id_: _outside(every.get(id_, ()), of_variant) for id_, of_variant in self.refused.items()}
        return self._replace(rejects=every, refused={id_: left for id_, left in refused.items() if left})


class OrderIndex:
    """Files of orders by their sessions' keys, whichever run wrote them and whatever else they contain."""

    def __init__(self, files: Sequence[OrderFile]) -> None:
        """Index files; orders are taken from the first file that has them fresh."""
        self._files = files
        self._by_key: dict[str, list[int]] = {}
        for number, file in enumerate(files):
            for key in {key for keys in file.keys.values() for key in keys}:
                self._by_key.setdefault(key, []).append(number)
        self._is_fresh: dict[str, bool] = {}
        self._refused: dict[int, dict[str, dict[str, list[Refusal]]]] = {}

    def coverage(self, job: ReplayJob) -> Coverage:
        """Return which orders of a job are found, and which are lacking."""
        numbers = sorted({number for keys in job.keys.values() for key in keys for number in self._by_key.get(key, ())})
        parts: dict[tuple[int, tuple[int, ...]], list[str]] = {}
        lacking: dict[tuple[int, ...], list[str]] = {}
        rejects: dict[str, list[Reject]] = {}
        carries: dict[str, Sequence[str]] = {}
        refused: dict[str, list[Refusal]] = {}
        for variant in job.variants:
            left = {key: place for place, key in enumerate(job.keys[variant.ratings])}
            for number in numbers:
                file = self._files[number]
                covered = file.variants.get(variant.fingerprint)
                if covered is None or not self._fresh(covered.depends):
                    continue
                taken = tuple(sorted(left.pop(key) for key in left.keys() & file.keys[covered.ratings]))
                if taken:
                    parts.setdefault((number, taken), []).append(variant.id)
                    left_out = [covered.rejects[id_] for id_ in _markets(job, taken) if id_ in covered.rejects]
                    if left_out:
                        rejects.setdefault(variant.id, []).extend(left_out)
                    in_file = self._refused_in(number).get(variant.fingerprint, {})
                    if of_markets := [refusal for id_ in _markets(job, taken) for refusal in in_file.get(id_, ())]:
                        refused.setdefault(variant.id, []).extend(of_markets)
                    if covered.carries:
                        carries.setdefault(variant.id, covered.carries)
            if left:
                lacking.setdefault(tuple(sorted(left.values())), []).append(variant.id)
        return Coverage(
            [
                self._files[number].part(variant_ids, _markets(job, taken))
                for (number, taken), variant_ids in parts.items()
            ],
            rejects,
            carries,
            [_narrowed(job, variant_ids, places) for places, variant_ids in lacking.items()],
            refused,
        )

    def superseded(self, variants: Iterable[Variant]) -> list[OrderFile]:
        """Return the files that can be deleted: all their orders are stale and belong to these variants only.

        Whether other variants' orders are stale is unknown here, so their files stay.
        """
        asked = {variant.fingerprint for variant in variants}
        return [
            file
            for file in self._files
            if file.variants.keys() <= asked and not any(self._fresh(v.depends) for v in file.variants.values())
        ]

    def _refused_in(self, number: int) -> dict[str, dict[str, list[Refusal]]]:
        if number not in self._refused:
            self._refused[number] = refused_in(self._files[number])
        return self._refused[number]

    def _fresh(self, depends: str) -> bool:
        # Cached, because most variants have the same dependencies.
        if depends not in self._is_fresh:
            self._is_fresh[depends] = what_changed(Dependencies.from_json(depends)) is None
        return self._is_fresh[depends]


def index_orders(lake: Lake, jobs: Iterable[ReplayJob]) -> OrderIndex:
    """Index the orders of the jobs' months."""
    return OrderIndex(find_order_files(lake, {job.month for job in jobs}))


def _outside(rejects: Iterable[Reject], refused: Iterable[Refusal]) -> list[Refusal]:
    left_out = {reject.what for reject in rejects}
    return [refusal for refusal in refused if refusal.market_id not in left_out]


def _markets(job: ReplayJob, places: Iterable[int]) -> list[str]:
    return [market_id for place in places for market_id in job.sessions[place].market_ids]


def _narrowed(job: ReplayJob, variant_ids: Iterable[str], places: Iterable[int]) -> ReplayJob:
    wanted = set(variant_ids)
    sessions = tuple(job.sessions[place] for place in places)
    return replace(job, sessions=sessions, variants=tuple(variant for variant in job.variants if variant.id in wanted))
