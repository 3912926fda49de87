"""What an archive's extraction gave, written when it is whole: what a later stage may take for all of an archive.

A stage that listed the lake's files instead would take for an archive what happens to be there of it.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from tasks.archives.identity import ARCHIVE, Archive
from tasks.errors import BalanceError, InputError
from tasks.lake.dataset import ByChunk, chunk_name
from tasks.lake.datasets import CATALOGUE_MARKETS, CATALOGUE_RUNNERS, MANIFESTS, MARKETS
from tasks.lake.fingerprint import ENGINE, fingerprint
from tasks.lake.parquet import LakeFile
from tasks.lake.store import Lake

EXTRACTED_BY = {
    "version": 7,
    "engine": ENGINE,
    "schema": [dataset.layout for dataset in (MARKETS, CATALOGUE_MARKETS, CATALOGUE_RUNNERS)],
}
"""What decides what is made of an archive, beside the archive; `version` is raised by hand."""

ENTRIES = "entries"
"""The file of an archive's rejects that are members of no chunk."""

CHUNKS = "chunks"
"""The manifest's note of its chunks."""


class ExtractedChunk(NamedTuple):
    """What there is of a chunk.

    Attributes:
        fingerprint: Of all its files.
        markets: Rows of its catalogue.
        rejects: How much of it was left out.
    """

    fingerprint: str
    markets: int
    rejects: int


class Manifest(NamedTuple):
    """An archive whose extraction is whole.

    Attributes:
        archive: What the lake calls it.
        content: As of the archive: what it is.
        chunks: By their numbers.
    """

    archive: str
    content: str
    chunks: Mapping[int, ExtractedChunk]

    @property
    def markets(self) -> int:
        """How many markets were taken from it."""
        return sum(chunk.markets for chunk in self.chunks.values())

    @property
    def reject_names(self) -> tuple[str, ...]:
        """The names of its files of rejects, the archive's own first."""
        return (ENTRIES, *map(chunk_name, self.chunks))


def find_manifest(lake: Lake, archive: Archive) -> Manifest | None:
    """Find the manifest of an archive that was extracted as it would be now.

    Returns:
        Its manifest; None where its extraction is not whole, or of another version.
    """
    file = lake.fresh(MANIFESTS.at(archive.content), manifest_fingerprint(archive))
    return _from(file, archive.content) if file else None


def read_manifest(lake: Lake, archive: Archive) -> Manifest:
    """Read the manifest of an archive that has to be extracted.

    Returns:
        Its manifest.

    Raises:
        InputError: It was not extracted to its end, or by another version.
    """
    manifest = find_manifest(lake, archive)
    if manifest:
        return manifest
    is_old = lake.find(MANIFESTS.at(archive.content)) is not None
    why = "was extracted by another version" if is_old else "was not extracted to its end as it is now"
    raise InputError(f"{archive.address} {why}; run the extract stage on the lake {lake.root}")


def read_extracted(lake: Lake, manifest: Manifest, dataset: ByChunk) -> pa.Table:
    """Read all that the lake has of an archive in one of the catalogue's datasets.

    Args:
        manifest: The archive's.
        dataset: `catalogue/markets` or `catalogue/runners`.

    Returns:
        Its rows, chunk by chunk.

    Raises:
        InputError: A chunk is missing, or another than the manifest names.
        BalanceError: The catalogue has not as many markets as the manifest.
    """
    tables = [dataset.schema.empty_table()]
    for number, chunk in manifest.chunks.items():
        key = dataset.at(manifest.archive, number)
        if lake.fresh(key, chunk.fingerprint) is None:
            raise InputError(
                f"chunk {number} of {manifest.archive} is not in the lake {lake.root} as its manifest names it; "
                "run the extract stage"
            )
        tables.append(lake.read(key))
    whole = pa.concat_tables(tables)
    if dataset is CATALOGUE_MARKETS and whole.num_rows != manifest.markets:
        raise BalanceError(f"{manifest.archive}: {manifest.markets} markets in its manifest, {whole.num_rows} found")
    return whole


def read_of_markets(
    lake: Lake, manifests: Iterable[Manifest], dataset: ByChunk, market_ids: Collection[str]
) -> pd.DataFrame:
    """Read the catalogue's rows of some markets; of a market that is in several archives the first's.

    Args:
        manifests: The archives'.
        dataset: `catalogue/markets` or `catalogue/runners`.
        market_ids: The markets.

    Returns:
        Their rows, with a column `archive`.

    Raises:
        InputError: A chunk is missing, or another than the manifest names.
    """
    empty = dataset.schema.empty_table().to_pandas()
    rows = [
        read_extracted(lake, manifest, dataset).to_pandas().assign(archive=manifest.archive) for manifest in manifests
    ]
    everything = pd.concat([empty.assign(archive=""), *rows], ignore_index=True)
    known = everything[everything["market_id"].isin(market_ids)]
    first: pd.DataFrame = known.drop_duplicates(list(dataset.keys), ignore_index=True)
    return first


def reasons_left_out(lake: Lake, manifest: Manifest) -> Counter[str]:
    """Count what of an archive was left out.

    Args:
        manifest: The archive's.

    Returns:
        Members and markets, by the reason.
    """
    reasons = lake.read(MANIFESTS.at(manifest.content), ["reason"])["reason"].drop_null()
    return Counter(reasons.to_pylist())


def named_manifest(lake: Lake, content: str) -> Manifest:
    """Read the manifest of an archive that a run was made of.

    Args:
        content: What the archive is.

    Raises:
        InputError: There is none any more.
    """
    file = lake.find(MANIFESTS.at(content))
    if file is None:
        raise InputError(f"archive {content} is no longer in the lake {lake.root}; run the extract stage")
    return _from(file, content)


def manifest_fingerprint(archive: Archive) -> str:
    """What decides an archive's manifest."""
    return fingerprint(
        "manifest", version=1, content=archive.content, extracted_by=EXTRACTED_BY, schema=MANIFESTS.layout
    )


def _from(file: LakeFile, content: str) -> Manifest:
    chunks = {int(number): ExtractedChunk(*chunk) for number, chunk in json.loads(file.notes[CHUNKS]).items()}
    return Manifest(file.notes[ARCHIVE], content, chunks)
