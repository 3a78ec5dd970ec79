"""What can go wrong, said so that a person can mend it."""


class FillError(Exception):
    """The weights are not there, or not right; the message says which file and why."""
