"""What Facebook Pages take: data only."""

from __future__ import annotations

from integrations.capabilities import LONGEST_HOLD_S, Capabilities, Source, TextLimit

READ = "2026-11-23"
POSTS = Source("https://developers.facebook.com/docs/pages-api/posts", READ)
RATES = Source("https://developers.facebook.com/docs/graph-api/overview/rate-limiting", READ)

MAX_CHARACTERS = 63_206  # documented nowhere any more; production code of several vendors agrees on it

CAPABILITIES = Capabilities(
    slug="facebook",
    label="Facebook",
    post_types=("standard",),
    text=TextLimit(limit=MAX_CHARACTERS, unit="characters", source=POSTS),
    reconcile="best_effort",
    way="look_up",
    settle_s=60,
    hold_s=LONGEST_HOLD_S,
    options={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "link": {
                "type": "string",
                "format": "uri",
                "maxLength": 2000,
                "description": "The page that the post shows a preview of; for posts without media.",
            },
        },
    },
    sources=(POSTS, RATES),
)
