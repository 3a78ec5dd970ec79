"""The hub that models are fetched from."""

from pulumi_tts.config.fetching import Sources
from pulumi_tts.config.fields import Strict
from pulumi_tts.config.secret import SecretReference
from pulumi_tts.config.weights import Url


class Hub(Strict):
    """Where the weights that the stack fetches come from (`weights.directory`); engines that fetch go their own way."""

    endpoint: Url = "https://huggingface.co"
    """Hugging Face, or a mirror that speaks its API. Default: https://huggingface.co."""
    fetches_from: Sources | None = None
    """Further hosts that its downloads come from; written as a pool's. A hub on a private address is its IPv4 address
    as the endpoint's host, or `{host: hub.internal, address: 10.0.0.7}` here. Default: where Hugging Face has its files
    (`*.huggingface.co`, `*.hf.co`), for https://huggingface.co; else none."""
    token: SecretReference | None = None
    """A token for repositories that not everybody may have. Default: none."""
