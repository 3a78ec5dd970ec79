"""The hash of a password that a user gave."""

import base64

import bcrypt
import pytest

from pulumi_tts.docker.passwords import bcrypt_hash

SALT = base64.b64encode(bytes(range(200, 216))).decode()


def test_the_hash_is_one_that_bcrypt_accepts() -> None:
    hashed = bcrypt_hash("correct horse", SALT)
    assert bcrypt.checkpw(b"correct horse", hashed.encode())
    assert not bcrypt.checkpw(b"wrong horse", hashed.encode())


def test_the_same_password_and_salt_give_the_same_hash_so_that_up_twice_is_empty() -> None:
    assert bcrypt_hash("x", SALT) == bcrypt_hash("x", SALT)


def test_a_password_that_bcrypt_would_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="72"):
        bcrypt_hash("x" * 73, SALT)
