"""Answers about posts, as the API's description shows them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

ACCOUNT = "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b11"
REMOTE_ID = "113530000000000001"
URL = f"https://mastodon.example/@ada/{REMOTE_ID}"
TOLD_ELSEWHERE = {"author", "deliveries", "warnings", "created_at", "updated_at"}  # than in a file
OUT_AT = "2030-01-31T08:00:00.412000Z"

PUBLISHED_PART: dict[str, Any] = {
    "index": 0,
    "kind": "post",
    "status": "published",
    "platform_post_id": REMOTE_ID,
    "url": URL,
    "error": None,
}
PUBLISHED_DELIVERY: dict[str, Any] = {
    "id": "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b12",
    "account_id": ACCOUNT,
    "platform": "mastodon",
    "status": "published",
    "waiting_for": None,
    "attempts": 1,
    "next_attempt_at": None,
    "platform_post_id": REMOTE_ID,
    "url": URL,
    "parts": [PUBLISHED_PART],
    "error": None,
    "warnings": [],
    "published_at": OUT_AT,
}
PUBLISHED_POST: dict[str, Any] = {
    "id": "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b10",
    "content": "Good morning!",
    "platforms": ["mastodon"],
    "accounts": [ACCOUNT],
    "post_type": "standard",
    "status": "published",
    "scheduled_time": "2030-01-31T08:00:00Z",
    "timezone": "",
    "published_at": OUT_AT,
    "post_options": {},
    "overrides": {},
    "thread": [],
    "media": [],
    "first_comment": "",
    "tags": [],
    "external_id": None,
    "author": "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b13",
    "deliveries": [PUBLISHED_DELIVERY],
    "warnings": [],
    "created_at": "2030-01-31T07:59:59Z",
    "updated_at": "2030-01-31T08:00:00.430000Z",
}
WAITING_DELIVERY = {
    **PUBLISHED_DELIVERY,
    "status": "pending",
    "attempts": 0,
    "next_attempt_at": "2030-01-31T08:00:00Z",
    "platform_post_id": None,
    "url": None,
    "parts": [{**PUBLISHED_PART, "status": "pending", "platform_post_id": None, "url": None}],
    "published_at": None,
}
WAITING_POST = {**PUBLISHED_POST, "status": "scheduled", "published_at": None, "deliveries": [WAITING_DELIVERY]}
ANOTHER_TIME = {"scheduled_time": "2030-02-01T09:00:00+01:00"}
PUBLISH_AGAIN = {"allow_duplicate": True}
BULK_CREATE = {"posts": [{"content": "Good morning!", "platforms": ["mastodon"]}, {"content": "Good night!"}]}
BULK_RESULT = {
    "successful": [{"index": 0, "id": PUBLISHED_POST["id"], "content": "Good morning!"}],
    "failed": [
        {
            "index": 1,
            "id": None,
            "error": "content is missing; write something to publish, or add media.",
            "code": "required",
            "details": [
                {
                    "field": "content",
                    "code": "required",
                    "message": "content is missing; write something to publish, or add media.",
                }
            ],
        }
    ],
}
IMPORT_RESULT = {
    "dry_run": False,
    "created": 1,
    "updated": 0,
    "unchanged": 0,
    "refused": 1,
    "successful": [{"row": 2, "status": "created", "id": PUBLISHED_POST["id"], "external_id": "crm-17"}],
    "failed": [
        {
            "row": 3,
            "external_id": "crm-18",
            "error": "scheduled_time: This is not an RFC 3339 time; write 2026-01-31T09:00:00Z.",
            "code": "invalid",
            "details": [
                {
                    "field": "scheduled_time",
                    "code": "invalid",
                    "message": "This is not an RFC 3339 time; write 2026-01-31T09:00:00Z.",
                }
            ],
        }
    ],
}
EXPORTED_POST = {
    **{name: value for name, value in PUBLISHED_POST.items() if name not in TOLD_ELSEWHERE},
    "accounts": ["mastodon:@ada@mastodon.example"],
    "external_id": "crm-17",
    "urls": [URL],
}
BULK_UPDATE = {"updates": [{"id": PUBLISHED_POST["id"], "tags": ["morning"]}]}
BULK_IDS = {"post_ids": [PUBLISHED_POST["id"]], "atomic": True}
BULK_JOB = {
    "id": "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b17",
    "kind": "create",
    "status": "running",
    "atomic": False,
    "total": 10_000,
    "done": 2_500,
    "successful": 2_499,
    "failed": 1,
    "error": None,
    "created_at": "2030-01-31T07:59:59Z",
    "finished_at": None,
    "result_url": "https://mastablasta.example/api/v2/bulk/jobs/01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b17/result",
}
FOUND_OUT = {"outcome": "published", "url": URL}
RETRIED_ONE = {"message": "Post scheduled for retry"}
RETRIED = {
    "retried": [PUBLISHED_POST["id"]],
    "still_failed": [
        {"id": "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b16", "error": "This account has to be connected again."}
    ],
}
ATTEMPT: dict[str, Any] = {
    "id": "3f0c0f0e-6a3b-5d0c-9f2e-6b7d0a1c2e3f",
    "delivery_id": PUBLISHED_DELIVERY["id"],
    "account_id": ACCOUNT,
    "platform": "mastodon",
    "number": 1,
    "kind": "send",
    "started_at": "2030-01-31T08:00:00.012000Z",
    "sent_at": "2030-01-31T08:00:00.012000Z",
    "ended_at": OUT_AT,
    "outcome": "published",
    "http_status": 200,
    "error": None,
    "retry_at": None,
}

OUTCOMES = [
    OpenApiExample(
        "Waited for",
        value={
            "post": PUBLISHED_POST,
            "message": "The post is published.",
            "results": {"mastodon": [PUBLISHED_DELIVERY]},
        },
        response_only=True,
        status_codes=["200"],
    ),
    OpenApiExample(
        "On its way",
        value={"post": WAITING_POST, "message": "The post is being published."},
        response_only=True,
        status_codes=["202"],
    ),
]
