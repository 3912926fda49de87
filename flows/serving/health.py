"""Ask a Prefect server whether it is ready for requests."""

import httpx


def is_healthy(api: str, seconds: float) -> bool:
    """Return whether a server answers within some seconds.

    Args:
        api: Address of its API.
    """
    try:
        return httpx.get(f"{api}/health", timeout=seconds).is_success
    except httpx.HTTPError:
        return False
