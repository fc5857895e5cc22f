"""What Bluesky takes: data only. Servers of others run the same lexicons, maybe older ones."""

from __future__ import annotations

from integrations.capabilities import Capabilities, RateRule, Source, TextLimit

READ = "2026-11-23"
POST = Source("https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/feed/post.json", READ)
PUT_RECORD = Source("https://docs.bsky.app/docs/api/com-atproto-repo-put-record", READ)
RATES = Source("https://docs.bsky.app/docs/advanced-guides/rate-limits", READ)
LABELS = Source("https://github.com/bluesky-social/atproto/blob/main/lexicons/com/atproto/label/defs.json", READ)

MAX_GRAPHEMES = 300
MAX_BYTES = 3_000
MAX_TAG_GRAPHEMES = 64
MAX_TAG_BYTES = 640
MAX_LANGS = 3

CAPABILITIES = Capabilities(
    slug="bluesky",
    label="Bluesky",
    post_types=("standard", "thread"),
    text=TextLimit(limit=MAX_GRAPHEMES, unit="graphemes", source=POST),
    reconcile="exact",
    way="client_id",
    settle_s=0,
    options={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "langs": {
                "type": "array",
                "maxItems": MAX_LANGS,
                "items": {"type": "string"},
                "description": "The languages of the text, as BCP 47 says them: en, pt-BR.",
            },
            "labels": {
                "type": "array",
                "maxItems": 4,
                "items": {"type": "string", "enum": ["porn", "sexual", "nudity", "graphic-media"]},
                "description": "Content warnings.",
            },
        },
    },
    rates=(
        # 5,000 points an hour and 35,000 a day for each account; a create is 3 points
        RateRule("publish", limit=1_666, window_s=3_600, scope="account", source=RATES),
        RateRule("publish", limit=11_666, window_s=86_400, scope="account", source=RATES),
        RateRule("delete", limit=5_000, window_s=3_600, scope="account", source=RATES),
    ),
    sources=(POST, PUT_RECORD, RATES, LABELS),
)
