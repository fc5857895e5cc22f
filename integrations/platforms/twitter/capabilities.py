"""What X takes: data only. An account with a paid subscription may write longer posts."""

from __future__ import annotations

from integrations.capabilities import Capabilities, RateRule, Source, TextLimit

READ = "2026-11-23"
COUNTING = Source("https://docs.x.com/fundamentals/counting-characters", READ)
LONG_POSTS = Source("https://docs.x.com/changelog", READ)  # 2024-08-20
CREATE = Source("https://docs.x.com/x-api/posts/create-post", READ)
RATES = Source("https://docs.x.com/x-api/fundamentals/rate-limits", READ)
PRICING = Source("https://docs.x.com/x-api/getting-started/pricing", READ)

MAX_WEIGHTED = 280
MAX_WEIGHTED_SUBSCRIBED = 25_000
MAX_CASHTAGS = 1  # but for Enterprise

CAPABILITIES = Capabilities(
    slug="twitter",
    label="X",
    post_types=("standard", "thread"),
    text=TextLimit(limit=MAX_WEIGHTED, unit="weighted", source=COUNTING, is_stock=True),
    reconcile="best_effort",
    way="look_up",
    settle_s=30,
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
        },
    },
    rates=(
        RateRule("publish", limit=100, window_s=900, scope="account", source=RATES),
        RateRule("publish", limit=10_000, window_s=86_400, scope="app", source=RATES),
        RateRule("delete", limit=50, window_s=900, scope="account", source=RATES),
        RateRule("lookup", limit=900, window_s=900, scope="account", source=RATES),
        RateRule("identity", limit=75, window_s=900, scope="account", source=RATES),
    ),
    sources=(COUNTING, LONG_POSTS, CREATE, RATES, PRICING),
)
