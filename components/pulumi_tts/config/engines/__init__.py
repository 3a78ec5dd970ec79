"""The engines that this package knows, by the name a pool calls them: one small declarative module each.

A profile is written as a user writes one of their own in YAML, so any of these can be copied into a config.
"""

from pulumi_tts.config.engines import studio, voice

ENGINES = {"studio": studio.PROFILE, "voice": voice.PROFILE}
