"""The list of DNS providers is the pinned Traefik's."""

import re
from pathlib import Path

from pulumi_tts.config import tls
from tests.edge.edging import TRAEFIK

BY_ANOTHER_NAME = {"acme-dns"}
"""Known beside the name of its package."""

OF_NO_USE = {"manual", "exec"}
"""They want a person at a terminal, or a program in the edge's image."""


def test_it_has_every_provider_that_traefik_can_ask_and_no_other() -> None:
    """Its program carries the names of the functions that make them."""
    found = re.findall(rb"go-acme/lego/v\d+/providers/dns/([a-z0-9]+)\.NewDNSProvider\b", Path(TRAEFIK).read_bytes())
    known = sorted({name.decode() for name in found} - OF_NO_USE | BY_ANOTHER_NAME)
    assert len(known) > 100
    assert tls.dns_providers() == known, "write these into components/pulumi_tts/config/dns_providers.txt"
