"""What LinkedIn takes: data only. Of people's posts it tells apps less than of organisations'."""

from __future__ import annotations

from integrations.capabilities import LONGEST_HOLD_S, ApiVersion, Capabilities, MetricsRule, RateRule, Source, TextLimit
from integrations.platforms.linkedin.addresses import LAST_DAY, VERSION
from mastablasta.core.media_rules import DocumentRule, ImageRule, MediaRule, VideoRule

READ = "2026-11-23"
_DOCS = "https://learn.microsoft.com/en-us/linkedin"
_SHARES = f"{_DOCS}/marketing/community-management/shares"
POSTS = Source(f"{_SHARES}/posts-api", READ)
IMAGES = Source(f"{_SHARES}/images-api", READ)
MULTI_IMAGE = Source(f"{_SHARES}/multiimage-post-api", READ)
VIDEOS = Source(f"{_SHARES}/videos-api", READ)
DOCUMENTS = Source(f"{_SHARES}/documents-api", READ)
POLLS = Source(f"{_SHARES}/poll-post-api", READ)
COMMENTS = Source(f"{_SHARES}/comments-api", READ)
LITTLE_TEXT = Source(f"{_SHARES}/little-text-format", READ)
VERSIONING = Source(f"{_DOCS}/marketing/versioning", READ)
RATES = Source(f"{_DOCS}/shared/api-guide/concepts/rate-limits", READ)
METRICS = Source(f"{_DOCS}/marketing/community-management/organizations/share-statistics", READ)
MEMBER_METRICS = Source(f"{_DOCS}/marketing/community-management/members/post-statistics", READ)

MAX_CHARACTERS = 3000  # which characters are meant LinkedIn does not say: UTF-16's are the most
MAX_COMMENT = 1250
ALT_TEXT = 4086
MAX_QUESTION, MAX_OPTION, MIN_OPTIONS, MAX_OPTIONS = 140, 30, 2, 4
POSTS_A_CALL = 20

POST_MEDIA = MediaRule(
    url=IMAGES.url,
    read=IMAGES.read,
    # LinkedIn names pixels only; vendors that publish there keep to 5 to 20 MB.
    images=ImageRule(("image/jpeg", "image/png"), max_bytes=8_000_000, max_pixels=36_152_319),
    animations=ImageRule(("image/gif",), max_bytes=8_000_000, max_pixels=36_152_319),
    videos=VideoRule(
        ("video/mp4",),
        max_bytes=500_000_000,
        min_duration_s=3,
        max_duration_s=1800,
        min_aspect=1 / 2.4,
        max_aspect=2.4,
    ),
    documents=DocumentRule(("application/pdf",), max_bytes=100_000_000, max_pages=300),
    max_images=20,
    alt_text_limit=ALT_TEXT,
)

CAPABILITIES = Capabilities(
    slug="linkedin",
    label="LinkedIn",
    post_types=("standard",),
    text=TextLimit(limit=MAX_CHARACTERS, unit="characters", source=POSTS),
    reconcile="best_effort",
    way="look_up",
    settle_s=30,
    hold_s=LONGEST_HOLD_S,
    options={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "visibility": {
                "type": "string",
                "enum": ["PUBLIC", "CONNECTIONS"],
                "description": "Who sees the post; left out: everybody. CONNECTIONS is for people's own posts.",
            },
            "is_reshare_disabled_by_author": {
                "type": "boolean",
                "description": "Whether nobody can repost it.",
            },
            "link": {
                "type": "string",
                "format": "uri",
                "maxLength": 2000,
                "description": "The page that is shown as a card; LinkedIn reads nothing there, so give link_title. "
                "One picture among the media is the card's.",
            },
            "link_title": {"type": "string", "maxLength": 400, "description": "The title of the card."},
            "link_description": {"type": "string", "maxLength": 4000, "description": "The words below the title."},
            "title": {
                "type": "string",
                "maxLength": 400,
                "description": "The title of a video or document, which needs one.",
            },
            "poll_question": {
                "type": "string",
                "maxLength": MAX_QUESTION,
                "description": "The question of a poll; with poll_options, and without media and link.",
            },
            "poll_options": {
                "type": "array",
                "items": {"type": "string", "maxLength": MAX_OPTION},
                "minItems": MIN_OPTIONS,
                "maxItems": MAX_OPTIONS,
                "description": "Two to four answers.",
            },
            "poll_duration": {
                "type": "string",
                "enum": ["ONE_DAY", "THREE_DAYS", "SEVEN_DAYS", "FOURTEEN_DAYS"],
                "description": "How long it may be answered; left out: three days.",
            },
        },
    },
    media={"standard": POST_MEDIA},
    # LinkedIn publishes no numbers: an app's are in the Analytics of its page at LinkedIn. Ours for collecting are low.
    metrics=MetricsRule(
        batch=POSTS_A_CALL,
        budget=RateRule("metrics", limit=40, window_s=86_400, scope="account", source=RATES, resets_in="UTC"),
        source=METRICS,
    ),
    api_version=ApiVersion(VERSION, LAST_DAY, VERSIONING),
    sources=(
        POSTS,
        IMAGES,
        MULTI_IMAGE,
        VIDEOS,
        DOCUMENTS,
        POLLS,
        COMMENTS,
        LITTLE_TEXT,
        VERSIONING,
        RATES,
        METRICS,
        MEMBER_METRICS,
    ),
)
