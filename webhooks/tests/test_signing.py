"""Signatures: what the specification's own package accepts, and that it accepts nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks

from webhooks.signing import UnusableSecret, check_own_secret, new_secret, signed_headers, signing_key

BODY = '{"event":"post.published","data":{"text":"Grüße 🎉"},"timestamp":"2030-01-31T09:00:00Z"}'.encode()
ID = "0193a5f0-7c1e-7d4b-9f52-2b1d6c0a9e11"
OWN = "a secret of my own, ä"
GENERATED = new_secret()


def verifiers(secret: str) -> list[Any]:
    """Two judges that know the secret: what follows `whsec_` is base64, a secret of one's own is its bytes."""
    import svix.webhooks  # half a second for a client of everything: not of each process that collects tests

    given = secret if secret.startswith("whsec_") else secret.encode()
    return [standardwebhooks.Webhook(given), svix.webhooks.Webhook(given)]


def is_accepted(secret: str, body: bytes, headers: Mapping[str, str]) -> list[bool]:
    found = []
    for judge in verifiers(secret):
        try:
            judge.verify(body, dict(headers))
        except standardwebhooks.WebhookVerificationError:
            found.append(False)
        else:
            found.append(True)
    return found


@pytest.mark.parametrize("secret", [GENERATED, OWN], ids=["generated", "own"])
def test_a_request_is_accepted_as_it_was_sent_and_in_no_other_way(secret: str) -> None:
    at = datetime.now(UTC)
    headers = signed_headers(BODY, message_id=ID, at=at, secrets=[secret])
    late, early = (str(int((at + timedelta(minutes=minutes)).timestamp())) for minutes in (-6, 6))
    altered = [
        (BODY[:-2] + b"!}", headers),
        (BODY, {**headers, "webhook-id": ID[:-1] + "2"}),
        (BODY, {**headers, "webhook-timestamp": str(int(at.timestamp()) - 1)}),
        (BODY, signed_headers(BODY, message_id=ID, at=at, secrets=["another secret, not known"])),
    ]
    old = [
        signed_headers(BODY, message_id=ID, at=datetime.fromtimestamp(int(t), UTC), secrets=[secret])
        for t in (late, early)
    ]

    assert is_accepted(secret, BODY, headers) == [True, True]
    assert [is_accepted(secret, *one) for one in altered] == [[False, False]] * 4
    assert [is_accepted(secret, BODY, one) for one in old] == [[False, False]] * 2


def test_both_secrets_verify_while_they_are_exchanged() -> None:
    headers = signed_headers(BODY, message_id=ID, at=datetime.now(UTC), secrets=[GENERATED, OWN])

    assert [is_accepted(secret, BODY, headers) for secret in (GENERATED, OWN)] == [[True, True]] * 2
    assert headers["X-Webhook-Signature"] == hmac.new(GENERATED.encode(), BODY, hashlib.sha256).hexdigest()


def test_headers_are_those_of_the_contract() -> None:
    at = datetime(2030, 1, 31, 9, 0, 0, 999_999, tzinfo=UTC)
    signed = f"{ID}.1896080400.".encode() + BODY

    assert signed_headers(BODY, message_id=ID, at=at, secrets=[OWN]) == {
        "X-Webhook-Signature": hmac.new(OWN.encode(), BODY, hashlib.sha256).hexdigest(),
        "webhook-id": ID,
        "webhook-timestamp": "1896080400",
        "webhook-signature": "v1," + base64.b64encode(hmac.new(OWN.encode(), signed, hashlib.sha256).digest()).decode(),
    }


def test_generated_secrets_are_long_and_never_the_same() -> None:
    assert GENERATED.startswith("whsec_")
    assert len(signing_key(GENERATED)) == 32
    assert len({new_secret() for _ in range(20)}) == 20


@pytest.mark.parametrize("secret", ["x" * 16, "x" * 256, OWN, "whsec_" + base64.b64encode(b"0" * 16).decode()])
def test_secret_of_ones_own_is_taken(secret: str) -> None:
    check_own_secret(secret)


@pytest.mark.parametrize(
    "secret",
    [
        "x" * 15,
        "x" * 257,
        " padded with blanks ",
        "tab\tin the middle",
        "whsec_not base64 at all",
        "whsec_AAAAAAAAAAAA",
    ],
)
def test_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(UnusableSecret):
        check_own_secret(secret)
