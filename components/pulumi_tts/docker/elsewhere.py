"""Hosts other than the edge's: what instances on one of them share, and what is remembered of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from pulumi_tts.docker.endpoint import Endpoint, endpoint
from pulumi_tts.docker.hardening import APART, NO_WAY_BACK, PLACES_LABEL, made_network, volume_labels
from pulumi_tts.docker.survey import Remembered
from pulumi_tts.plan import HostPlan, StackPlan
from pulumi_tts.plan.names import internet_network, on_host, places_volume


def provider(name: str, at: Endpoint, parent: pulumi.Resource) -> docker.Provider:
    """Pulumi's provider for one Docker host; what is secret of TLS stays in its folder, and out of the state."""
    return docker.Provider(name, host=at.url, cert_path=at.certificates, opts=pulumi.ResourceOptions(parent=parent))


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What the instances on one host share."""

    name: str
    provider: docker.Provider
    at: Endpoint
    silent: bool
    """Whether it does not answer: its resources stay as the state has them."""
    closed: pulumi.Output[str] | None
    """A network without a way out; absent where no instance needs it."""
    internet: pulumi.Output[str] | None
    """A network with one; absent where nothing is fetched."""

    def options(self) -> pulumi.ResourceOptions:
        """The options of what is made here."""
        return _options(self.provider, self.silent)

    def network(self, unconfined: bool) -> list[pulumi.Input[str]]:
        """What an instance joins, and has its port published on: only one network that is not internal."""
        network = self.internet if unconfined else self.closed
        return [network] if network else []


def elsewhere(plan: StackPlan, host: HostPlan, parent: pulumi.Resource) -> Elsewhere:
    """Makes a host's provider and networks."""
    at = endpoint(host.docker, host.certificates)
    to = provider(on_host(f"{plan.name}-host", host.name), at, parent)
    options = pulumi.ResourceOptions.merge(_options(to, host.silent), pulumi.ResourceOptions(parent=parent))
    closed = internet = None
    if host.confines:
        name = on_host(f"{plan.name}-network", host.name)
        closed = made_network(name, plan.name, options, options=NO_WAY_BACK)
    if host.fetches:
        name = on_host(internet_network(plan.name), host.name)
        internet = made_network(name, plan.name, options, options=APART)
    return Elsewhere(host.name, to, at, host.silent, closed, internet)


def remember(
    plan: StackPlan, before: Mapping[str, Mapping[str, Remembered]], on: docker.Provider, parent: pulumi.Resource
) -> None:
    """Writes down, on the edge's host, what goes where on the others: who does not answer cannot be asked.

    ``before`` is what was written the last time, and stays true of hosts that do not answer.
    """
    places = {host.name: before[host.name] if host.silent else _planned(plan, host) for host in plan.other_hosts}
    written = {host: {name: (kept.port, kept.gpus) for name, kept in here.items()} for host, here in places.items()}
    label = json.dumps(written, sort_keys=True, separators=(",", ":"))
    name = places_volume(plan.name)
    docker.Volume(
        name,
        name=name,
        labels=volume_labels(plan.name, "places", {PLACES_LABEL: label}),
        # Labels are all that is in it, and Docker changes no volume's labels.
        opts=pulumi.ResourceOptions(parent=parent, provider=on, delete_before_replace=True),
    )


def _planned(plan: StackPlan, host: HostPlan) -> dict[str, Remembered]:
    instances = (instance for pool in plan.pools for instance in pool.instances if instance.host == host.name)
    return {
        instance.name: Remembered(host.name, instance.published.port if instance.published else None, instance.gpus)
        for instance in instances
    }


def _options(to: docker.Provider, silent: bool) -> pulumi.ResourceOptions:
    if not silent:
        return pulumi.ResourceOptions(provider=to)
    return pulumi.ResourceOptions(provider=to, transformations=[_left_as_it_is])


def _left_as_it_is(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    """Keeps a resource as the state has it: a change could not be brought to a host that does not answer."""
    if not isinstance(args.resource, pulumi.CustomResource):
        return None
    unchanged = pulumi.ResourceOptions(ignore_changes=["*"])
    return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, unchanged))
