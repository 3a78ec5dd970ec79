"""The program of a stack: its config in, a running speech service out."""

import gc

import pulumi

from pulumi_tts.config import ConfigError, load_stack
from pulumi_tts.docker import SpeechStack, referenced_secrets, written_stack

# The SDK keeps every object of a program until its end; looking through them for garbage again and again is half of
# the time that a preview of 512 instances would take (docs/bench-engine.md).
gc.freeze()
gc.set_threshold(50_000, 50, 50)

settings = pulumi.Config("tts")
try:
    written = written_stack(settings)
    secrets = referenced_secrets(load_stack(written), settings)
    speech = SpeechStack(f"tts-{pulumi.get_stack()}", {"config": written, "secrets": secrets})
except ConfigError as error:
    raise pulumi.RunError(error.report(f"Pulumi.{pulumi.get_stack()}.yaml, tts:stack")) from None

pulumi.export("edge_url", speech.edge_url)
pulumi.export("pools", speech.pools)
pulumi.export("dashboard", speech.dashboard)
pulumi.export("discovery", speech.discovery)
pulumi.export("logins", speech.logins)
pulumi.export("tls", speech.tls)
