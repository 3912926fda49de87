"""The manifest of an archive: the result of its extraction, written once that is complete.

Later stages read manifests rather than list the lake's files, which may be only part of an archive.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
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
    "version": 8,
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
    """

    fingerprint: str
    markets: int
    rejects: int


class Manifest(NamedTuple):
    """A completely extracted archive.

    Attributes:
        archive: Its name in the lake.
        content: As in `Archive`.
        chunks: By number.
    """

    archive: str
    content: str
    chunks: Mapping[int, ExtractedChunk]

    @property
    def markets(self) -> int:
        """How many markets were extracted."""
        return sum(chunk.markets for chunk in self.chunks.values())

    @property
    def reject_names(self) -> tuple[str, ...]:
        """The names of its files of rejects, the archive's own before its chunks'."""
        return (ENTRIES, *map(chunk_name, self.chunks))


def find_manifest(lake: Lake, archive: Archive) -> Manifest | None:
    """Return an archive's manifest; None if the extraction is incomplete or by another version."""
    file = lake.fresh(MANIFESTS.at(archive.content), manifest_fingerprint(archive))
    return _from(file, archive.content) if file else None


def read_manifest(lake: Lake, archive: Archive) -> Manifest:
    """Return an archive's manifest.

    Raises:
        InputError: The extraction is incomplete or by another version.
    """
    manifest = find_manifest(lake, archive)
    if manifest:
        return manifest
    is_old = lake.find(MANIFESTS.at(archive.content)) is not None
    why = "was extracted by another version" if is_old else "is not completely extracted"
    raise InputError(f"{archive.address} {why}; run the extract stage on the lake {lake.root}")


def read_extracted(lake: Lake, manifest: Manifest, dataset: ByChunk) -> pa.Table:
    """Read an archive's rows of `catalogue/markets` or `catalogue/runners`, chunk by chunk.

    Raises:
        InputError: A chunk is missing or not the one in the manifest.
        BalanceError: Catalogue and manifest differ in their number of markets.
    """
    tables = [dataset.schema.empty_table()]
    for number, chunk in manifest.chunks.items():
        key = dataset.at(manifest.archive, number)
        if lake.fresh(key, chunk.fingerprint) is None:
            raise InputError(
                f"chunk {number} of {manifest.archive} in the lake {lake.root} is missing or not the one in the "
                "manifest; run the extract stage"
            )
        tables.append(lake.read(key))
    whole = pa.concat_tables(tables)
    if dataset is CATALOGUE_MARKETS and whole.num_rows != manifest.markets:
        raise BalanceError(f"{manifest.archive}: {manifest.markets} markets in the manifest, {whole.num_rows} found")
    return whole


def read_runners(lake: Lake, manifests: Iterable[Manifest], markets: pd.DataFrame) -> pd.DataFrame:
    """Read the runners of some markets, each from the archive that the market is taken from.

    Another archive may have a copy of a market that ends otherwise: closed again with another result, say.

    Args:
        markets: Selected rows of the catalogue, with the column `archive`.

    Returns:
        Rows of `catalogue/runners`.

    Raises:
        InputError: A chunk is missing or not the one in the manifest.
    """
    found = [CATALOGUE_RUNNERS.schema.empty_table().to_pandas()]
    for manifest in manifests:
        taken = markets.loc[markets["archive"] == manifest.archive, "market_id"]
        if len(taken):
            runners = read_extracted(lake, manifest, CATALOGUE_RUNNERS).to_pandas()
            found.append(runners[runners["market_id"].isin(taken)])
    everything: pd.DataFrame = pd.concat(found, ignore_index=True)
    return everything


def reasons_left_out(lake: Lake, manifest: Manifest) -> Counter[str]:
    """Count an archive's rejected members and markets by reason."""
    reasons = lake.read(MANIFESTS.at(manifest.content), ["reason"])["reason"].drop_null()
    return Counter(reasons.to_pylist())


def named_manifest(lake: Lake, content: str) -> Manifest:
    """Return the manifest of an archive that a run used, by the archive's `content`.

    Raises:
        InputError: It is no longer in the lake.
    """
    file = lake.find(MANIFESTS.at(content))
    if file is None:
        raise InputError(f"archive {content} is no longer in the lake {lake.root}; run the extract stage")
    return _from(file, content)


def manifest_fingerprint(archive: Archive) -> str:
    """Return the fingerprint of an archive's manifest."""
    return fingerprint(
        "manifest", version=1, content=archive.content, extracted_by=EXTRACTED_BY, schema=MANIFESTS.layout
    )


def _from(file: LakeFile, content: str) -> Manifest:
    chunks = {int(number): ExtractedChunk(*chunk) for number, chunk in json.loads(file.notes[CHUNKS]).items()}
    return Manifest(file.notes[ARCHIVE], content, chunks)
