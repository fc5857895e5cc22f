"""What Instagram takes of professional accounts: data only."""

from __future__ import annotations

from dataclasses import replace

from integrations.capabilities import LONGEST_HOLD_S, Capabilities, MetricsRule, RateRule, Source, TextLimit
from integrations.protocols.graph_batch import MOST_READS
from mastablasta.core.media_rules import ImageRule, MediaRule, VideoRule

READ = "2026-11-23"
_DOCS = "https://developers.facebook.com/docs/instagram-platform"
PUBLISHING = Source(f"{_DOCS}/content-publishing", READ)
MEDIA = Source(f"{_DOCS}/instagram-graph-api/reference/ig-user/media", READ)
QUOTA = Source(f"{_DOCS}/instagram-graph-api/reference/ig-user/content_publishing_limit", READ)
UPLOADS = Source(f"{_DOCS}/content-publishing/resumable-uploads", READ)
INSIGHTS = Source(f"{_DOCS}/reference/instagram-media/insights", READ)
RATES = Source("https://developers.facebook.com/docs/graph-api/overview/rate-limiting", READ)

MAX_CHARACTERS = 2_200
MOST_HASHTAGS = 30
MOST_MENTIONS = 20
MOST_COLLABORATORS = 3
MOST_FILES = 10
MOST_TAGS = 20
ALT_TEXT = 1_000
# Pages of Meta's own say 50 and 100; what counts is what the account's own edge says, and this is the most of it.
MOST_POSTS_A_DAY = 100

_JPEG = ("image/jpeg",)
PICTURES = ImageRule(
    _JPEG, max_bytes=8_000_000, min_width=320, max_width=1_440, min_aspect=4 / 5, max_aspect=1.91
)  # Instagram scales what is wider or narrower, and refuses other shapes
REELS = VideoRule(
    ("video/mp4",),
    max_bytes=300_000_000,
    min_duration_s=3,
    max_duration_s=900,
    max_width=1_920,
    min_aspect=0.01,
    max_aspect=10,
    max_fps=60,
)
STORY_VIDEOS = replace(REELS, max_bytes=100_000_000, max_duration_s=60, min_aspect=0.1)

STANDARD = MediaRule(
    url=MEDIA.url,
    read=MEDIA.read,
    images=PICTURES,
    videos=REELS,
    max_images=MOST_FILES,
    max_videos=MOST_FILES,
    may_mix=True,
    alt_text_limit=ALT_TEXT,
    covers=ImageRule(_JPEG, max_bytes=8_000_000),
    by_url=("image",),
)
REEL = replace(STANDARD, images=None, max_videos=1, may_mix=False, alt_text_limit=0)
STORY = replace(
    STANDARD,
    images=replace(PICTURES, min_aspect=None, max_aspect=None),
    videos=STORY_VIDEOS,
    max_images=1,
    max_videos=1,
    may_mix=False,
    alt_text_limit=0,
    covers=None,
)

_USERNAME = {
    "type": "string",
    "pattern": r"[A-Za-z0-9._]{1,30}",
    "description": "The name of an account at Instagram, without @.",
}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
OPTIONS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "collaborators": {
            "type": "array",
            "items": _USERNAME,
            "maxItems": MOST_COLLABORATORS,
            "description": "Accounts that are invited to show the post as theirs too.",
        },
        "user_tags": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["username"],
                "properties": {
                    "username": _USERNAME,
                    "x": {**_SHARE, "description": "From the left, as a share of the width; needed in pictures."},
                    "y": {**_SHARE, "description": "From the top, as a share of the height; needed in pictures."},
                    "media_index": {
                        "type": "integer",
                        "minimum": 0,
                        "maximum": MOST_FILES - 1,
                        "description": "Which file of the post; 0, the first, if left out.",
                    },
                },
            },
            "maxItems": MOST_TAGS,
            "description": "Who is to be seen, and where in which picture; in a reel without a place.",
        },
        "location_id": {
            "type": "string",
            "pattern": r"[0-9]{1,32}",
            "description": "The id of a Facebook Page that has a place; for accounts connected by Facebook Login.",
        },
        "share_to_feed": {"type": "boolean", "description": "Whether a reel is shown in the profile's grid too."},
        "thumb_offset": {
            "type": "integer",
            "minimum": 0,
            "maximum": 900_000,
            "description": "Where in a reel its thumbnail is, in milliseconds; a cover counts before it.",
        },
        "audio_name": {"type": "string", "maxLength": 100, "description": "What a reel's own sound is called."},
    },
}

CAPABILITIES = Capabilities(
    slug="instagram",
    label="Instagram",
    post_types=("standard", "carousel", "reel", "story"),
    text=TextLimit(limit=MAX_CHARACTERS, unit="characters", source=MEDIA),
    needs_media=True,
    reconcile="best_effort",
    way="progress",
    settle_s=60,
    hold_s=LONGEST_HOLD_S,
    options=OPTIONS,
    rates=(RateRule("publish", MOST_POSTS_A_DAY, 86_400, "account", QUOTA),),
    media={"standard": STANDARD, "carousel": STANDARD, "reel": REEL, "story": STORY},
    metrics=MetricsRule(
        batch=MOST_READS,
        # Each read of a batch counts: 2,000 of the 4,800 that an account has for each time that it was seen.
        budget=RateRule("metrics", limit=40, window_s=86_400, scope="account", source=RATES),
        source=INSIGHTS,
    ),
    sources=(PUBLISHING, MEDIA, QUOTA, UPLOADS, INSIGHTS, RATES),
)
# At Instagram's own host no call is documented that reads several posts: so many are read one after the other.
READS_ONE_BY_ONE = 20
# By Instagram Login there is no upload, so videos are fetched as well, and nothing is taken back.
# Sources: the pages named above.
BY_INSTAGRAM_LOGIN = replace(
    CAPABILITIES,
    can_delete=False,
    media={kind: replace(rule, by_url=("image", "video")) for kind, rule in CAPABILITIES.media.items()},
)
