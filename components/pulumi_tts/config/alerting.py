"""Whom a stack calls, and how."""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from pulumi_tts.config.fields import Mebibytes, Name, Seconds, Strict, is_host_name, is_ip_address, refused
from pulumi_tts.config.secret import SecretReference

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_WEB = re.compile(r"https?://(?P<host>[A-Za-z0-9.-]+)(:[0-9]{1,5})?(/[\x21-\x7e]*)?")
_MAIL_HOST = re.compile(r"(?P<host>[A-Za-z0-9.-]+):(?P<port>[0-9]{1,5})")
_CHANNEL = r"^[#@][^\s#@]{1,80}$"
_SHORTEST_REPEAT = 300


def web_address(value: str) -> str:
    """An http:// or https:// address, without a user or password in it."""
    if not _WEB.fullmatch(value):
        raise refused(
            "is not a web address", "Write it as in 'https://alerts.example.com/hook', without a user or password"
        )
    return value


def _email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise refused("is not an e-mail address", "Write one that is read, as in 'ops@example.com'")
    return value


def _mail_host(value: str) -> str:
    match = _MAIL_HOST.fullmatch(value)
    known = match and (is_host_name(match["host"]) or is_ip_address(match["host"]))
    if not match or not known or not 1 <= int(match["port"]) <= 65535:  # noqa: PLR2004
        raise refused("is not a mail server with its port", "Write it as in 'smtp.example.com:587'")
    return value


WebAddress = Annotated[str, AfterValidator(web_address)]
EmailAddress = Annotated[str, AfterValidator(_email)]


class Severity(StrEnum):
    """How soon somebody has to look."""

    critical = "critical"
    """Now: speech fails, or is about to."""
    warning = "warning"
    """Today."""


class Webhook(Strict):
    """A program that is told by POST, in Alertmanager's JSON."""

    url: WebAddress
    """Where it is told."""
    token: SecretReference | None = None
    """Sent as `Authorization: Bearer …`, as `{secret: KEY}`. Default: none is."""


class Email(Strict):
    """People who are told by e-mail."""

    to: Annotated[list[EmailAddress], Field(min_length=1)]
    """Who."""
    sender: EmailAddress
    """From whom it is."""
    server: Annotated[str, AfterValidator(_mail_host)]
    """The mail server that takes it, with its port, as `smtp.example.com:587`; by TLS."""
    user: Annotated[str, Field(min_length=1)] | None = None
    """As whom the server knows this stack. Default: it asks nobody."""
    password: SecretReference | None = None
    """That user's password, as `{secret: KEY}`."""

    @model_validator(mode="after")
    def _has_both(self) -> "Email":
        if self.user and not self.password:
            raise refused("has a user without a password", "Add password: {secret: mailPassword}")
        if self.password and not self.user:
            raise refused("has a password without a user", "Add user")
        return self


class Slack(Strict):
    """A channel of Slack's, or of what takes its webhooks."""

    url: SecretReference
    """The incoming webhook's address, which is a secret, as `{secret: KEY}`: who has it can write there."""
    channel: Annotated[str, Field(pattern=_CHANNEL)] | None = None
    """Where it is said, as `#ops`. Default: where the webhook leads."""


_KINDS = ("webhook", "email", "slack")


class Receiver(Strict):
    """Somebody who is told of alerts, in one way."""

    name: Name
    """In the pages, and in files."""
    webhook: Webhook | None = None
    """By POST."""
    email: Email | None = None
    """By e-mail."""
    slack: Slack | None = None
    """In a channel."""
    severities: Annotated[list[Annotated[Severity, Field(strict=False)]], Field(min_length=1)] = list(Severity)
    """Which alerts: `critical`, `warning`. Default: both."""

    @model_validator(mode="after")
    def _one_way(self) -> "Receiver":
        written = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(written) != 1:
            reason = f"is told by {' and '.join(written)}" if written else "says not how anybody is told"
            raise refused(reason, "Give one of webhook, email and slack; make two receivers of two ways")
        return self

    @property
    def secret(self) -> tuple[str, SecretReference] | None:
        """Its one secret, with its place below the receiver; absent where it needs none."""
        if self.webhook and self.webhook.token:
            return "webhook.token", self.webhook.token
        if self.email and self.email.password:
            return "email.password", self.email.password
        return ("slack.url", self.slack.url) if self.slack else None


class Alertmanager(Strict):
    """Who is told of alerts: what belongs together at once, and not all the time."""

    receivers: list[Receiver] = []
    """Who is told. Default: nobody; alerts then show on its page alone."""
    repeat: Annotated[Seconds, Field(ge=_SHORTEST_REPEAT)] = 4 * 3600
    """After which time an alert that goes on is told again. Default: 4h."""
    memory: Mebibytes = 128
    """Its memory limit. Default: 128m."""
