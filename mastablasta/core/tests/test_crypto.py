"""Secrets at rest: who can read them, with which keys."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from pytest_django.fixtures import Settings

from mastablasta.core import crypto

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_secret_is_read_back_and_differs_each_time(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [NEW]

    first, second = crypto.encrypt("tökén"), crypto.encrypt("tökén")

    assert (crypto.decrypt(first), crypto.decrypt(second)) == ("tökén", "tökén")
    assert first != second
    assert b"t\xc3\xb6k" not in first


def test_older_key_still_reads_and_newer_writes(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    written_before = crypto.encrypt("secret")

    settings.ENCRYPTION_KEYS = [NEW, OLD]

    assert crypto.decrypt(written_before) == "secret"
    assert Fernet(NEW).decrypt(crypto.encrypt("secret")) == b"secret"


def test_rotated_secret_needs_the_new_key_only(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    written_before = crypto.encrypt("secret")
    settings.ENCRYPTION_KEYS = [NEW, OLD]

    rotated = crypto.rotate(written_before)

    settings.ENCRYPTION_KEYS = [NEW]
    assert crypto.decrypt(rotated) == "secret"
    with pytest.raises(crypto.Undecryptable):
        crypto.decrypt(written_before)


@pytest.mark.parametrize("data", [b"", b"secret", b"gAAAAAB"])
def test_what_we_did_not_write_is_undecryptable(data: bytes) -> None:
    with pytest.raises(crypto.Undecryptable):
        crypto.decrypt(data)
    with pytest.raises(crypto.Undecryptable):
        crypto.rotate(data)


def test_altered_secret_is_undecryptable() -> None:
    data = crypto.encrypt("secret")
    altered = data[:-10] + bytes([data[-10] ^ 1]) + data[-9:]

    with pytest.raises(crypto.Undecryptable):
        crypto.decrypt(altered)
