"""Volumes of weights on a Docker host, each filled once by a container that fetches, checks and ends.

The container is left running if an `up` is interrupted, and the next one follows it; one that failed, or was cleaned
away, is made again, continues what has arrived, and takes a second where everything is there.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_docker as docker
from pulumi.runtime.mocks import MockMonitor

from pulumi_tts.docker.elsewhere import Elsewhere
from pulumi_tts.docker.endpoint import Endpoint, client
from pulumi_tts.docker.hardening import HOST_LABEL, container_options, hardened, volume_labels
from pulumi_tts.docker.images import image_on_host
from pulumi_tts.docker.pids import limit_pids
from pulumi_tts.docker.way_out import TtsWayOut, resolvers
from pulumi_tts.plan.names import on_host, weights_volume
from pulumi_tts.plan.way_out import proxy_environment
from pulumi_tts.plan.weights import FilledWeights, FillPlan
from pulumi_tts.render.fill import fill_job

MOUNT = "/weights"
RUN_LABEL = "pulumi-tts.run"
"""Tells one run of a container from the next: another value makes another container."""

_TOKEN = "/run/secrets/hub-token"  # noqa: S105  a path
_USER = "10001:10001"
_MEMORY = 512
_PIDS = 64
_LOOK = 1.0
_FAILED = "failed: "
_FIRST_RUN = "1"


@dataclass(frozen=True)
class Weights:
    """A volume of weights, for instances to mount."""

    volume: pulumi.Output[str]
    ready: pulumi.Output[pulumi.Resource]
    """For `depends_on`: known once everything is there."""


class TtsWeights(pulumi.ComponentResource):
    """All weights on one Docker host; those that several pools ask for are there once."""

    def __init__(
        self,
        name: str,
        fill: FillPlan,
        *,
        stack: str,
        internet: pulumi.Input[str] | None,
        token: pulumi.Input[str] | None,
        at: Endpoint,
        away: Elsewhere | None,
        opts: pulumi.ResourceOptions,
    ) -> None:
        name = on_host(name, away.name) if away else name
        super().__init__("tts:index:TtsWeights", name, None, opts)
        self._stack, self._fill, self._at, self._away = stack, fill, at, away
        self._token = token
        self._way_out = self._made_way_out(internet)
        self._image = image_on_host(f"{name}-image", fill.image, self)
        self._made: dict[str, Weights] = {}
        self.register_outputs({})

    def of(self, weights: FilledWeights) -> Weights:
        """The volume of these weights, and the container that fills it; made when first asked for."""
        if weights.name not in self._made:
            self._made[weights.name] = self._filled(weights)
        return self._made[weights.name]

    def _filled(self, weights: FilledWeights) -> Weights:
        name = weights_volume(self._stack, weights.name)
        if self._away:
            name = on_host(name, self._away.name)
        volume = docker.Volume(
            name,
            name=name,
            labels=volume_labels(self._stack, "weights", {HOST_LABEL: self._away.name} if self._away else None),
            # Gigabytes that would have to be fetched again; `make down VOLUMES=1` removes it.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        run = _FIRST_RUN if self._out_of_reach else run_of(f"{name}-fill", self._at)
        container = self._container(f"{name}-fill", volume, weights, run)
        if not self._out_of_reach:
            limit_pids(container, self._at, _PIDS)

        async def ready(made: Sequence[str | None]) -> pulumi.Resource:
            container_id, its_run = made
            if its_run == run and not (pulumi.runtime.is_dry_run() or self._out_of_reach):
                await filled(str(container_id), self._at, weights, lambda line: pulumi.log.info(line, container))
            return container

        return Weights(volume.name, pulumi.Output.all(container.id, container.labels.apply(run_made)).apply(ready))

    def _made_way_out(self, internet: pulumi.Input[str] | None) -> TtsWayOut | None:
        """The proxy to the hub; one for all weights on the host."""
        if not (self._fill.way_out and internet):
            return None
        plan = self._fill.way_out.on(self._away.name) if self._away else self._fill.way_out
        silent = bool(self._away and self._away.silent)
        opts = pulumi.ResourceOptions(parent=self)
        return TtsWayOut(plan, stack=self._stack, internet=internet, at=self._at, silent=silent, opts=opts)

    @property
    def _out_of_reach(self) -> bool:
        """Whether there is no Docker to be asked: on a host that does not answer, and on mocks."""
        return bool(self._away and self._away.silent) or isinstance(pulumi.runtime.settings.get_monitor(), MockMonitor)

    def _container(self, name: str, volume: docker.Volume, weights: FilledWeights, run: str) -> docker.Container:
        # Docker's provider takes what is uploaded for no secret, and shows it in previews and in the state.
        content = pulumi.Output.secret(self._token) if self._token else None
        token = [docker.ContainerUploadArgs(file=_TOKEN, content=content)] if content else None
        way_out = self._way_out
        networks = [docker.ContainerNetworksAdvancedArgs(name=way_out.network)] if way_out else None
        proxied = proxy_environment() if way_out else {}
        return docker.Container(
            name,
            name=name,
            image=self._image,
            envs=[
                f"FILL={fill_job(weights)}",
                f"HF_ENDPOINT={self._fill.endpoint}",
                *(f"{key}={url}" for key, url in proxied.items()),
            ],
            dns=resolvers(unconfined=False),
            user=_USER,
            # Docker uploads a token into no other.
            read_only=token is None,
            tmpfs={"/tmp": "rw,nosuid,nodev"},  # noqa: S108  a path inside the container
            uploads=token,
            networks_advanced=networks,
            volumes=[docker.ContainerVolumeArgs(container_path=MOUNT, volume_name=volume.name)],
            # It ends, and an `up` does not start it again; that it is not waited for here lets an `up` be interrupted.
            must_run=False,
            restart="no",
            **hardened(self._stack, "weights", _MEMORY, {RUN_LABEL: run}),
            opts=container_options(self, after=[way_out.container] if way_out else []),
        )


def run_of(name: str, at: Endpoint) -> str:
    """The run label that a container is to have: its own while it runs or has done its work; otherwise a new one."""
    from docker.errors import NotFound  # noqa: PLC0415  see endpoint.client

    try:
        found = client(at).containers.get(name)
    except NotFound:
        return _new_run()
    run: str = found.labels.get(RUN_LABEL, _new_run())
    return _new_run() if _is_over(found.attrs["State"]) and found.attrs["State"]["ExitCode"] else run


def run_made(labels: Sequence[docker.outputs.ContainerLabel] | None) -> str | None:
    """The run label of the container that Pulumi has.

    While the stack is destroyed, no other is made, whatever was asked for: then it is that of a container which failed
    or is not there any more, and there is nothing to wait for.
    """
    return next((label.value for label in labels or () if label.label == RUN_LABEL), None)


async def filled(container_id: str, at: Endpoint, weights: FilledWeights, say: Callable[[str], None]) -> None:
    """Follows a container that fills a volume to its end, and says what it says.

    Raises RunError, with its reason, where it fails, or is lost sight of.
    """
    from docker.errors import DockerException  # noqa: PLC0415  see endpoint.client

    said = 0
    try:
        state, lines = await asyncio.to_thread(_look, container_id, at)
        silent = _is_over(state)
        while True:
            if not silent:
                for line in lines[said:]:
                    say(line)
                said = len(lines)
            if _is_over(state):
                break
            await asyncio.sleep(_LOOK)
            state, lines = await asyncio.to_thread(_look, container_id, at)
    except (DockerException, OSError) as error:
        raise pulumi.RunError(
            f"{weights.called}: what fetches it was lost sight of ({error}); it may be at work still, and the next "
            "`pulumi up` follows it."
        ) from None
    if state["ExitCode"]:
        # Not simply the last line: what a library says beside it comes by another pipe, and may arrive later.
        ended = f"its container ended with status {state['ExitCode']}"
        last = next((line for line in reversed(lines) if line.startswith(_FAILED)), lines[-1] if lines else ended)
        raise pulumi.RunError(
            f"{weights.called} was not fetched: {last.removeprefix(_FAILED)}. Nothing that needs it was started. What "
            "has arrived is kept; the next `pulumi up` goes on from there."
        )


def _look(container_id: str, at: Endpoint) -> tuple[dict[str, Any], list[str]]:
    """A container's state and log; the state first, so that the log of one that is over is whole."""
    api = client(at).api
    state: dict[str, Any] = api.inspect_container(container_id)["State"]
    return state, api.logs(container_id).decode(errors="replace").splitlines()


def _is_over(state: dict[str, Any]) -> bool:
    return state["Status"] in ("exited", "dead")


def _new_run() -> str:
    return str(int(time.time()))
