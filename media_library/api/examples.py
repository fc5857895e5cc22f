"""Answers about files, as the API's description shows them."""

from __future__ import annotations

from typing import Any

PICTURE_ID = "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b20"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

PICTURE: dict[str, Any] = {
    "id": PICTURE_ID,
    "filename": "sunrise.jpg",
    "url": f"/api/v2/media/{PICTURE_ID}/file",
    "thumbnail_url": f"/api/v2/media/{PICTURE_ID}/thumbnail",
    "kind": "image",
    "mime_type": "image/jpeg",
    "size": 2_483_019,
    "dimensions": {"width": 4032, "height": 3024},
    "duration": None,
    "pages": None,
    "sha256": SHA256,
    "alt_text": "The sun rises over a calm sea.",
    "status": "ready",
    "status_reason": "",
    "used": True,
    "created_at": "2030-01-31T07:58:12.031000Z",
    "updated_at": "2030-01-31T07:58:13.207000Z",
}
NEW_PICTURE = {**PICTURE, "status": "processing", "used": False, "updated_at": PICTURE["created_at"], "warnings": []}
USED_PICTURE = {
    **PICTURE,
    "used_by": [
        {
            "post_id": "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b10",
            "status": "scheduled",
            "scheduled_time": "2030-01-31T08:00:00Z",
        }
    ],
}
OTHER_WORDS = {"filename": "sunrise-over-the-sea.jpg", "alt_text": "The sun rises over a calm sea."}
RENDITION: dict[str, Any] = {
    "key": "web",
    "platforms": [],
    "status": "ready",
    "status_reason": "",
    "url": f"/api/v2/media/{PICTURE_ID}/file?rendition=web",
    "link": {
        "url": "https://social.example.org/api/v2/media/links/renditions/01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b21"
        "?expires=1896080400&signature=nT0fCq2zX6Zg0W8o6wqk3m1v7bB9r5sJxH2yLd4uE-A",
        "expires_at": "2030-01-31T09:00:00Z",
    },
    "mime_type": "image/jpeg",
    "size": 401_223,
    "dimensions": {"width": 2048, "height": 1536},
    "duration": None,
    "sha256": SHA256,
    "warnings": [],
    "created_at": "2030-01-31T07:58:13.207000Z",
}
