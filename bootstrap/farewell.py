"""What `make up` ends with: what changed, where everything is, and a request to try."""

from collections.abc import Iterator, Mapping
from typing import Any

SAMPLE = '{"input": "Hello. This machine has learnt to speak.", "response_format": "wav"}'

AUTHORITY = """make -s outputs | python3 -c 'import json, sys; print(json.load(sys.stdin)["tls"]["ca"])' > ca.pem"""

SAID_AS = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}
# No change, and the two steps of what Pulumi also counts as one `replace`.
COUNTED_ELSEWHERE = {"same", "create-replacement", "delete-replaced"}


def farewell(outputs: Mapping[str, Any], changes: Mapping[str, int]) -> Iterator[str]:
    """The lines to print, from the stack's outputs (secrets included) and what changed.

    `changes` is what Pulumi's history calls resourceChanges: create, update, same, … → how many resources.
    """
    yield ""
    yield f"==> Up: {what_changed(changes)}."
    yield ""
    pools: Mapping[str, Any] = outputs.get("pools", {})
    for name, pool in pools.items():
        yield f"    {name:<12}{pool['url']}"
        for instance in pool["instances"]:
            yield f"    {'':<12}{instance}"
    if dashboard := outputs.get("dashboard"):
        # Not the password: what is printed here ends up in scrollback and CI logs.
        login = f"user {dashboard['user']}, password: make outputs"
        yield f"    {'dashboard':<12}{dashboard['url']}   {login}"
        if keeper := dashboard.get("keeper"):
            yield f"    {'keeper':<12}{keeper}   who is busy, what waits; the same login"
        if prometheus := dashboard.get("prometheus"):
            yield f"    {'prometheus':<12}{prometheus}   metrics, and what is wrong; the same login"
    if names := [name for kind in outputs.get("logins", {}).values() for name in kind]:
        yield f"    {'logins':<12}{', '.join(names)}: make outputs"
    own_authority = bool(outputs.get("tls"))
    if own_authority:
        yield f"    {'to trust':<12}{AUTHORITY}"
    if pool := first_speaking(pools):
        yield ""
        yield "    Try it:"
        yield ""
        yield f"    {request(pool['url'], login=pool.get('login', 'open'), own_authority=own_authority)}"
    yield ""


def what_changed(changes: Mapping[str, int]) -> str:
    """`2 created, 1 updated`, or that nothing was."""
    counted = {kind: count for kind, count in changes.items() if count and kind not in COUNTED_ELSEWHERE}
    return ", ".join(f"{count} {SAID_AS.get(kind, kind)}" for kind, count in counted.items()) or "nothing changed"


def first_speaking(pools: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first pool with the API that the sample request is for."""
    return next((pool for pool in pools.values() if pool["engine"] == "voice"), None)


SHOWN = {
    "basic": "--user NAME:PASSWORD ",
    "api_keys": "--header 'Authorization: Bearer KEY' ",
    "jwt": "--header 'Authorization: Bearer TOKEN' ",
}
"""What a request has to show, by the login that it meets."""


def request(url: str, *, login: str = "open", own_authority: bool = False) -> str:
    """A shell line that leaves speech in hello.wav."""
    trust = "--cacert ca.pem " if own_authority else ""
    return (
        f"curl {trust}{SHOWN.get(login, '')}--fail --silent --show-error --output hello.wav "
        f"{url.rstrip('/')}/v1/audio/speech "
        f"--header 'Content-Type: application/json' --data '{SAMPLE}'"
    )
