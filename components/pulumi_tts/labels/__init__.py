"""Labels by which containers of others ask to be admitted to an edge, and what is wrong with them."""

from pulumi_tts.labels.check import Labelled, checked
from pulumi_tts.labels.finding import Finding
from pulumi_tts.labels.way import WayIn

__all__ = ["Finding", "Labelled", "WayIn", "checked"]
