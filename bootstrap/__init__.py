"""What `make up` does before and around Pulumi: Docker, the Pulumi engine, images, a local state.

Nothing here is needed where Pulumi and Docker are already at hand: plain `pulumi up` never runs it.
"""
