"""An image on its Docker host: pulled, or built there."""

import os

import pulumi
import pulumi_docker as docker

from pulumi_tts.config import ConfigError, ImageSource, Problem
from pulumi_tts.config.problems import shown
from pulumi_tts.plan import Build, Image


def local_images(source: str | None) -> bool:
    """Whether a component alone builds its images on the host; it cannot find out by itself, as a stack's `auto` does.

    Raises ConfigError for what is neither `registry` (the default) nor `local`.
    """
    if source not in (None, ImageSource.registry, ImageSource.local):
        raise ConfigError(
            [Problem("images", shown(source), "is not one of the choices", "Choose 'registry' or 'local'")]
        )
    return source == ImageSource.local


def image_on_host(
    name: str, image: Image, parent: pulumi.Resource, on: pulumi.ResourceOptions | None = None
) -> pulumi.Output[str]:
    """The id of the image, once the host has it: the one of ``parent``, or the one that ``on`` says.

    Images stay on the host when a stack is destroyed: they are a cache, and other stacks may use them.
    """
    resource = docker.RemoteImage(
        name,
        name=image.reference,
        keep_locally=True,
        build=_build(image.build, image.reference) if image.build else None,
        opts=pulumi.ResourceOptions.merge(on, pulumi.ResourceOptions(parent=parent)),
    )
    return resource.image_id


def _build(build: Build, tag: str) -> docker.RemoteImageBuildArgs:
    return docker.RemoteImageBuildArgs(
        # Relative, so that the state is the same in every checkout.
        context=os.path.relpath(build.context),
        dockerfile=build.dockerfile,
        tags=[tag],
        build_args=({"BASE": build.base} if build.base else {}) | dict(build.arguments),
        remove=True,
        force_remove=True,
    )
