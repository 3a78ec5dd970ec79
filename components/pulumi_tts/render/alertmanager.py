"""What Alertmanager is started with, and the file that says whom it tells what."""

from typing import Any

from pulumi_tts.plan.observability import (
    ALERTMANAGER,
    ALERTMANAGER_PORT,
    AlertmanagerPlan,
    Email,
    ReceiverPlan,
    Slack,
    Webhook,
)
from pulumi_tts.render.pace import REAL, Pace
from pulumi_tts.render.yaml_file import Tree, yaml_text

DATA = "/alertmanager"
"""Where it keeps what was told, and silences."""
_NOBODY = "nobody"
_GROUPED_FOR, _GROUP_AGAIN = 10, 300

_INHIBITED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("PoolDown", "InstanceDown|PoolBelowCapacity|ProbeFails|PoolSaturated|PoolRefuses", ("pool",)),
    ("InstanceDown", "PoolBelowCapacity", ("pool",)),
    ("InstanceGivenUp", "InstanceDown|RestartFails", ("pool", "instance")),
    # A probe waits in the same line.
    ("PoolSaturated", "ProbeFails|PoolRefuses", ("pool",)),
)
"""What need not be told beside what causes it, where these labels are the same."""


def static_arguments(
    plan: AlertmanagerPlan,
    files: str = "/files/current",
    data: str = DATA,
    listen: str = f":{ALERTMANAGER_PORT}",
) -> tuple[str, ...]:
    """Alertmanager's whole command line; one alone, without others that it would tell of what it has told."""
    return (
        "alertmanager",
        f"--config.file={files}/alertmanager.yml",
        f"--storage.path={data}",
        f"--web.listen-address={listen}",
        f"--web.external-url={plan.page}",
        f"--web.route-prefix={ALERTMANAGER}",
        "--cluster.listen-address=",
        "--log.format=json",
    )


def secret_file(receiver: ReceiverPlan) -> str:
    """The name of the file with a receiver's secret."""
    return f"secret-of-{receiver.name}"


def alertmanager_file(plan: AlertmanagerPlan, files: str = "/files/current", pace: Pace = REAL) -> str:
    """`alertmanager.yml`; secrets are in files of their own."""
    tree: Tree = {
        "route": {
            "receiver": _NOBODY,
            "group_by": ["alertname", "pool"],
            "group_wait": pace(_GROUPED_FOR),
            "group_interval": pace(_GROUP_AGAIN),
            "repeat_interval": pace(plan.repeat),
        },
        "receivers": [{"name": _NOBODY}, *(_receiver(receiver, files) for receiver in plan.receivers)],
        "inhibit_rules": [
            *(_inhibited(*rule) for rule in _INHIBITED),
            {
                "source_matchers": ['severity="critical"', 'alertname="ErrorBudgetBurns"'],
                "target_matchers": ['severity="warning"', 'alertname="ErrorBudgetBurns"'],
                "equal": ["pool"],
            },
        ],
    }
    if plan.receivers:
        tree["route"]["routes"] = [
            {
                "receiver": receiver.name,
                "matchers": [f'severity=~"{"|".join(receiver.severities)}"'],
                "continue": True,
            }
            for receiver in plan.receivers
        ]
    return yaml_text(tree)


def _inhibited(cause: str, effects: str, same: tuple[str, ...]) -> Tree:
    return {
        "source_matchers": [f'alertname="{cause}"'],
        "target_matchers": [f'alertname=~"{effects}"'],
        "equal": list(same),
    }


def _receiver(receiver: ReceiverPlan, files: str) -> Tree:
    secret = f"{files}/{secret_file(receiver)}"
    way = receiver.way
    kind, config = (
        ("webhook_configs", _webhook(way, secret))
        if isinstance(way, Webhook)
        else ("email_configs", _email(way, secret))
        if isinstance(way, Email)
        else ("slack_configs", _slack(way, secret))
    )
    return {"name": receiver.name, kind: [{"send_resolved": True, **config}]}


def _webhook(webhook: Webhook, secret: str) -> dict[str, Any]:
    told = {"http_config": {"authorization": {"credentials_file": secret}}} if webhook.token else {}
    return {"url": webhook.url, **told}


def _email(email: Email, secret: str) -> dict[str, Any]:
    login = {"auth_username": email.user, "auth_password_file": secret} if email.user else {}
    return {
        "to": ", ".join(email.to),
        "from": email.sender,
        "smarthost": email.server,
        "require_tls": True,
        **login,
    }


def _slack(slack: Slack, secret: str) -> dict[str, Any]:
    channel = {"channel": slack.channel} if slack.channel else {}
    return {
        "api_url_file": secret,
        **channel,
        "title": "{{ .Status | toUpper }}: {{ .CommonLabels.alertname }}",
        "text": "{{ range .Alerts }}*{{ .Annotations.summary }}*\n{{ .Annotations.description }}\n{{ end }}",
    }
