"""The names of records and files by their content: CIDs over DAG-CBOR and over bytes, the same for the same.

Sources: https://atproto.com/specs/data-model and https://ipld.io/specs/codecs/dag-cbor/spec/ (read 2026-11-23).
"""

from __future__ import annotations

import hashlib
import struct
from base64 import b32decode, b32encode
from typing import Any

DAG_CBOR_SHA256 = b"\x01\x71\x12\x20"
RAW_SHA256 = b"\x01\x55\x12\x20"
LINK_TAG = b"\xd8\x2a"


def cid_of(value: Any) -> str:
    """Return `bafyrei…`. Raises ValueError for what no record can hold, like 0.5."""
    return _text(DAG_CBOR_SHA256, hashlib.sha256(encode(value)).digest())


def blob_cid(sha256: bytes) -> str:
    """Return `bafkrei…` for the SHA-256 of a file."""
    return _text(RAW_SHA256, sha256)


def encode(value: Any) -> bytes:
    """Return the one DAG-CBOR form of a record's JSON. Raises ValueError."""
    match value:
        case None:
            return b"\xf6"
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int():
            return _head(0, value) if value >= 0 else _head(1, -1 - value)
        case str():
            data = value.encode()
            return _head(3, len(data)) + data
        case list():
            return _head(4, len(value)) + b"".join(encode(item) for item in value)
        case {"$link": str(link), **rest} if not rest:
            target = b"\0" + _bytes_of(link)
            return LINK_TAG + _head(2, len(target)) + target
        case dict():
            return _map(value)
    raise ValueError(f"{value!r} is not in the data model")


def _map(value: dict[str, Any]) -> bytes:
    keys = sorted((key.encode() for key in value), key=lambda key: (len(key), key))
    pairs = (_head(3, len(key)) + key + encode(value[key.decode()]) for key in keys)
    return _head(5, len(keys)) + b"".join(pairs)


def _head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    for mark, form in ((24, ">B"), (25, ">H"), (26, ">I"), (27, ">Q")):
        if number < 1 << 8 * struct.calcsize(form):
            return bytes([kind << 5 | mark]) + struct.pack(form, number)
    raise ValueError(f"{number} is too large")


def _text(prefix: bytes, digest: bytes) -> str:
    return "b" + b32encode(prefix + digest).decode().lower().rstrip("=")


def _bytes_of(link: str) -> bytes:
    if not link.startswith("b"):
        raise ValueError(f"{link} is not a CID in base32")
    return b32decode(link[1:].upper() + "=" * (-len(link[1:]) % 8))
