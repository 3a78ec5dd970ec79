"""An edge's TLS on a Docker host: its certificates and keys as files, and the volume that keeps what was ordered."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from operator import itemgetter

import pulumi
import pulumi_docker as docker

from pulumi_tts.config import ConfigError
from pulumi_tts.config.tls_checks import key_problem
from pulumi_tts.docker.files import CURRENT
from pulumi_tts.docker.hardening import volume_labels
from pulumi_tts.docker.passwords import generated_token
from pulumi_tts.plan import EdgePlan, Route
from pulumi_tts.plan.tls import TlsPlan, leaf_names, ordered_names
from pulumi_tts.render.self_signed import SelfSigned, self_signed
from pulumi_tts.render.traefik_tls import ACME_FOLDER, tls_environment, tls_file, tls_files

TLS_FILE = "tls.yml"


class EdgeTls:
    """What the container of an edge with TLS needs, and what people who come to it need."""

    files: dict[str, pulumi.Output[str]]
    """Its files; secrets, for keys are in them."""
    environment: pulumi.Output[list[str]]
    """Its environment; no secret is in it."""
    ca: pulumi.Output[str]
    """The certificate of the stack's own authority, for people to trust; empty where another one signs."""
    volumes: dict[str, pulumi.Output[str]]
    """What it writes into, by where it is mounted."""

    def __init__(
        self,
        plan: EdgePlan,
        tls: TlsPlan,
        routes: pulumi.Output[list[Route]],
        secrets: Mapping[str, pulumi.Input[str]],
        *,
        stack: str,
        parent: pulumi.Resource,
    ) -> None:
        """``secrets`` are those that the plan refers to, by their keys."""
        known = pulumi.Output.all(**{key: secrets[key] for key in sorted(tls.secret_keys)})
        once = known.apply(lambda secrets: tls_files(tls, secrets))
        names = tls_files(tls, dict.fromkeys(tls.secret_keys, ""))
        unguessable = generated_token(f"{plan.name}-read-once", parent) if names else pulumi.Output.from_input("")
        told = pulumi.Output.all(known, unguessable).apply(lambda both: tls_environment(tls, CURRENT, *both))
        self.environment = pulumi.Output.unsecret(told)
        self.ca = pulumi.Output.from_input("")
        if tls.self_signed:
            # Kept in the state: another seed would be another authority, which nobody trusts yet.
            seed = generated_token(f"{plan.name}-authority", parent)
            made = pulumi.Output.all(seed, routes).apply(
                lambda both: self_signed(
                    both[0], tls.domain, leaf_names(tls, [*both[1], *plan.own_routes]), datetime.now(UTC)
                )
            )
            self.ca = pulumi.Output.unsecret(made.apply(lambda made: made.ca))
            file = made.apply(lambda made: tls_file(tls, [(made.certificate, made.key)], []))
        else:
            file = pulumi.Output.all(known, routes).apply(lambda both: _file(plan, tls, *both))
        self.files = {
            TLS_FILE: pulumi.Output.secret(file),
            **{name: pulumi.Output.secret(once.apply(itemgetter(name))) for name in names},
        }
        self.volumes = {ACME_FOLDER: _kept(tls.acme.volume, stack, parent)} if tls.acme else {}


def _signed(plan: EdgePlan, tls: TlsPlan, seed: str, routes: Iterable[Route]) -> SelfSigned:
    return self_signed(seed, tls.domain, leaf_names(tls, [*routes, *plan.own_routes]), datetime.now(UTC))


def _file(plan: EdgePlan, tls: TlsPlan, secrets: Mapping[str, str], routes: Iterable[Route]) -> str:
    problems = [
        problem
        for at, given in enumerate(tls.given)
        if (
            problem := key_problem(f"edge.tls.certificates[{at}].key", given.certificate, secrets[given.key], given.key)
        )
    ]
    if problems:
        raise ConfigError(problems)
    pairs = [(given.certificate, secrets[given.key]) for given in tls.given]
    return tls_file(tls, pairs, ordered_names(tls, tls.acme, [*routes, *plan.own_routes]) if tls.acme else [])


def _kept(name: str, stack: str, parent: pulumi.Resource) -> pulumi.Output[str]:
    volume = docker.Volume(
        name,
        name=name,
        labels=volume_labels(stack, "acme"),
        # Who loses it orders everything again, and may have to wait for a week: it outlives the edge and the stack;
        # `make down VOLUMES=1` removes it.
        opts=pulumi.ResourceOptions(parent=parent, retain_on_delete=True),
    )
    return volume.name
