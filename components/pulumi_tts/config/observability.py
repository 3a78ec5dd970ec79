"""What watches a stack: its metrics, and whom it calls."""

from pulumi_tts.config.fields import Strict
from pulumi_tts.config.usage import Usage


class Observability(Strict):
    """What watches a stack. Each part is a container on the edge's host; their pages are behind the dashboard's login,
    on its host name."""

    usage: Usage | None = None
    """Who used how much. Default: nobody counts."""
