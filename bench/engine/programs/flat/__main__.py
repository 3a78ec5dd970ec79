"""What a user would write by hand: the same Docker resources, without components, checks or hooks."""

from typing import Any

import pulumi
import pulumi_docker as docker
import pulumi_random as random

config = pulumi.Config("bench")
numbers = range(1, config.require_int("instances") + 1)
port = config.require_int("port")
base = config.require("base")
prefix = f"tts-{pulumi.get_stack()}"


def hardened(part: str, memory: int, *depends_on: pulumi.Resource) -> dict[str, Any]:
    """The options that all containers here have."""
    return {
        "memory": memory,
        "memory_swap": memory,
        "capabilities": docker.ContainerCapabilitiesArgs(drops=["ALL"]),
        "security_opts": ["no-new-privileges:true"],
        "log_driver": "json-file",
        "log_opts": {"max-size": "10m", "max-file": "3"},
        "labels": [
            docker.ContainerLabelArgs(label="pulumi-tts.part", value=part),
            docker.ContainerLabelArgs(label="pulumi-tts.stack", value=prefix),
        ],
        "opts": pulumi.ResourceOptions(
            delete_before_replace=True,
            replace_on_changes=["healthcheck", "tmpfs", "init"],
            depends_on=list(depends_on),
        ),
    }


def volume(name: str, part: str, keep: bool) -> docker.Volume:
    return docker.Volume(
        name,
        name=name,
        labels=[
            docker.VolumeLabelArgs(label="pulumi-tts.part", value=part),
            docker.VolumeLabelArgs(label="pulumi-tts.stack", value=prefix),
        ],
        opts=pulumi.ResourceOptions(retain_on_delete=keep),
    )


def image(name: str, tag: str, context: str, dockerfile: str) -> docker.RemoteImage:
    return docker.RemoteImage(
        name,
        name=tag,
        keep_locally=True,
        build=docker.RemoteImageBuildArgs(
            context=f"../../../../{context}",
            dockerfile=dockerfile,
            tags=[tag],
            build_args={"BASE": base},
            remove=True,
            force_remove=True,
        ),
    )


traefik_image = image(f"{prefix}-edge-image", "pulumi-tts/traefik:bench", "images/traefik", "Dockerfile")
voice_image = image(f"{prefix}-voice-image", "pulumi-tts/voice:bench", "services", "voice/Dockerfile")
stack_label = docker.NetworkLabelArgs(label="pulumi-tts.stack", value=prefix)
network = docker.Network(
    f"{prefix}-network",
    name=f"{prefix}-network",
    internal=True,
    options={"com.docker.network.bridge.inhibit_ipv4": "true"},
    labels=[stack_label],
)
public = docker.Network(f"{prefix}-edge-public", name=f"{prefix}-edge-public", labels=[stack_label])

servers = "".join(f"        - url: http://{prefix}-voice-{n}:8000\n" for n in numbers)
routers = "".join(
    f"    voice.{n}:\n      rule: Host(`voice{n}.localhost`)\n      entryPoints: [web]\n      service: voice.{n}\n"
    for n in numbers
)
services = "".join(
    f"    voice.{n}:\n      loadBalancer:\n        servers:\n        - url: http://{prefix}-voice-{n}:8000\n"
    for n in numbers
)
routes = f"""http:
  routers:
    voice.pool:
      rule: Host(`voice.localhost`)
      entryPoints: [web]
      service: voice
{routers}  services:
    voice:
      loadBalancer:
        servers:
{servers}        healthCheck: {{path: /health, interval: 10s, timeout: 5s}}
{services}"""

password = random.RandomPassword(f"{prefix}-edge-dashboard-password", length=24, special=False)
login = password.bcrypt_hash.apply(
    lambda hashed: (
        f"""http:
  routers:
    dashboard:
      rule: Host(`dashboard.localhost`)
      entryPoints: [web]
      service: api@internal
      middlewares: [dashboard-login]
  middlewares:
    dashboard-login:
      basicAuth: {{users: ["admin:{hashed}"], removeHeader: true}}
"""
    )
)

front = """http:
  middlewares:
    front_everybody:
      headers:
        customRequestHeaders: {Forwarded: "", X-Forwarded-Scheme: ""}
        customResponseHeaders: {X-Content-Type-Options: nosniff, X-Frame-Options: SAMEORIGIN, Server: ""}
"""
identity = """http:
  middlewares:
    edge_no-user:
      headers: {customRequestHeaders: {X-Pulumi-Tts-User: ""}}
"""
written: dict[str, pulumi.Input[str]] = {
    "dashboard.yml": login,
    "front.yml": front,
    "login.yml": identity,
    "routes.yml": routes,
}

files = volume(f"{prefix}-edge-files", "files", keep=False)
courier = docker.Container(
    f"{prefix}-edge-files-courier",
    name=f"{prefix}-edge-files-courier",
    image=traefik_image.image_id,
    entrypoints=["/bin/sh", "-c", "mkdir -p /files/current && mv /files/incoming/* /files/current/"],
    command=sorted(written),
    user="0:65532",
    network_mode="none",
    uploads=[
        docker.ContainerUploadArgs(file=f"/files/incoming/{name}", content=content)
        for name, content in sorted(written.items())
    ],
    volumes=[docker.ContainerVolumeArgs(container_path="/files", volume_name=files.name)],
    must_run=False,
    attach=True,
    restart="no",
    **hardened("files", 64),
)

docker.Container(
    f"{prefix}-edge",
    name=f"{prefix}-edge",
    image=traefik_image.image_id,
    command=[
        "--entryPoints.web.address=:8080",
        "--entryPoints.web.transport.lifeCycle.graceTimeOut=30s",
        "--serversTransport.forwardingTimeouts.dialTimeout=2s",
        "--entryPoints.web.http.aliasHeadersStrategy=reject",
        "--entryPoints.web.http.sanitizePath=true",
        "--entryPoints.web.http.encodeQuerySemicolons=true",
        "--entryPoints.web.http.encodedCharacters.allowEncodedNullCharacter=false",
        "--entryPoints.web.http.encodedCharacters.allowEncodedBackSlash=false",
        "--entryPoints.web.http.maxHeaderBytes=32768",
        "--entryPoints.web.http2.maxConcurrentStreams=100",
        "--entryPoints.web.transport.respondingTimeouts.readTimeout=900s",
        "--entryPoints.web.transport.respondingTimeouts.writeTimeout=0s",
        "--entryPoints.web.transport.respondingTimeouts.idleTimeout=180s",
        "--entryPoints.web.http.middlewares=front_everybody@file",
        "--api.dashboard=true",
        "--api.insecure=false",
        "--ping=true",
        "--ping.entryPoint=ping",
        "--entryPoints.ping.address=127.0.0.1:8082",
        "--providers.file.directory=/files/current",
        "--providers.file.watch=true",
        "--log.format=json",
        "--accessLog=true",
        "--accessLog.format=json",
        "--accessLog.fields.defaultMode=drop",
        "--accessLog.fields.names.StartUTC=keep",
        "--accessLog.fields.names.RequestMethod=keep",
        "--accessLog.fields.names.RequestHost=keep",
        "--accessLog.fields.names.RequestPath=keep",
        "--accessLog.fields.names.DownstreamStatus=keep",
        "--accessLog.fields.names.Duration=keep",
        "--accessLog.fields.names.OriginDuration=keep",
        "--accessLog.fields.names.ClientHost=keep",
        "--accessLog.fields.names.ClientUsername=keep",
        "--accessLog.fields.names.RouterName=keep",
        "--accessLog.fields.names.ServiceAddr=keep",
        "--accessLog.fields.names.RequestContentSize=keep",
        "--accessLog.fields.names.DownstreamContentSize=keep",
        "--accessLog.fields.names.RetryAttempts=keep",
        "--accessLog.fields.names.entryPointName=keep",
        "--accessLog.fields.queryParameters.defaultMode=drop",
        "--accessLog.fields.headers.defaultMode=drop",
        "--accessLog.fields.headers.names.User-Agent=keep",
        "--accessLog.fields.headers.names.Content-Type=keep",
        "--accessLog.fields.headers.names.X-Request-Id=keep",
        "--accessLog.fields.headers.names.X-Audio-Seconds=keep",
        "--accessLog.fields.headers.names.X-Pulumi-Tts-Instance=keep",
        "--global.checkNewVersion=false",
        "--global.sendAnonymousUsage=false",
    ],
    user="65532:65532",
    read_only=True,
    ulimits=[docker.ContainerUlimitArgs(name="nofile", soft=4096, hard=4096)],
    ports=[docker.ContainerPortArgs(internal=8080, external=port, ip="127.0.0.1")],
    networks_advanced=[
        docker.ContainerNetworksAdvancedArgs(name=public.name),
        docker.ContainerNetworksAdvancedArgs(name=network.name),
    ],
    volumes=[docker.ContainerVolumeArgs(container_path="/files", volume_name=files.name, read_only=True)],
    healthcheck=docker.ContainerHealthcheckArgs(
        tests=[
            "CMD",
            "traefik",
            "healthcheck",
            "--ping=true",
            "--ping.entryPoint=ping",
            "--entryPoints.ping.address=127.0.0.1:8082",
        ],
        interval="5s",
        timeout="3s",
        retries=3,
        start_period="10s",
    ),
    wait=True,
    wait_timeout=60,
    restart="unless-stopped",
    stop_timeout=30,
    destroy_grace_seconds=30,
    **hardened("edge", 256, courier),
)

for n in numbers:
    name = f"{prefix}-voice-{n}"
    outputs = volume(f"{name}-outputs", "outputs", keep=True)
    docker.Container(
        name,
        name=name,
        hostname=name,
        image=voice_image.image_id,
        envs=["VOICE_SLOTS=2"],
        user="10001:10001",
        read_only=True,
        dns=["127.0.0.1"],
        tmpfs={"/tmp": "rw,nosuid,nodev"},
        volumes=[docker.ContainerVolumeArgs(container_path="/outputs", volume_name=outputs.name)],
        networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network.name)],
        healthcheck=docker.ContainerHealthcheckArgs(
            tests=["CMD", "python3", "-m", "voice.healthcheck"],
            interval="10s",
            timeout="5s",
            retries=3,
            start_period="1m0s",
        ),
        wait=True,
        wait_timeout=105,
        restart="unless-stopped",
        stop_timeout=30,
        destroy_grace_seconds=30,
        **hardened("instance", 512),
    )

pulumi.export("edge_url", f"http://localhost:{port}")
pulumi.export(
    "pools",
    {
        "voice": {
            "url": f"http://voice.localhost:{port}",
            "instances": [f"http://voice{n}.localhost:{port}" for n in numbers],
            "engine": "voice",
            "hosts": ["local" for _ in numbers],
        }
    },
)
pulumi.export(
    "dashboard",
    {
        "url": f"http://dashboard.localhost:{port}/dashboard/",
        "keeper": "",
        "user": "admin",
        "password": password.result,
    },
)
