"""pulumi-tts: run your own text-to-speech on your own GPUs, as a service you can depend on.

Data flows one way: ``config`` (what a user wrote, checked) → ``plan`` (what follows from it, as frozen values) →
``render`` (the files that Traefik reads) → ``docker`` (the plan as Pulumi resources).

Import the components from the room of their target, so that only the provider in use is loaded::

    from pulumi_tts.docker import SpeechStack, TraefikEdge, TtsPool
"""
