"""Who has an account on a service, and what lies in their repository."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.platforms.bluesky.cids import cid_of
from sandbox.platforms.bluesky.syntax import tid_of
from sandbox.records import Grant, Person, Post


@dataclass(slots=True, eq=False)
class Blob:
    """A file in a repository; `uses`: how many records refer to it."""

    cid: str
    mime_type: str
    size: int
    sha256: str
    uploaded_ms: int
    width: int | None = None
    height: int | None = None
    uses: int = 0

    def ref(self) -> dict[str, Any]:
        """Return it as records refer to it."""
        return {"$type": "blob", "ref": {"$link": self.cid}, "mimeType": self.mime_type, "size": self.size}


@dataclass(slots=True, eq=False)
class Record:
    """`post` is what the world sees of it, for a post; `blobs` are the files that it refers to."""

    uri: str
    rkey: str
    cid: str
    value: dict[str, Any]
    blobs: tuple[Blob, ...] = ()
    post: Post | None = None

    def row(self) -> dict[str, Any]:
        return {"uri": self.uri, "cid": self.cid, "value": self.value}


@dataclass(slots=True)
class Collection:
    """The records of one kind by key, and the keys in their order."""

    records: dict[str, Record] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)

    def add(self, record: Record) -> None:
        self.records[record.rkey] = record
        insort(self.keys, record.rkey)

    def remove(self, record: Record) -> None:
        del self.records[record.rkey], self.keys[bisect_left(self.keys, record.rkey)]

    def after(self, cursor: str, *, is_reversed: bool) -> Iterator[Record]:
        """Yield records behind the cursor: the highest key first, or with `is_reversed` the lowest."""
        if is_reversed:
            keys = [key for key in self.keys[bisect_left(self.keys, cursor) :] if key != cursor]
        else:
            keys = self.keys[: bisect_left(self.keys, cursor) if cursor else len(self.keys)][::-1]
        return (self.records[key] for key in keys)


@dataclass(slots=True, eq=False)
class Account:
    """`commit` names the state of the repository and `rev` orders those states."""

    person: Person
    did: str
    collections: dict[str, Collection] = field(default_factory=dict)
    blobs: dict[str, Blob] = field(default_factory=dict)
    commit: str = ""
    rev: str = ""
    _last_us: int = 0

    def next_tid(self, at_ms: int) -> str:
        """Return a TID that is higher than all before it."""
        self._last_us = max(self._last_us + 1, at_ms * 1000)
        return tid_of(self._last_us)

    def commit_now(self, at_ms: int) -> dict[str, str]:
        """Return what a write answers under `commit`."""
        self.rev = self.next_tid(at_ms)
        self.commit = cid_of({"did": self.did, "rev": self.rev, "prev": self.commit or None})
        return {"cid": self.commit, "rev": self.rev}

    def record(self, collection: str, rkey: str) -> Record | None:
        kept = self.collections.get(collection)
        return kept.records.get(rkey) if kept else None


@dataclass(slots=True, eq=False)
class Refresh:
    """What a refresh token stands for; `next_jti` is its successor's, once it was used."""

    account: Account
    grant: Grant
    jti: str
    expires_ms: int
    next_jti: str | None = None


@dataclass(slots=True, frozen=True)
class ServiceToken:
    """Lets another service (`audience`, a DID) act in an account's name; `method` None = by any method."""

    account: Account
    audience: str
    method: str | None
    expires_ms: int


@dataclass(slots=True, eq=False)
class Job:
    """A video that is worked on until `ready_ms`, from `begun_ms` on; then it is `blob`, or `failure` says why not."""

    id: str
    account: Account
    sha256: str
    begun_ms: int
    ready_ms: int
    data: bytes = field(repr=False)
    blob: Blob | None = None
    failure: str = ""


def new_account(person: Person, site_name: str) -> Account:
    """Return an account with an empty repository; its DID follows from the service and the handle."""
    digest = hashlib.sha256(f"{site_name}/{person.handle.lower()}".encode()).digest()
    did = f"did:plc:{b32encode(digest).decode().lower()[:24]}"
    return Account(person, did)
