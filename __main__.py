"""The program of a stack: its config in, a running speech service out."""

import pulumi

from pulumi_tts.config import ConfigError, load_stack
from pulumi_tts.docker import SpeechStack, referenced_secrets, written_stack

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
