"""How a webhook proves where it comes from: the Standard Webhooks signature, and `X-Webhook-Signature` beside it.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (read 2026-11-28).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

PREFIX = "whsec_"
GENERATED_BYTES = 32  # the specification asks for 24 to 64
SHORTEST_OWN, LONGEST_OWN = 16, 256  # characters
TOLERANCE_S = 300


class UnusableSecret(ValueError):
    """A secret of one's own that receivers could not read as we do, or that is too short; its text says which."""


def new_secret() -> str:
    return PREFIX + _base64(secrets.token_bytes(GENERATED_BYTES))


def check_own_secret(secret: str) -> None:
    """Raise UnusableSecret unless a receiver could verify with it."""
    if not SHORTEST_OWN <= len(secret) <= LONGEST_OWN:
        raise UnusableSecret(f"A secret has {SHORTEST_OWN} to {LONGEST_OWN} characters.")
    if secret != secret.strip() or not secret.isprintable():
        raise UnusableSecret("A secret has no blanks at its ends, and no control characters.")
    if secret.startswith(PREFIX) and len(_key_in(secret) or b"") < SHORTEST_OWN:
        raise UnusableSecret(f"After {PREFIX} comes the base64 of at least {SHORTEST_OWN} bytes.")


def signing_key(secret: str) -> bytes:
    """The key of the Standard Webhooks signature: what follows `whsec_`, decoded; of other secrets their UTF-8."""
    found = _key_in(secret) if secret.startswith(PREFIX) else None
    return secret.encode() if found is None else found


def signed_headers(body: bytes, *, message_id: str, at: datetime, secrets: Sequence[str]) -> dict[str, str]:
    """The headers that prove a request of `at` with this body.

    `secrets`: the newest first, which alone makes `X-Webhook-Signature`; while a secret is rotated the one before it
    too, so that receivers that know either accept the request.
    """
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signatures = (hmac.new(signing_key(secret), signed, hashlib.sha256).digest() for secret in secrets)
    return {
        "X-Webhook-Signature": hmac.new(secrets[0].encode(), body, hashlib.sha256).hexdigest(),
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{_base64(each)}" for each in signatures),
    }


class NotGenuine(ValueError):
    """A request that is not to be trusted; its text says why."""


def verify(body: bytes, headers: Mapping[str, str], *, secret: str, at: datetime) -> None:
    """Raise NotGenuine unless a holder of the secret sent this request within five minutes of `at`."""
    told = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp = told.get("webhook-id", ""), told.get("webhook-timestamp", "")
    if not (message_id and timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12):
        raise NotGenuine("webhook-id or webhook-timestamp is missing")
    if abs(at.timestamp() - int(timestamp)) > TOLERANCE_S:
        raise NotGenuine("it was signed more than five minutes ago, or the clocks differ")
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    expected = f"v1,{_base64(hmac.new(signing_key(secret), signed, hashlib.sha256).digest())}"
    if not any(
        hmac.compare_digest(expected, one) for one in told.get("webhook-signature", "").split(" ") if one.isascii()
    ):
        raise NotGenuine("no signature in webhook-signature is of this secret, id, time and body")


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _key_in(secret: str) -> bytes | None:
    """What follows `whsec_`; None where it is not base64."""
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
