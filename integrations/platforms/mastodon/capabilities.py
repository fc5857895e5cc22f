"""What Mastodon takes: data only. Hosts differ; what a host says of itself goes before the stock values here."""

from __future__ import annotations

from integrations.capabilities import Capabilities, RateRule, Source, TextLimit

READ = "2026-11-23"
INSTANCE = Source("https://docs.joinmastodon.org/entities/Instance/#configuration", READ)
POSTING = Source("https://docs.joinmastodon.org/user/posting/#text", READ)
STATUSES = Source("https://docs.joinmastodon.org/methods/statuses/#create", READ)
RATES = Source("https://docs.joinmastodon.org/api/rate-limits/", READ)

MAX_CHARACTERS = 500
CHARACTERS_PER_URL = 23

CAPABILITIES = Capabilities(
    slug="mastodon",
    label="Mastodon",
    post_types=("standard", "thread"),
    text=TextLimit(limit=MAX_CHARACTERS, unit="graphemes", source=INSTANCE, is_stock=True),
    reconcile="exact",
    way="native_key",
    settle_s=5,
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
        },
    },
    rates=(
        RateRule("any", limit=300, window_s=300, scope="account", source=RATES),
        RateRule("delete", limit=30, window_s=1800, scope="account", source=RATES),
    ),
    sources=(INSTANCE, POSTING, STATUSES, RATES),
)
