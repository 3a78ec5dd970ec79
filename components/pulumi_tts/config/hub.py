"""The hub that models are fetched from."""

from pulumi_tts.config.fields import Strict
from pulumi_tts.config.secret import SecretReference
from pulumi_tts.config.weights import Url


class Hub(Strict):
    """Where the weights that the stack fetches come from (`weights.directory`); engines that fetch go their own way."""

    endpoint: Url = "https://huggingface.co"
    """Hugging Face, or a mirror that speaks its API. Default: https://huggingface.co."""
    token: SecretReference | None = None
    """A token for repositories that not everybody may have. Default: none."""
