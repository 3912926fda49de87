"""The manifest of an archive: the result of its extraction, written once that is complete.

Later stages read manifests rather than list the lake's files, which may be only part of an archive. A manifest is
written for some market types or for all, and names every member of the archive: what became of those of its types, and
the others as not extracted.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import pyarrow as pa

from tasks.archives.identity import ARCHIVE, Archive, manifest_keys
from tasks.archives.market_files import market_of
from tasks.errors import BalanceError, NotExtractedError
from tasks.lake.dataset import ByChunk, chunk_name
from tasks.lake.datasets import CATALOGUE_MARKETS, CATALOGUE_RUNNERS, MANIFESTS, MARKETS
from tasks.lake.fingerprint import ENGINE, fingerprint
from tasks.lake.parquet import LakeFile
from tasks.lake.store import Lake

EXTRACTED_BY = {
    "version": 9,
    "engine": ENGINE,
    "schema": [dataset.layout for dataset in (MARKETS, CATALOGUE_MARKETS, CATALOGUE_RUNNERS)],
}
"""What the extraction's output depends on, besides the archive; `version` is raised by hand."""

ENTRIES = "entries"
"""The name of the file with an archive's rejects that belong to no chunk."""

CHUNKS = "chunks"
"""The manifest's note that lists its chunks."""


class ExtractedChunk(NamedTuple):
    """The result of extracting a chunk.

    Attributes:
        fingerprint: Of all its files.
        markets: Rows of its catalogue.
        rejects: Number of rejects.
        market_type: As in `Chunk`.
    """

    fingerprint: str
    markets: int
    rejects: int
    market_type: str = ""


class Manifest(NamedTuple):
    """An archive of which all markets of the asked types are extracted.

    Attributes:
        archive: Its name in the lake.
        content: As in `Archive`.
        chunks: By number, those of the asked types and of no known one.
        asked: The market types, from `types_of`; none means all.
        written_for: The types its file was written for: the asked ones, or all.
    """

    archive: str
    content: str
    chunks: Mapping[int, ExtractedChunk]
    asked: tuple[str, ...] = ()
    written_for: tuple[str, ...] = ()

    @property
    def markets(self) -> int:
        """How many markets were extracted."""
        return sum(chunk.markets for chunk in self.chunks.values())

    @property
    def title(self) -> str:
        """Its archive and the asked types."""
        return " ".join((self.archive, *self.asked))

    @property
    def reject_names(self) -> tuple[str, ...]:
        """The names of its files of rejects, the archive's own before its chunks'."""
        return (ENTRIES, *map(chunk_name, self.chunks))


def types_of(market_types: Iterable[str]) -> tuple[str, ...]:
    """Normalise market types: upper case, unique, sorted."""
    return tuple(sorted({market_type.upper() for market_type in market_types}))


def is_asked(market_type: str, asked: Iterable[str]) -> bool:
    """Return whether a member or chunk is to be extracted; always if its type is not known, or if all are asked for."""
    return not asked or not market_type or market_type in asked


def find_manifest(lake: Lake, archive: Archive, market_types: Iterable[str] = ()) -> Manifest | None:
    """Return an archive's manifest for some market types; one that was written for all of them serves, too.

    Args:
        market_types: The types; none means all.

    Returns:
        The manifest; None if the extraction is incomplete or by another version.
    """
    asked = types_of(market_types)
    for written_for in dict.fromkeys((asked, ())):
        file = lake.fresh(MANIFESTS.at(archive.content, written_for), manifest_fingerprint(archive.content))
        if file:
            chunks = {n: chunk for n, chunk in chunks_of(file).items() if is_asked(chunk.market_type, asked)}
            return Manifest(file.notes[ARCHIVE], archive.content, chunks, asked, written_for)
    return None


def read_manifest(lake: Lake, archive: Archive, market_types: Iterable[str] = ()) -> Manifest:
    """Return an archive's manifest for some market types; none means all.

    Raises:
        NotExtractedError: The extraction is incomplete or by another version.
    """
    manifest = find_manifest(lake, archive, market_types)
    if manifest:
        return manifest
    files = [file for key in manifest_keys(lake, archive.content) if (file := lake.find(key))]
    is_old = any(file.fingerprint != manifest_fingerprint(archive.content) for file in files)
    types = f" (market types {', '.join(types_of(market_types))})" if market_types else ""
    why = "was extracted by another version" if is_old else f"is not completely extracted{types}"
    raise NotExtractedError(f"{archive.address} {why}; run the extract stage on the lake {lake.root}")


def read_extracted(lake: Lake, manifest: Manifest, dataset: ByChunk) -> pa.Table:
    """Read an archive's rows of `catalogue/markets` or `catalogue/runners`, chunk by chunk.

    Raises:
        NotExtractedError: A chunk is missing or not the one in the manifest.
        BalanceError: Catalogue and manifest differ in their number of markets.
    """
    tables = [dataset.schema.empty_table()]
    for number, chunk in manifest.chunks.items():
        key = dataset.at(manifest.archive, number)
        if lake.fresh(key, chunk.fingerprint) is None:
            raise NotExtractedError(
                f"chunk {number} of {manifest.archive} in the lake {lake.root} is missing or not the one in the "
                "manifest; run the extract stage"
            )
        tables.append(lake.read(key))
    whole = pa.concat_tables(tables)
    if dataset is CATALOGUE_MARKETS and whole.num_rows != manifest.markets:
        raise BalanceError(f"{manifest.archive}: {manifest.markets} markets in the manifest, {whole.num_rows} found")
    return whole


def reasons_left_out(lake: Lake, manifest: Manifest) -> Counter[str]:
    """Count an archive's rejected members and markets by reason; of the asked types only."""
    rows = lake.read(MANIFESTS.at(manifest.content, manifest.written_for), ["chunk", "reason"]).to_pylist()
    return Counter(row["reason"] for row in rows if row["reason"] and row["chunk"] in {0, *manifest.chunks})


def read_not_asked(lake: Lake, manifest: Manifest) -> dict[str, str]:
    """Return the market types of the members that are of other types than those asked for, by path.

    They are not extracted, unless for another run.
    """
    rows = lake.read(MANIFESTS.at(manifest.content, manifest.written_for), ["member", "chunk", "market_type", "reason"])
    return {
        row["member"]: row["market_type"]
        for row in rows.to_pylist()
        # An entry that could not be read has no chunk, but a reason.
        if row["chunk"] not in manifest.chunks and (row["chunk"] or not row["reason"])
    }


def types_not_asked(lake: Lake, manifests: Iterable[Manifest]) -> dict[str, str]:
    """Return, by market id, the market types of `read_not_asked` of several archives."""
    members = (member for manifest in manifests for member in read_not_asked(lake, manifest).items())
    return {market_id: market_type for path, market_type in members if (market_id := market_of(path))}


def say_not_extracted(lake: Lake) -> Iterator[str]:
    """Yield, for each archive of which no run has extracted some market types, how many members those are."""
    lacking: dict[str, dict[str, str]] = {}
    for key in lake.keys(MANIFESTS.folder):
        file = lake.fresh(key, manifest_fingerprint(key.name.partition("-")[0]))
        if file:
            rows = lake.read(key, ["member", "chunk", "market_type", "reason"]).to_pylist()
            others = {row["member"]: row["market_type"] for row in rows if not row["chunk"] and not row["reason"]}
            before = lacking.get(file.notes[ARCHIVE], others)
            lacking[file.notes[ARCHIVE]] = dict(before.items() & others.items())
    for archive, others in lacking.items():
        if others:
            yield f"{archive}: {len(others)} members not extracted, since no run asked for their type: " + say_types(
                others.values()
            )


def say_types(market_types: Iterable[str]) -> str:
    """Count market types, the most frequent first: `33 PLACE, 12 EXACTA`."""
    counted = sorted(Counter(market_types).items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count} {market_type}" for market_type, count in counted)


def manifest_fingerprint(content: str) -> str:
    """Return the fingerprint of an archive's manifests, by the archive's `content`."""
    return fingerprint("manifest", version=2, content=content, extracted_by=EXTRACTED_BY, schema=MANIFESTS.layout)


def chunks_of(file: LakeFile) -> dict[int, ExtractedChunk]:
    """Return all chunks of a manifest's file, by number."""
    return {int(number): ExtractedChunk(*chunk) for number, chunk in json.loads(file.notes[CHUNKS]).items()}
