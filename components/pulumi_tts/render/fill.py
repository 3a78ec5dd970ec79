"""What services/fill is told: which files to fetch."""

import json
from dataclasses import asdict
from typing import Any

from pulumi_tts.plan.weights import FilledWeights


def fill_job(weights: FilledWeights) -> str:
    """The value of its variable `FILL`."""
    job: dict[str, Any] = {
        "repository": weights.repository,
        "revision": weights.revision,
        "files": list(weights.files),
        "links": [asdict(link) for link in weights.links],
    }
    return json.dumps({key: value for key, value in job.items() if value})
