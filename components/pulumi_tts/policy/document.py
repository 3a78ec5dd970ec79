"""docs/policy.md, written from the rules themselves: `make policy-doc`."""

from pulumi_tts.policy.resource import CONTAINER, IMAGE, NETWORK, PROVIDER
from pulumi_tts.policy.rules import RULES, Rule

INTRODUCTION = """\
<!-- Made by `make policy-doc` from components/pulumi_tts/policy/; edit there. -->
# The policy pack

It looks at what a stack is about to make on Docker, ours and your own, and says what would open it:

    pip install 'pulumi-tts[policy]'
    pulumi preview --policy-pack $(pulumi-tts policy)

In this checkout, `make policy` does that for the stack of `make up`. `pulumi up --policy-pack …` looks before it makes.
It works with any program that imports pulumi-docker, also without a component of ours. Pulumi finds the pack's program,
`pulumi-analyzer-policy-pulumi-tts`, on PATH, where `pulumi-tts` is.

Each finding names the input, its value (never a secret's), why it matters and what would be right. A **mandatory** one
fails the preview, an **advisory** one is only said.

| Rule | Asked of | Asks that | Is |
|---|---|---|---|
"""

SETTINGS = """\

## Settings

In a file for `--policy-pack-config`, by rule; all of it can be left out:

```json
{
  "published-ports": {"except": ["vpn"], "private": ["203.0.113.0/24"]},
  "pinned-images": {"protected": ["prod", "eu-*"]},
  "health-checks": {"enforcementLevel": "mandatory"}
}
```

- `enforcementLevel`, of every rule: `mandatory`, `advisory` or `disabled`.
- `except`, of every rule: names of resources that it is not asked of; `*` stands for anything.
"""

YOUR_OWN = """\

A stack is protected if its name matches `protected`, or wherever Pulumi's `protect` is set: on a component, it holds
for all that it makes.

## In a pack of your own

```python
from pulumi_policy import PolicyPack
from pulumi_tts.policy.pack import policies

PolicyPack("mine", [*policies(), ...])
```
"""

_CALLED = {CONTAINER: "containers", IMAGE: "images", NETWORK: "networks", PROVIDER: "Docker hosts"}


def document() -> str:
    """The whole page."""
    return (
        INTRODUCTION
        + "".join(_row(rule) for rule in RULES)
        + SETTINGS
        + "".join(_settings(rule) for rule in RULES)
        + YOUR_OWN
    )


def _row(rule: Rule) -> str:
    of = ", ".join(_CALLED[kind] for kind in rule.kinds)
    return f"| `{rule.name}` | {of} | {rule.description} | {rule.level.value} |\n"


def _settings(rule: Rule) -> str:
    return "".join(
        f"- `{name}`, of `{rule.name}`: {description}. Default: {', '.join(f'`{one}`' for one in default)}.\n"
        for name, (description, default) in rule.settings.items()
    )


if __name__ == "__main__":
    print(document(), end="")
