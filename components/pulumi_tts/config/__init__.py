"""What a user may write: typed, defaulted, documented, and refused with a path for everything that is wrong."""

from pulumi_tts.config.load import load_part, load_pool, load_stack
from pulumi_tts.config.pool import Pool
from pulumi_tts.config.problems import ConfigError, Problem
from pulumi_tts.config.route import WrittenRoute
from pulumi_tts.config.stack import ImageSource, Stack

__all__ = [
    "ConfigError",
    "ImageSource",
    "Pool",
    "Problem",
    "Stack",
    "WrittenRoute",
    "load_part",
    "load_pool",
    "load_stack",
]
