"""Plans of stacks that are watched."""

from typing import Any

from pulumi_tts.config import load_stack
from pulumi_tts.plan import StackPlan, plan_stack
from pulumi_tts.plan.observability import ObservabilityPlan

HOOK = {"name": "hook", "webhook": {"url": "http://127.0.0.1:1/hook", "token": {"secret": "hookToken"}}}
MAIL = {
    "name": "mail",
    "email": {
        "to": ["ops@example.com"],
        "sender": "tts@example.com",
        "server": "smtp.example.com:587",
        "user": "tts",
        "password": {"secret": "mailPassword"},
    },
    "severities": ["critical"],
}
SLACK = {"name": "slack", "slack": {"url": {"secret": "slackUrl"}, "channel": "#ops"}}
REMOTE = {"url": "https://metrics.example.com/write", "secret": {"secret": "writeToken"}}
POOLS = [
    {"name": "voice", "engine": "voice", "instances": 2, "routes": {"pool": "voice.{domain}", "path": "/voice"}},
    {"name": "studio", "engine": "studio", "instances": 2, "guard": "none", "routes": {"path": "/studio"}},
]


def planned(watching: dict[str, Any] | None = None, **changes: Any) -> StackPlan:
    """A stack that is watched; everything that can be asked for where ``watching`` does not say."""
    written = watching or {
        "prometheus": {"remote_write": REMOTE, "labels": {"site": "berlin"}},
        "alertmanager": {"receivers": [HOOK, MAIL, SLACK]},
        "usage": {},
    }
    config = {"pools": POOLS, "edge": {"tls": {"self_signed": {}}}, "observability": written, **changes}
    return plan_stack(load_stack(config), "tts", local_images=True)


def watched(watching: dict[str, Any] | None = None, **changes: Any) -> ObservabilityPlan:
    """What watches it."""
    plan = planned(watching, **changes).observability
    assert plan
    return plan
