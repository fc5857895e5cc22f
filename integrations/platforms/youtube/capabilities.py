"""What YouTube takes: data only."""

from __future__ import annotations

from typing import Any

from integrations.capabilities import LONGEST_HOLD_S, Capabilities, MetricsRule, RateRule, Source, TextLimit
from integrations.protocols.captions import caption_option
from mastablasta.core.media_rules import CaptionRule, ImageRule, MediaRule, VideoRule

READ = "2026-11-23"
VIDEOS = Source("https://developers.google.com/youtube/v3/docs/videos", READ)
INSERT = Source("https://developers.google.com/youtube/v3/docs/videos/insert", READ)
THUMBNAILS = Source("https://developers.google.com/youtube/v3/docs/thumbnails/set", READ)
CAPTIONS = Source("https://developers.google.com/youtube/v3/docs/captions/insert", READ)
COMMENTS = Source("https://developers.google.com/youtube/v3/docs/commentThreads/insert", READ)
QUOTA = Source("https://developers.google.com/youtube/v3/determine_quota_cost", READ)
STATISTICS = Source("https://developers.google.com/youtube/v3/docs/videos/batchGetStats", READ)
LENGTHS = Source("https://support.google.com/youtube/answer/71673", READ)
SHORTS = Source("https://support.google.com/youtube/answer/15424877", READ)

MAX_TITLE = 100
MAX_DESCRIPTION_BYTES = 5_000
MAX_TAGS = 500
MAX_CAPTIONS_NAME = 150
MAX_COMMENT = 10_000  # ours: YouTube names no number
LONGEST_S, LONGEST_UNVERIFIED_S = 43_200, 900
LONGEST_SHORT_S = 180
PEOPLE_AND_BLOGS = "22"  # which YouTube's own upload page begins with

# Google counts by the day of the Pacific, for our project: 100 videos a day, and 10,000 units for nearly all the rest.
# A video costs 50 to be shown, 50 for its thumbnail, 50 for its comment, 400 for the captions of each language, and a
# unit each time that it is looked at.
DAY = RateRule("publish", limit=95, window_s=86_400, scope="app", source=QUOTA, resets_in="America/Los_Angeles")

_THUMBNAIL = ImageRule(("image/jpeg", "image/png"), max_bytes=52_428_800)
_CAPTIONS = CaptionRule(("application/x-subrip", "text/vtt"), max_bytes=104_857_600)
FILM_MEDIA = MediaRule(
    url=LENGTHS.url,
    read=LENGTHS.read,
    videos=VideoRule(("video/mp4",), max_bytes=274_877_906_944, max_duration_s=LONGEST_S),
    max_images=0,
    max_animations=0,
    covers=_THUMBNAIL,
    captions=_CAPTIONS,
)
SHORT_MEDIA = MediaRule(
    url=SHORTS.url,
    read=SHORTS.read,
    videos=VideoRule(("video/mp4",), max_bytes=274_877_906_944, max_duration_s=LONGEST_SHORT_S, max_aspect=1),
    max_images=0,
    max_animations=0,
    covers=_THUMBNAIL,
    captions=_CAPTIONS,
)


def _flag(description: str) -> dict[str, Any]:
    return {"type": "boolean", "description": description}


OPTIONS: dict[str, Any] = {
    "title": {
        "type": "string",
        "maxLength": MAX_TITLE,
        "description": "The video's title; left out: the first line of the text.",
    },
    "tags": {
        "type": "array",
        "maxItems": 250,
        "items": {"type": "string", "maxLength": MAX_TAGS},
        "description": "Words to be found by, 500 characters together; one with a space counts two more.",
    },
    "category_id": {
        "type": "string",
        "pattern": "[0-9]{1,3}",
        "description": "The number of the category, such as 22 (People & Blogs), which is taken otherwise.",
    },
    "privacy_status": {
        "type": "string",
        "enum": ["public", "unlisted", "private"],
        "description": "Who may see it; left out: public.",
    },
    "publish_at": {
        "type": "string",
        "format": "date-time",
        "description": "When YouTube makes the video public by itself; it is private until then.",
    },
    "made_for_kids": _flag("Whether the video is made for children, as the law of the USA (COPPA) has it."),
    "contains_synthetic_media": _flag("Tells viewers that something realistic in it was made or altered by AI."),
    "has_paid_product_placement": _flag("Tells viewers that it holds paid promotion."),
    "license": {
        "type": "string",
        "enum": ["youtube", "creativeCommon"],
        "description": "YouTube's own licence or Creative Commons; left out: YouTube's.",
    },
    "embeddable": _flag("Whether other sites may show it; left out: they may."),
    "public_stats_viewable": _flag("Whether everybody sees its figures; left out: everybody does."),
    "notify_subscribers": _flag("Whether subscribers are told of it; left out: they are."),
    "playlist_id": {
        "type": "string",
        "pattern": "[A-Za-z0-9_-]{2,64}",
        "description": "A playlist of the channel that the video is added to, by its id.",
    },
    "captions": caption_option(
        "language",
        name={
            "type": "string",
            "maxLength": MAX_CAPTIONS_NAME,
            "description": "What viewers read when they choose; left out: the language alone.",
        },
    ),
    "default_language": {"type": "string", "format": "bcp47", "description": "The language of title and text."},
    "default_audio_language": {"type": "string", "format": "bcp47", "description": "The language that is spoken."},
}

CAPABILITIES = Capabilities(
    slug="youtube",
    label="YouTube",
    post_types=("standard", "short"),
    text=TextLimit(limit=MAX_DESCRIPTION_BYTES, unit="bytes", source=VIDEOS),
    reconcile="best_effort",  # of a video exact, by its id; of a comment by what it says
    way="progress",
    settle_s=30,
    hold_s=LONGEST_HOLD_S,
    options={"type": "object", "additionalProperties": False, "properties": OPTIONS},
    rates=(DAY,),
    media={"standard": FILM_MEDIA, "short": SHORT_MEDIA},
    needs_media=True,
    metrics=MetricsRule(
        batch=50,
        # Of 10,000 a day for all accounts together, in a window of their own.
        budget=RateRule("metrics", limit=100, window_s=86_400, scope="account", source=QUOTA),
        source=STATISTICS,
    ),
    sources=(VIDEOS, INSERT, THUMBNAILS, CAPTIONS, COMMENTS, QUOTA, STATISTICS, LENGTHS, SHORTS),
)
