"""Read archives' rows of the catalogue."""

from collections.abc import Iterable

import pandas as pd

from tasks.archives.manifest import Manifest, read_extracted
from tasks.lake.datasets import CATALOGUE_MARKETS, CATALOGUE_RUNNERS
from tasks.lake.store import Lake


def read_catalogue(lake: Lake, manifest: Manifest) -> pd.DataFrame:
    """Read an archive's markets.

    Returns:
        `catalogue/markets` with columns `archive` and `upstream`, the fingerprint of the market's chunk.

    Raises:
        NotExtractedError: Part of the catalogue is missing.
    """
    markets: pd.DataFrame = read_extracted(lake, manifest, CATALOGUE_MARKETS).to_pandas()
    chunks = {number: chunk.fingerprint for number, chunk in manifest.chunks.items()}
    return markets.assign(archive=manifest.archive, upstream=markets["chunk"].map(chunks))


def read_runners(lake: Lake, manifests: Iterable[Manifest], markets: pd.DataFrame) -> pd.DataFrame:
    """Read the runners of some markets, each from the archive that the market is taken from.

    Another archive may have a copy of a market that ends otherwise: closed again with another result, say.

    Args:
        markets: Selected rows of the catalogue, with the column `archive`.

    Returns:
        Rows of `catalogue/runners`.

    Raises:
        NotExtractedError: A chunk is missing or not the one in the manifest.
    """
    found = [CATALOGUE_RUNNERS.schema.empty_table().to_pandas()]
    for manifest in manifests:
        taken = markets.loc[markets["archive"] == manifest.archive, "market_id"]
        if len(taken):
            runners = read_extracted(lake, manifest, CATALOGUE_RUNNERS).to_pandas()
            found.append(runners[runners["market_id"].isin(taken)])
    everything: pd.DataFrame = pd.concat(found, ignore_index=True)
    return everything
