"""The rules as Pulumi's policies, for this package's pack and for packs of your own:

from pulumi_policy import PolicyPack
from pulumi_tts.policy.pack import policies

PolicyPack("mine", [*policies(), …])
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from pulumi_tts.policy.resource import UNKNOWN, Resource
from pulumi_tts.policy.rules import RULES, Rule

_TEXTS = {"type": "array", "items": {"type": "string"}}


def policies() -> list[Policy]:
    """Every rule as a policy of the same name."""
    return [_policy(rule) for rule in RULES]


def _policy(rule: Rule) -> ResourceValidationPolicy:
    settable = {"except": ("names of resources that it is not asked of; `*` stands for anything", ()), **rule.settings}
    return ResourceValidationPolicy(
        name=rule.name,
        description=rule.description,
        validate=partial(_validate, rule),
        enforcement_level=EnforcementLevel(rule.level.value),
        config_schema=PolicyConfigSchema(
            {
                name: {**_TEXTS, "description": description, "default": list(default)}
                for name, (description, default) in settable.items()
            }
        ),
    )


def _validate(rule: Rule, args: ResourceValidationArgs, report: ReportViolation) -> None:
    resource = Resource(args.resource_type, args.name, args.urn, known(args.props), args.opts.protect)
    for problem in rule.problems(resource, args.get_config()):
        report(str(problem), None)


def known(value: Any) -> Any:
    """A resource's inputs as plain values; Pulumi raises an error at each one that is not known yet."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, at) for at in range(len(value))]
    return value


def _item(among: Any, key: Any) -> Any:
    try:
        return known(among[key])
    except UnknownValueError:
        return UNKNOWN
