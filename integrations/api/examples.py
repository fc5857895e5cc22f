"""What calls about accounts look like, for the API's description."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

ACCOUNT: dict[str, Any] = {
    "id": "0193a5f0-7c1e-7d4b-9f52-2b1d6c0a9e11",
    "platform": "mastodon",
    "handle": "@ada@mastodon.social",
    "name": "Ada Lovelace",
    "avatar_url": "https://files.mastodon.social/accounts/avatars/ada.png",
    "kind": "person",
    "status": "active",
    "is_default": True,
    "scopes": ["profile", "read:statuses", "write:statuses", "write:media"],
    "token_expires_at": None,
    "checked_at": "2030-01-31T09:00:00Z",
    "error": None,
    "missing_scopes": [],
    "forecast": None,
}
PAGE: dict[str, Any] = {
    **ACCOUNT,
    "platform": "facebook",
    "handle": "@adas.engines",
    "name": "Ada's Engines",
    "avatar_url": "https://scontent.example/ada.jpg",
    "kind": "page",
    "scopes": ["pages_show_list", "pages_read_engagement", "pages_manage_posts"],
    "missing_scopes": [{"scope": "pages_manage_engagement", "cost": "First comments are not published."}],
    "forecast": {
        "ends_at": "2030-02-05T09:00:00Z",
        "posts": 14,
        "message": "14 scheduled posts of @adas.engines will fail from Tuesday, 5 February 2030, on: its sign-in ends. "
        "Connect it again before then.",
    },
}
SIGN_IN = {"platform": "bluesky", "handle": "ada.bsky.social", "app_password": "abcd-efgh-ijkl-mnop"}
SIGNED_IN = {
    **ACCOUNT,
    "platform": "bluesky",
    "handle": "@ada.bsky.social",
    "scopes": ["com.atproto.appPass"],
    "token_expires_at": "2030-01-31T11:00:00Z",
}
PAUSED = {**ACCOUNT, "status": "paused", "error": "Paused by a person; set its status to active to go on."}
_NO_BOUND: dict[str, Any] = dict.fromkeys(
    ["max_width", "max_height", "max_pixels", "min_width", "min_height", "min_aspect", "max_aspect"]
)
_PICTURE: dict[str, Any] = {**_NO_BOUND, "at_most": 4, "max_frames": None, "max_pixels_in_all": None}
MEDIA_LIMITS: dict[str, Any] = {
    "images": {
        **_PICTURE,
        "mime_types": ["image/jpeg", "image/png", "image/webp"],
        "max_bytes": 16_777_215,
        "max_pixels": 33_177_600,
    },
    "animations": {
        **_PICTURE,
        "at_most": 1,
        "mime_types": ["image/gif"],
        "max_bytes": 16_777_215,
        "max_pixels": 921_600,
    },
    "documents": None,
    "captions": None,
    "videos": {
        **_NO_BOUND,
        "at_most": 1,
        "mime_types": ["video/mp4"],
        "max_bytes": 103_809_023,
        "min_duration_s": None,
        "max_duration_s": None,
        "video_codecs": ["h264"],
        "audio_codecs": ["aac"],
        "max_pixels": 8_294_400,
        "max_fps": 120,
    },
    "may_mix": False,
    "alt_text_limit": 1500,
    "source": {"url": "https://docs.joinmastodon.org/entities/Instance/#configuration", "read": "2026-11-28"},
}
PLATFORM: dict[str, Any] = {
    "slug": "mastodon",
    "name": "Mastodon",
    "configured": True,
    "built": True,
    "proof": "simulator-proven",
    "post_types": ["standard", "thread"],
    "limits": {
        "text": {
            "limit": 500,
            "unit": "graphemes",
            "is_stock": True,
            "source": {
                "url": "https://docs.joinmastodon.org/entities/Instance/#configuration",
                "read": "2026-11-23",
            },
        },
        "media": {"standard": MEDIA_LIMITS},
        "cost": None,
    },
    "options": {
        "type": "object",
        "additionalProperties": False,
        "properties": {"sensitive": {"type": "boolean", "description": "Whether media are hidden at first."}},
    },
    "reconcile": "exact",
    "can_delete": True,
    "needs_media": False,
    "rates": [
        {
            "operation": "any",
            "limit": 300,
            "window_s": 300,
            "scope": "account",
            "source": {"url": "https://docs.joinmastodon.org/api/rate-limits/", "read": "2026-11-23"},
        }
    ],
}
NOT_REVOKED = {
    "account": {
        **ACCOUNT,
        "status": "disconnected",
        "is_default": False,
        "scopes": [],
        "error": "Disconnected by a person; connect it again to use it.",
    },
    "warnings": [
        {
            "code": "not_revoked",
            "message": "Mastodon could not be told that the access ended (the server does not answer). It is no longer "
            "used here; take it back in the account's own settings at mastodon.social.",
        }
    ],
}
STARTED = {
    "url": "https://mastodon.social/oauth/authorize?response_type=code&client_id=…&state=…&code_challenge=…",
    "state": "Zk3c…",
    "expires_at": "2030-01-31T09:10:00Z",
}
CONNECTED = {"success": True, "account_id": ACCOUNT["id"], "accounts": [ACCOUNT]}


def answer(name: str, value: Any, status: int = 200) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])


def question(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True)
