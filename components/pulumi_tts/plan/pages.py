"""Pages of parts of a stack, behind the dashboard's login."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """One part's pages, below a path of the dashboard's host."""

    name: str
    """Unique among them."""
    path: str
    """Where it begins, as `/keeper`."""
    url: str
    """Where the edge reaches it."""
    strip: bool = False
    """Whether the part sees paths without that beginning: it was not told of it."""


def keeper_page(url: str) -> Page:
    """The keeper's, whose links are relative."""
    return Page("keeper", "/keeper", url, strip=True)
