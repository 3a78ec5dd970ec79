"""What is found wrong with a label."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not become what was meant: which label, why, and what would be right."""

    label: str
    """As it is written on the container; empty where one is missing."""
    reason: str
    remedy: str

    def __str__(self) -> str:
        at = f"{self.label}: " if self.label else ""
        return f"{at}{self.reason}. {self.remedy}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, spelt as it is known; labels know no case."""
    spelt = {name.casefold(): name for name in known}
    near = get_close_matches(word.casefold(), spelt, n=1, cutoff=0.6)
    return spelt[near[0]] if near else None
