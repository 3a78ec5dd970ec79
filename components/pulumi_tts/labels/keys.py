"""Labels one by one: whether Traefik knows them at all, and takes their values."""

from collections.abc import Iterator, Mapping

from pulumi_tts.labels.finding import Finding, nearest
from pulumi_tts.labels.table import Node, known, parts
from pulumi_tts.labels.values import wrong_value

ROOT = "traefik"
_ALL = "and with this one label it refuses all of the container's"
# Traefik looks at a label if it begins like one of these, whatever follows; other labels it passes over.
_LOOKED_AT = (
    "traefik.http",
    "traefik.tcp",
    "traefik.udp",
    "traefik.tls.stores.default",
    "traefik.docker.",
    "traefik.enable",
)


def key_findings(labels: Mapping[str, str]) -> Iterator[Finding]:
    """Every label that looks as if it were meant for Traefik, and that Traefik does not take."""
    for label, value in sorted(labels.items()):
        first = label.partition(".")[0]
        if first == ROOT:
            yield from _below_root(label, value)
        elif first.casefold() == ROOT or ("." in label and nearest(first, [ROOT])):
            remedy = f"Did you mean {ROOT}{label.removeprefix(first)}?"
            yield Finding(label, f"Traefik passes over it, because it does not begin with {ROOT}.", remedy)


def _below_root(label: str, value: str) -> Iterator[Finding]:
    node, path = known(), parts(label)[1:]
    for depth, name in enumerate(path):
        below = node.step(name)
        if below is None:
            yield _unknown(label, node, name, depth)
            return
        node = below
        if node.kind == "ignored":
            yield Finding(label, "Traefik knows it and does not look at it in labels", "Remove it")
            return
    yield from _value(label, value, node)


def _unknown(label: str, node: Node, name: str, depth: int) -> Finding:
    names = node.names()
    meant = nearest(name, names)
    remedy = f"Did you mean {meant}?" if meant else f"Known there: {', '.join(sorted(names))}" if names else "Remove it"
    where = ".".join([ROOT, *parts(label)[1 : depth + 1]])
    if label.casefold().startswith(_LOOKED_AT):
        return Finding(label, f"Traefik knows no {name!r} below {where}, {_ALL}", remedy)
    return Finding(label, f"Traefik knows no {name!r} below {where}, and passes over it", remedy)


def _value(label: str, value: str, node: Node) -> Iterator[Finding]:
    if node.kind is None:
        known_below = ", ".join(sorted(node.names())) or "a name of your own"
        yield Finding(label, "is not complete, and says nothing", f"Something has to follow: {known_below}")
    elif node.kind == "section":
        if value.casefold() != "true":
            yield Finding(label, f"with {value!r} Traefik takes it for not being there", "Write true, or remove it")
    elif wrong := wrong_value(node.kind, value):
        reason, remedy = wrong
        yield Finding(label, f"{reason}, {_ALL}", remedy)
