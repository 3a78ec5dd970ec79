"""A policy pack for any Pulumi stack that runs containers on Docker, with or without components of this package.

    pulumi preview --policy-pack $(pulumi-tts policy)

Rules are plain functions from a resource's inputs to what is wrong with them (`rules`); `pack` hands them to Pulumi.
"""
