"""Secrets at rest: MultiFernet with the keys of ENCRYPTION_KEY; the first encrypts, all decrypt."""

from __future__ import annotations

from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Undecryptable(Exception):
    """The bytes were not written with any of the configured keys, or were altered."""


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
        raise Undecryptable("no configured ENCRYPTION_KEY decrypts this") from error


def rotate(data: bytes) -> bytes:
    """Return the same secret, encrypted with the first key. Raises Undecryptable."""
    try:
        return _fernet(tuple(settings.ENCRYPTION_KEYS)).rotate(bytes(data))
    except InvalidToken as error:
        raise Undecryptable("no configured ENCRYPTION_KEY decrypts this") from error


def is_current(data: bytes) -> bool:
    """Whether the first key encrypted this."""
    try:
        Fernet(settings.ENCRYPTION_KEYS[0]).decrypt(bytes(data))
    except InvalidToken:
        return False
    return True
