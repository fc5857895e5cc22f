"""What Mastodon takes: data only. Hosts differ; what a host says of itself goes before the stock values here."""

from __future__ import annotations

from integrations.capabilities import LONGEST_HOLD_S, Capabilities, MetricsRule, RateRule, Source, TextLimit
from integrations.platforms.mastodon.limits import STOCK, URL, media_rule_of

READ = "2026-11-23"
INSTANCE = Source(URL, READ)
POSTING = Source("https://docs.joinmastodon.org/user/posting/#text", READ)
MEDIA = Source("https://docs.joinmastodon.org/methods/media/", "2026-11-28")
STATUSES = Source("https://docs.joinmastodon.org/methods/statuses/#create", READ)
MANY = Source("https://docs.joinmastodon.org/methods/statuses/#index", READ)
RATES = Source("https://docs.joinmastodon.org/api/rate-limits/", READ)

_SHARE = r"[+-]?(0(\.\d{1,6})?|1(\.0{1,6})?)"

STOCK_MEDIA = media_rule_of({})
assert STOCK_MEDIA is not None  # noqa: S101  stock servers take media

CAPABILITIES = Capabilities(
    slug="mastodon",
    label="Mastodon",
    post_types=("standard", "thread"),
    text=TextLimit(limit=STOCK["max_characters"], unit="graphemes", source=INSTANCE, is_stock=True),
    reconcile="exact",
    way="native_key",
    settle_s=5,
    hold_s=LONGEST_HOLD_S,  # where the server may not heed our key
    options={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "visibility": {
                "type": "string",
                "enum": ["public", "unlisted", "private", "direct"],
                "description": "Who sees it; left out: the account's own default.",
            },
            "spoiler_text": {
                "type": "string",
                "description": "The warning in front of the text; counts as text.",
            },
            "sensitive": {"type": "boolean", "description": "Whether media are hidden at first."},
            "language": {
                "type": "string",
                "pattern": "^[a-z]{2,3}(-[A-Za-z]{2,4})?$",
                "description": "ISO 639-1, as `en`; left out: the account's own default.",
            },
            "focus": {
                "type": "array",
                "items": {
                    "type": "string",
                    "pattern": f"^({_SHARE},{_SHARE})?$",
                    "description": "two numbers from -1 to 1, right and up from the middle, as 0.5,-0.2; or nothing.",
                },
                "description": "For each file of the first post, in order, what previews that cut it keep in sight, "
                "as `0.5,-0.2`: -1 to 1, right and up from the middle. An empty text stands for the middle.",
            },
            "quoted_status_id": {
                "type": "string",
                "pattern": r"^([0-9]{1,20}|https?://\S{1,500})$",
                "description": "The post that this one quotes: its id at the account's own server, or its address "
                "there. From Mastodon 4.5. Of a thread it goes with the first post.",
            },
            "quote_approval_policy": {
                "type": "string",
                "enum": ["public", "followers", "nobody"],
                "description": "Who may quote it; left out: the account's own default. From Mastodon 4.5.",
            },
            "poll_options": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 2,
                "description": "Answers to what the text asks; without media. How many there may be, and how long, is "
                "the server's to say: usually 4 of 50 characters. Of a thread it goes with the first post.",
            },
            "poll_expires_in": {
                "type": "integer",
                "minimum": 1,
                "description": "How long it may be answered, in seconds: usually 300 to 2,629,746; left out: a day.",
            },
            "poll_multiple": {"type": "boolean", "description": "Whether people may pick several answers."},
            "poll_hide_totals": {
                "type": "boolean",
                "description": "Whether the votes are hidden until the poll ends.",
            },
        },
    },
    rates=(
        RateRule("upload", limit=30, window_s=1800, scope="account", source=RATES),
        RateRule("any", limit=300, window_s=300, scope="account", source=RATES),
        RateRule("delete", limit=30, window_s=1800, scope="account", source=RATES),
    ),
    media={"standard": STOCK_MEDIA},
    metrics=MetricsRule(
        batch=20,
        budget=RateRule("metrics", limit=100, window_s=300, scope="account", source=RATES),  # of 300 for all calls
        source=MANY,
    ),
    sources=(INSTANCE, POSTING, STATUSES, MEDIA, MANY, RATES),
)
