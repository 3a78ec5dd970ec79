"""The program of the example's stack."""

import pulumi
from infrastructure import infrastructure

settings = pulumi.Config()
edge = infrastructure(settings.require("images"), settings.require_int("port"))
pulumi.export("edge_url", edge.url)
