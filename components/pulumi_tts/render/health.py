"""How Docker asks a program of others how it is."""


def wget(url: str) -> list[str]:
    """The command, in a container that has busybox's or Debian's wget: it fails where the answer is no 2xx."""
    return ["wget", "-q", "-O", "/dev/null", url]
