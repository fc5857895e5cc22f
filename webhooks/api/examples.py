"""What calls about webhooks look like, for the API's description."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

WEBHOOK: dict[str, Any] = {
    "id": "0193a5f0-e000-7a1b-8c2d-3e4f50617283",
    "url": "https://example.com/hooks/mastablasta",
    "events": ["post.published", "post.failed"],
    "status": "active",
    "disabled_reason": None,
    "disabled_at": None,
    "old_secret_until": None,
    "created_at": "2030-01-31T08:00:00Z",
    "updated_at": "2030-01-31T08:00:00Z",
}
NEW_WEBHOOK = {"url": WEBHOOK["url"], "events": WEBHOOK["events"]}
WITH_SECRET = {**WEBHOOK, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw0123456789A="}
PAUSED = {**WEBHOOK, "status": "paused"}
ROTATED = {**WITH_SECRET, "old_secret_until": "2030-02-01T08:00:00Z"}
DELIVERY: dict[str, Any] = {
    "id": "0193a5f0-e100-7b2c-9d3e-4f5061728394",
    "event_id": "0193a5f0-e0ff-7c3d-8e4f-506172839405",
    "event": "post.published",
    "status": "delivered",
    "attempt_count": 2,
    "next_attempt_at": None,
    "delivered_at": "2030-01-31T09:00:06.400000Z",
    "http_status": 200,
    "error": None,
    "created_at": "2030-01-31T09:00:01.250000Z",
}
_HEADERS = {
    "Content-Type": "application/json",
    "X-Webhook-Signature": "5f0d…",
    "webhook-id": DELIVERY["event_id"],
    "webhook-timestamp": "1896080401",
    "webhook-signature": "v1,K5oZ…=",
}
DELIVERY_WITH_ATTEMPTS = {
    **DELIVERY,
    "body": '{"event":"post.published","data":{…},"timestamp":"2030-01-31T09:00:01.250000Z"}',
    "attempts": [
        {
            "number": 1,
            "started_at": "2030-01-31T09:00:01.300000Z",
            "duration_ms": 10000,
            "request": {"url": WEBHOOK["url"], "headers": _HEADERS},
            "response": None,
            "error": {"code": "timed_out", "message": "example.com did not answer within 10 s"},
        },
        {
            "number": 2,
            "started_at": "2030-01-31T09:00:06.300000Z",
            "duration_ms": 100,
            "request": {"url": WEBHOOK["url"], "headers": {**_HEADERS, "webhook-timestamp": "1896080406"}},
            "response": {"status": 200, "body": "thanks"},
            "error": None,
        },
    ],
}
AGAIN = {**DELIVERY, "status": "pending", "next_attempt_at": "2030-01-31T10:00:00Z", "delivered_at": None} | {
    "http_status": None
}
QUEUED = {"queued": 17}


def answer(name: str, value: Any, status: int = 200) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])


def question(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True)
