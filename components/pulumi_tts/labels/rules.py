"""Rules of routers: whether Traefik would understand one, and which host names it claims."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pulumi_tts.labels.finding import nearest

MATCHERS = {
    "ClientIP": (1,),
    "Method": (1,),
    "Host": (1,),
    "HostRegexp": (1,),
    "Path": (1,),
    "PathRegexp": (1,),
    "PathPrefix": (1,),
    "Header": (2,),
    "HeaderRegexp": (2,),
    "Query": (1, 2),
    "QueryRegexp": (1, 2),
}
"""Traefik 3's matchers, and how many arguments each takes (its pkg/muxer/http/matcher.go)."""

_TOKEN = re.compile(r"""\s*(?:(?P<text>`[^`]*`|"(?:\\.|[^"\\])*")|(?P<name>[A-Za-z]+)|(?P<sign>&&|\|\||[!(),]))""")


class RuleError(ValueError):
    """A rule that Traefik refuses; the message ends a sentence about it."""


@dataclass(frozen=True, slots=True)
class Match:
    """One matcher with what it is given."""

    matcher: str
    values: tuple[str, ...]


def matches(rule: str) -> list[Match]:
    """Every matcher of a rule. Raises RuleError if Traefik would not take it."""
    tokens = [*_tokens(rule), ("end", "")]
    found: list[Match] = []
    rest = _alternatives(tokens, found)
    if rest[0][0] != "end":
        raise RuleError(f"has {rest[0][1]!r} where && or || should be")
    for match in found:
        _refuse_values(match)
    return found


def hosts(rule: str) -> set[str]:
    """The host names that a rule asks for. Raises RuleError if Traefik would not take it."""
    return {match.values[0].casefold().rstrip(".") for match in matches(rule) if match.matcher == "Host"}


Tokens = list[tuple[str, str]]


def _tokens(rule: str) -> Iterator[tuple[str, str]]:
    at = 0
    while rule[at:].strip():
        token = _TOKEN.match(rule, at)
        if not token:
            raise RuleError(f"is not understood from {rule[at:].strip()[:20]!r} on")
        yield str(token.lastgroup), token[str(token.lastgroup)]
        at = token.end()


def _alternatives(tokens: Tokens, found: list[Match]) -> Tokens:
    rest = _operand(tokens, found)
    while rest[0] in (("sign", "&&"), ("sign", "||")):
        rest = _operand(rest[1:], found)
    return rest


def _operand(tokens: Tokens, found: list[Match]) -> Tokens:
    kind, text = tokens[0]
    if (kind, text) == ("sign", "!"):
        return _operand(tokens[1:], found)
    if (kind, text) == ("sign", "("):
        return _after(")", _alternatives(tokens[1:], found))
    if kind != "name":
        raise RuleError("ends too early" if kind == "end" else f"has {text!r} where a matcher should be")
    return _matcher(text, _after("(", tokens[1:]), found)


def _matcher(name: str, tokens: Tokens, found: list[Match]) -> Tokens:
    matcher = _known(name)
    values: list[str] = []
    while True:
        kind, text = tokens[0]
        if kind != "text":
            raise RuleError(f"gives {name} something that is not text between ` `")
        values.append(text[1:-1])
        tokens = tokens[1:]
        if tokens[0] != ("sign", ","):
            break
        tokens = tokens[1:]
    wanted = MATCHERS[matcher]
    if len(values) not in wanted:
        several = f"{wanted[0]} argument" + ("" if wanted == (1,) else "s")
        hint = f"; write {name}(`a`) || {name}(`b`)" if matcher in ("Host", "Path", "PathPrefix", "Method") else ""
        raise RuleError(f"gives {name} {len(values)} arguments, and it takes {several}{hint}")
    found.append(Match(matcher, tuple(values)))
    return _after(")", tokens)


def _known(name: str) -> str:
    """A matcher as it is documented. Traefik takes it also in small or capital letters, or with one capital."""
    for matcher in MATCHERS:
        if name in (matcher, matcher.lower(), matcher.upper(), matcher.capitalize()):
            return matcher
    meant = nearest(name, MATCHERS)
    raise RuleError(f"uses {name}, which is no matcher" + (f"; did you mean {meant}?" if meant else ""))


def _after(sign: str, tokens: Tokens) -> Tokens:
    if tokens[0] != ("sign", sign):
        raise RuleError(f"lacks a {sign!r}" + (f" before {tokens[0][1]!r}" if tokens[0][1] else " at its end"))
    return tokens[1:]


def _refuse_values(match: Match) -> None:
    for value in match.values:
        if not value:
            raise RuleError(f"gives {match.matcher} an empty value")
    value = match.values[0]
    if match.matcher in ("Path", "PathPrefix") and not value.startswith("/"):
        raise RuleError(f"asks for the path {value!r}, which does not begin with /")
    if match.matcher in ("Host", "HostRegexp") and not value.isascii():
        raise RuleError(f"asks for the host {value!r}, which has other letters than a to z")
    if match.matcher == "ClientIP":
        try:
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise RuleError(f"asks for the address {value!r}, which is none") from None
