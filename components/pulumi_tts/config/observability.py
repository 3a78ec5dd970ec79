"""What watches a stack: its metrics, and whom it calls."""

from pulumi_tts.config.fields import Strict


class Observability(Strict):
    """What watches a stack. Each part is a container on the edge's host; their pages are behind the dashboard's login,
    on its host name."""
