"""What is wrong with a config, said so that a person can mend it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where in the YAML, with which value, why, and what would be right."""

    path: str
    value: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        at = self.path or "tts:stack"
        return f"{at}: {self.value} {self.reason}. {self.remedy}"


class ConfigError(Exception):
    """The config is refused; ``problems`` holds everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def report(self, source: str) -> str:
        """The whole refusal as a person reads it; ``source`` names the file that has to be mended."""
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        return f"{source}: {count}; nothing was touched.\n{lines}"


def shown(value: object, limit: int = 60) -> str:
    """The value as the user wrote it, shortened to ``limit`` characters.

    Of a mapping or list only its size: a secret may be in it.
    """
    if isinstance(value, Mapping | list):
        kind = "mapping" if isinstance(value, Mapping) else "list"
        return f"(a {kind} of {len(value)})"
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes out
        return "(a huge number)"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A remedy for an unknown word: the nearest known one, and all of them where they are few."""
    near = get_close_matches(word.casefold(), known, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known: {', '.join(sorted(known))}"
