"""A login's password: generated, or given by the user; the bcrypt hash that reaches the edge; and programs' tokens."""

import base64
import hashlib
from dataclasses import dataclass

import bcrypt
import pulumi
import pulumi_random as random

_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BCRYPT = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_TOKEN_LENGTH = 48
_SALT_BYTES = 16
_ROUNDS = 10  # Traefik computes it at each request, in 60 ms of a core
_FEWEST_ROUNDS = 4  # bcrypt's own minimum: 1 ms


@dataclass(frozen=True, slots=True)
class Password:
    """A password and its hash, both secret."""

    plain: pulumi.Output[str]
    hashed: pulumi.Output[str]


def login_password(name: str, given: pulumi.Input[str] | None, parent: pulumi.Resource) -> Password:
    """The password of a login: ``given`` where the user has one, else generated and kept in the state."""
    if given is None:
        return _generated_login(name, parent)
    # A salt that stays: with a new one at every run, nothing would ever be unchanged.
    opts = pulumi.ResourceOptions(parent=parent)
    salt = random.RandomId(f"{name}-salt", byte_length=_SALT_BYTES, opts=opts)
    plain = pulumi.Output.secret(given)
    drawn = _drawn(salt.b64_std, otherwise=base64.b64encode(bytes(_SALT_BYTES)).decode())
    return Password(plain, pulumi.Output.all(plain, drawn).apply(lambda both: bcrypt_hash(*both)))


def _generated_login(name: str, parent: pulumi.Resource) -> Password:
    """A generated password whose hash is quick: nobody guesses 24 random characters, however fast they try."""
    generated = random.RandomPassword(name, length=24, special=False, opts=pulumi.ResourceOptions(parent=parent))
    plain: pulumi.Output[str] = pulumi.Output.secret(_drawn(generated.result))
    return Password(plain, plain.apply(_quick_hash))


def _quick_hash(password: str) -> str:
    # A salt keeps the same password of two people apart, which random ones are anyway.
    salt = base64.b64encode(hashlib.sha256(password.encode()).digest()[:_SALT_BYTES]).decode()
    return bcrypt_hash(password, salt, _FEWEST_ROUNDS)


def generated_token(name: str, parent: pulumi.Resource, length: int = _TOKEN_LENGTH) -> pulumi.Output[str]:
    """What a program of ours shows to another one; generated, kept in the state, and secret. ``length`` in letters."""
    generated = random.RandomPassword(name, length=length, special=False, opts=pulumi.ResourceOptions(parent=parent))
    token: pulumi.Output[str] = pulumi.Output.secret(_drawn(generated.result))
    return token


def _drawn(result: pulumi.Output[str], otherwise: str = "") -> pulumi.Output[str]:
    """What chance has given. Where a `destroy` runs the program for a stack that is not there, it has given nothing."""
    return result.apply(lambda value: value or otherwise)


def bcrypt_hash(password: str, salt: str, rounds: int = _ROUNDS) -> str:
    """The bcrypt hash of a password under a salt of 16 bytes in standard Base64.

    Raises ValueError for a password of more than 72 bytes, which bcrypt would cut.
    """
    raw = base64.b64encode(base64.b64decode(salt)).rstrip(b"=")
    alphabet = bytes.maketrans(_STANDARD, _BCRYPT)
    prefix = f"$2b${rounds:02}$".encode()
    return bcrypt.hashpw(password.encode(), prefix + raw.translate(alphabet)).decode()
