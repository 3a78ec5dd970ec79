"""Images on this machine's own Docker, built or pulled if need be."""

import docker

from pulumi_tts.plan import Image
from pulumi_tts.plan.images import edge_image


def on_this_machine(image: Image) -> str:
    """The image's name, once it is there."""
    images = docker.from_env().images
    if not images.list(name=image.reference):
        if build := image.build:
            arguments = {"BASE": build.base or "", **dict(build.arguments)}
            images.build(path=str(build.context), dockerfile=build.dockerfile, tag=image.reference, buildargs=arguments)
        else:
            images.pull(image.reference)
    return image.reference


def edge_on_this_machine(local: bool) -> str:
    """Traefik's image."""
    return on_this_machine(edge_image(local))
