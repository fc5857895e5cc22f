"""What Meta tells a server about a person, signed with the app's secret: that they removed the app, or want to be
forgotten.

Sources: https://developers.facebook.com/docs/reference/login/signed-request and
https://developers.facebook.com/docs/development/create-an-app/app-dashboard/data-deletion-callback
(read 2026-11-23).
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime

from integrations.protocols.values import id_in
from integrations.sign_in import ClientApp, EndedGrant

ALGORITHM = "HMAC-SHA256"
LATEST = 1 << 40


def read_signed_request(signed: str, app: ClientApp) -> EndedGrant | None:
    """Whose grant has ended, by the platform's id of the person in our app; None where our secret did not sign it."""
    signature, _, payload = signed.partition(".")
    expected = hmac.new(app.client_secret.encode(), payload.encode(), hashlib.sha256).digest()
    if not app.client_secret or not hmac.compare_digest(_decoded(signature), expected):
        return None
    try:
        told = json.loads(_decoded(payload))
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or str(told.get("algorithm")).upper() != ALGORITHM:
        return None
    person, issued_at = id_in(told, "user_id"), told.get("issued_at")
    if not person or type(issued_at) is not int or not 0 < issued_at < LATEST:
        return None
    return EndedGrant(person, datetime.fromtimestamp(issued_at, UTC))


def _decoded(text: str) -> bytes:
    """The bytes of base64url, with or without its padding; b"" for anything else."""
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
