"""The checksum in the last line of a page: without it, or with another, a page is not believed."""

import hashlib

_LINE = "\n<!-- sha256:{} -->\n"


def seal_page(page: str) -> str:
    """Return a page with its checksum."""
    return page + _LINE.format(hashlib.sha256(page.encode()).hexdigest())


def is_sealed(page: str) -> bool:
    """Return whether a page is as it was sealed."""
    return seal_page(page[: -len(seal_page(""))]) == page
