"""What the keeper reaches other Docker hosts by: a socket proxy on each, and the token that these want."""

from collections.abc import Mapping

import pulumi
import pulumi_docker as docker

from pulumi_tts.docker.elsewhere import Elsewhere
from pulumi_tts.docker.files import LiveFiles
from pulumi_tts.docker.images import image_on_host
from pulumi_tts.docker.passwords import generated_token
from pulumi_tts.docker.socket_proxy import SocketProxy
from pulumi_tts.plan.images import Image
from pulumi_tts.plan.keeper import HostKept, KeeperPlan
from pulumi_tts.plan.socket_proxy import keeper_proxy_elsewhere

_FILE = "token"
_MOUNT = "/token"
_FILE_IN_KEEPER = f"{_MOUNT}/current/{_FILE}"


class KeptHosts:
    """The proxies on every other host, and what the keeper's container needs in order to ask them."""

    def __init__(
        self,
        plan: KeeperPlan,
        pools: pulumi.Output[list[str]],
        *,
        stack: str,
        envoy: Image,
        envoy_here: pulumi.Input[str],
        elsewhere: Mapping[str, Elsewhere],
        reader: int,
        parent: pulumi.Resource,
    ) -> None:
        """``envoy`` is Envoy's image, ``envoy_here`` that on the keeper's host; ``reader`` is the keeper's group."""
        token = generated_token(f"{plan.name}-token", parent)
        # In a file that nobody but the keeper can read: an environment is shown by `docker inspect`.
        live = LiveFiles(f"{plan.name}-token", stack, {_FILE: token}, envoy_here, parent, reader=reader)
        self.environment = [f"KEEPER_TOKEN={_FILE_IN_KEEPER}"]
        self.volumes = [docker.ContainerVolumeArgs(container_path=_MOUNT, volume_name=live.volume.name, read_only=True)]
        self.ready: list[pulumi.Resource] = [live.courier]
        for host in plan.elsewhere:
            _Proxy(host, elsewhere[host.name], stack=stack, image=envoy, token=token, pools=pools, parent=parent)


class _Proxy(pulumi.ComponentResource):
    """One host's; a component, so that all of it is made there, and left as it is while the host is silent."""

    def __init__(
        self,
        host: HostKept,
        away: Elsewhere,
        *,
        stack: str,
        image: Image,
        token: pulumi.Input[str],
        pools: pulumi.Output[list[str]],
        parent: pulumi.Resource,
    ) -> None:
        plan = keeper_proxy_elsewhere(stack, (), away.at.url, host.name, host.proxy)
        opts = pulumi.ResourceOptions.merge(away.options(), pulumi.ResourceOptions(parent=parent))
        super().__init__("tts:index:SocketProxy", plan.name, None, opts)
        SocketProxy(
            plan,
            stack=stack,
            image=image_on_host(f"{plan.name}-image", image, self),
            at=away.at,
            parent=self,
            token=token,
            pools=pools,
            silent=away.silent,
        )
        self.register_outputs({})
