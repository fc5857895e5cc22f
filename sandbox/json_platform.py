"""What many platforms have in common: refusals of one JSON shape, tokens, app passwords, keys of the caller's.

The words are nobody's in particular: what a vendor says otherwise, its own class says.
"""

from __future__ import annotations

import hmac
import re
import secrets
from abc import abstractmethod
from typing import Any

from sandbox.platform import Platform
from sandbox.quotas import Meter
from sandbox.records import Grant, Person, Post, Token
from sandbox.routing import Operation
from sandbox.wire import Answer, Refused, Request, retry_after
from sandbox.world import Site

FOR_EVER_MS = 1 << 62


class JsonPlatform(Platform):
    """A platform whose refusals `error` writes; it knows who calls, and which post a key made."""

    handle_pattern = re.compile(r"[A-Za-z0-9_.-]{1,60}")

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.meter = Meter()
        """For the vendor's quotas."""

    @abstractmethod
    def error(self, status: int, name: str, message: str) -> Answer:
        """Return a refusal in the vendor's shape; `name` is the word for programs."""

    def refuse(self, status: int, name: str, message: str) -> Refused:
        """Return what a route raises to answer `error`."""
        return Refused(self.error(status, name, message))

    def token(self, request: Request) -> Token:
        """Return the token that came with the call. Raises Refused where there is none that is good."""
        token = self.site.tokens.get(request.bearer() or "")
        if token is None or token.fault(request.at_ms) is not None:
            raise self.refuse(401, "bad_token", "The token is not good, or no longer")
        return token

    def caller(self, request: Request) -> Person:
        """Return who calls. Raises Refused where nobody does."""
        person = self.token(request).grant.person
        if person is None:
            raise self.refuse(403, "no_person", "The token is an app's own")
        return person

    def new_token(self, person: Person, at_ms: int) -> Token:
        """Return a token of this person's for a program that is not a registered app; it does not end by itself."""
        token = Token(secrets.token_urlsafe(32), Grant(None, person, ()), at_ms)
        self.site.tokens[token.access] = token
        return token

    def post_once(self, person: Person, text: str, at_ms: int, *, key: str, **more: Any) -> Post:
        """Make a post visible and return it; while `idempotency` is on, the one that this key of theirs has made."""
        earlier = self.post_of_key(person, key) if self.world.limits.idempotency else None
        if earlier is not None:
            return earlier
        post = self.new_post(person, text, at_ms, **more)
        self.site.add_post(post)
        person.answered_keys.setdefault(key, (FOR_EVER_MS, post.id))
        return post

    def post_of_key(self, person: Person, key: str) -> Post | None:
        """Return the first post that was made with this key and is still there."""
        made = person.answered_keys.get(key)
        return self.site.posts.get(made[1]) if made else None

    def no_such_route(self) -> Answer:
        return self.error(404, "no_such_call", "There is no such call")

    def unreadable(self, reason: str) -> Answer:
        return self.error(400, "unreadable", reason)

    def too_large(self) -> Answer:
        return self.error(413, "too_large", "The body is too large")

    def server_error(self, status: int) -> Answer:
        return self.error(status, "server_error", "Something broke")

    def too_many(self, *, until_ms: int, at_ms: int) -> Answer:
        answer = self.error(429, "too_many_calls", "Too many calls")
        answer.headers.append(retry_after(until_ms, at_ms))
        return answer

    def rejected(self, operation: Operation) -> Answer:  # noqa: ARG002 - it is the same everywhere
        return self.error(422, "rejected", "This is not welcome here")


class AppPasswordPlatform(JsonPlatform):
    """One where people make a password for a program, which gets a token for it that does not end by itself."""

    def person_extras(self, person: Person) -> dict[str, Any]:
        return {"app_password": person.app_password}

    def signed_in(self, handle: str, password: str, at_ms: int) -> Token:
        """Return a new token of this person's. Raises Refused when there is nobody of this handle and password."""
        person = self.site.person(handle)
        if person is None or not hmac.compare_digest(password.encode(), person.app_password.encode()):
            raise self.refuse(401, "wrong_password", "Wrong handle or app password")
        return self.new_token(person, at_ms)


class PastedTokenPlatform(JsonPlatform):
    """One where people make a program's token themselves and paste it there, where others ask for an app password."""

    def person_extras(self, person: Person) -> dict[str, Any]:
        return {"app_password": self.new_token(person, person.created_ms).access}
