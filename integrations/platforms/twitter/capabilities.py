"""What X takes: data only. An account with a paid subscription may write longer posts."""

from __future__ import annotations

from decimal import Decimal

from integrations.capabilities import LONGEST_HOLD_S, Capabilities, MetricsRule, Prices, RateRule, Source, TextLimit
from mastablasta.core.media_rules import ImageRule, MediaRule, VideoRule

READ = "2026-11-23"
COUNTING = Source("https://docs.x.com/fundamentals/counting-characters", READ)
LONG_POSTS = Source("https://docs.x.com/changelog", READ)  # 2024-08-20
CREATE = Source("https://docs.x.com/x-api/posts/create-post", READ)
RATES = Source("https://docs.x.com/x-api/fundamentals/rate-limits", READ)
MEDIA = Source("https://docs.x.com/x-api/media/quickstart/best-practices", READ)
METRICS = Source("https://docs.x.com/x-api/fundamentals/metrics", READ)
ARTICLES = Source("https://docs.x.com/x-api/articles/introduction", READ)
PRICING = Source("https://docs.x.com/x-api/getting-started/pricing", READ)

MAX_WEIGHTED = 280
MAX_SUBSCRIBED = 25_000
DEFAULT_POLL_MINUTES = 1_440
MAX_ARTICLE, MAX_ARTICLE_TITLE = 100_000, 200  # ours: X names no numbers
MAX_CASHTAGS = 1  # but for Enterprise

PRICES = Prices(Decimal("0.015"), Decimal("0.200"), Decimal("0.005"), PRICING)  # of 2026-08-13

POST_MEDIA = MediaRule(
    url=MEDIA.url,
    read=MEDIA.read,
    images=ImageRule(
        ("image/jpeg", "image/png", "image/webp"),
        max_bytes=5_000_000,
        # in answers only: "Image dimensions must be >= 4x4 and <= 8192x8192"
        max_width=8192,
        max_height=8192,
        min_width=4,
        min_height=4,
    ),
    animations=ImageRule(
        ("image/gif",),
        max_bytes=15_000_000,
        max_width=1280,
        max_height=1080,
        max_frames=350,
        max_pixels_in_all=300_000_000,
    ),
    videos=VideoRule(
        ("video/mp4",),
        max_bytes=512_000_000,
        min_duration_s=0.5,
        max_duration_s=140,
        # up to 1280x1024; 720x1280 is recommended for upright ones
        max_width=1280,
        max_height=1280,
        max_pixels=1280 * 1024,
        min_aspect=1 / 3,
        max_aspect=3,
        max_fps=60,
    ),
    max_images=4,
    alt_text_limit=1000,
)

ARTICLE_MEDIA = MediaRule(
    url=ARTICLES.url,
    read=ARTICLES.read,
    max_images=0,
    max_animations=0,
    max_videos=0,
    alt_text_limit=1000,
    covers=POST_MEDIA.images,
)

CAPABILITIES = Capabilities(
    slug="twitter",
    label="X",
    post_types=("standard", "thread", "article"),
    text=TextLimit(limit=MAX_WEIGHTED, unit="weighted", source=COUNTING, is_stock=True),
    reconcile="best_effort",
    way="look_up",
    settle_s=30,
    hold_s=LONGEST_HOLD_S,
    options={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "reply_settings": {
                "type": "string",
                "enum": ["following", "mentionedUsers", "subscribers", "verified"],
                "description": "Who may reply; left out: everyone. Of a thread it goes with the first post.",
            },
            "made_with_ai": {
                "type": "boolean",
                "description": "Tells readers that the post holds media made by AI.",
            },
            "paid_partnership": {
                "type": "boolean",
                "description": "Tells readers that the post is paid promotion.",
            },
            "quote_tweet_id": {
                "type": "string",
                "pattern": r"^([0-9]{1,19}|https?://\S{1,300})$",
                "description": "The post that this one quotes: its id, or its address at X. X lets apps of Enterprise "
                "plans quote only. Of a thread it goes with the first post.",
            },
            "community_id": {
                "type": "string",
                "pattern": "^[0-9]{1,19}$",
                "description": "The id of the community that is posted to, in digits. Of a thread it goes with the "
                "first post.",
            },
            "share_with_followers": {
                "type": "boolean",
                "description": "Whether the account's followers see the post of a community, too.",
            },
            "poll_options": {
                "type": "array",
                "items": {"type": "string", "maxLength": 25},
                "minItems": 2,
                "maxItems": 4,
                "description": "Two to four answers to what the text asks; without media. Of a thread it goes with "
                "the first post.",
            },
            "title": {
                "type": "string",
                "maxLength": MAX_ARTICLE_TITLE,
                "description": "The title of an article, which needs one.",
            },
            "poll_duration_minutes": {
                "type": "integer",
                "minimum": 5,
                "maximum": 10_080,
                "description": "How long it may be answered; left out: a day.",
            },
        },
    },
    rates=(
        RateRule("publish", limit=100, window_s=900, scope="account", source=RATES),
        RateRule("publish", limit=10_000, window_s=86_400, scope="app", source=RATES),
        RateRule("upload", limit=500, window_s=900, scope="account", source=RATES),
        RateRule("delete", limit=50, window_s=900, scope="account", source=RATES),
        RateRule("lookup", limit=900, window_s=900, scope="account", source=RATES),
        RateRule("identity", limit=75, window_s=900, scope="account", source=RATES),
    ),
    media={"standard": POST_MEDIA, "article": ARTICLE_MEDIA},
    metrics=MetricsRule(
        batch=100,
        budget=RateRule("metrics", limit=300, window_s=900, scope="account", source=RATES),  # of 5,000
        source=METRICS,
        is_paid=True,
    ),
    prices=PRICES,
    sources=(COUNTING, LONG_POSTS, CREATE, MEDIA, ARTICLES, RATES, METRICS, PRICING),
)
