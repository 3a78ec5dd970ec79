"""The floor under every program: what Pulumi takes to run one that declares nothing."""
