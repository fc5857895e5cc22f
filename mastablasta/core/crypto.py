"""Secrets at rest: MultiFernet with the keys of ENCRYPTION_KEY; the first encrypts, all decrypt."""

from __future__ import annotations

from functools import lru_cache
from typing import NoReturn

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from mastablasta.core.errors import DomainError


class Undecryptable(DomainError):
    """The bytes were not written with any of the configured keys, or were altered."""

    def __init__(self) -> None:
        super().__init__(
            "secret_unreadable",
            "A secret that is needed for this was encrypted with a key that ENCRYPTION_KEY does not hold any more; "
            "whoever runs this server can put that key back.",
        )


class Unreadable:
    """Stands for a stored secret that no configured key decrypts: there, but whoever reads it raises Undecryptable.

    So a row can be loaded, shown and changed whose secret is lost, and saved with it as it was.
    """

    __slots__ = ("stored",)

    def __init__(self, stored: bytes) -> None:
        self.stored = stored

    def __str__(self) -> NoReturn:
        raise Undecryptable

    def __repr__(self) -> str:
        return "<unreadable>"


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> bytes:
    return _fernet(tuple(settings.ENCRYPTION_KEYS)).encrypt(text.encode())


def decrypt(data: bytes) -> str:
    """Return the text that `encrypt` was given. Raises Undecryptable."""
    try:
        return _fernet(tuple(settings.ENCRYPTION_KEYS)).decrypt(bytes(data)).decode()
    except InvalidToken as error:
        raise Undecryptable from error


def rotate(data: bytes) -> bytes:
    """Return the same secret, encrypted with the first key. Raises Undecryptable."""
    try:
        return _fernet(tuple(settings.ENCRYPTION_KEYS)).rotate(bytes(data))
    except InvalidToken as error:
        raise Undecryptable from error


def is_current(data: bytes) -> bool:
    """Whether the first key encrypted this."""
    try:
        Fernet(settings.ENCRYPTION_KEYS[0]).decrypt(bytes(data))
    except InvalidToken:
        return False
    return True
