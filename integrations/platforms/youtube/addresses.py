"""Where YouTube is: its API, Google's pages and its tokens have hosts of their own, which the simulator has not."""

from __future__ import annotations

API = "https://www.googleapis.com"
# The other name of the same API, in Google's own description of it.
UPLOADS = (API, "https://youtube.googleapis.com")
CONSENT = "https://accounts.google.com"
TOKENS = "https://oauth2.googleapis.com"
PAGES = "https://www.youtube.com"


def consent_at(base_url: str) -> str:
    return CONSENT if base_url == API else base_url


def tokens_at(base_url: str) -> str:
    return TOKENS if base_url == API else base_url


def video_url(video_id: str, *, is_short: bool) -> str:
    return f"{PAGES}/shorts/{video_id}" if is_short else f"{PAGES}/watch?v={video_id}"


def comment_url(video_id: str, comment_id: str) -> str:
    return f"{PAGES}/watch?v={video_id}&lc={comment_id}"
