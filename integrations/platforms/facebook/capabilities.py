"""What Facebook Pages take: data only."""

from __future__ import annotations

from integrations.capabilities import LONGEST_HOLD_S, Capabilities, MetricsRule, RateRule, Source, TextLimit
from integrations.protocols.graph_batch import MOST_READS
from mastablasta.core.media_rules import ImageRule, MediaRule, VideoRule

READ = "2026-11-23"
POSTS = Source("https://developers.facebook.com/docs/pages-api/posts", READ)
PHOTOS = Source("https://developers.facebook.com/docs/graph-api/reference/page/photos", READ)
VIDEOS = Source("https://developers.facebook.com/docs/graph-api/reference/page/videos", READ)
REELS = Source("https://developers.facebook.com/docs/video-api/guides/reels-publishing", READ)
STORIES = Source("https://developers.facebook.com/docs/page-stories-api", READ)
RATES = Source("https://developers.facebook.com/docs/graph-api/overview/rate-limiting", READ)
INSIGHTS = Source("https://developers.facebook.com/docs/graph-api/reference/insights", READ)

MAX_CHARACTERS = 63_206  # documented nowhere any more; production code of several vendors agrees on it
# Pages of Facebook's own say 10 MB and 4 MB of the same call; what is within both is taken.
PICTURES = ImageRule(("image/jpeg", "image/png"), max_bytes=4_000_000)
MOST_PICTURES = 10  # ours: Facebook names no number
ALT_TEXT = 1000  # ours: Facebook names no number
MIN_ASPECT, MAX_ASPECT = 0.5, 9 / 16  # upright, as Facebook asks for; a little more so does no harm

POST_MEDIA = MediaRule(
    url=PHOTOS.url,
    read=PHOTOS.read,
    images=PICTURES,
    videos=VideoRule(("video/mp4",), max_bytes=10_000_000_000, max_duration_s=14_400),
    max_images=MOST_PICTURES,
    alt_text_limit=ALT_TEXT,
)
REEL_MEDIA = MediaRule(
    url=REELS.url,
    read=REELS.read,
    videos=VideoRule(
        ("video/mp4",),
        max_bytes=1_000_000_000,
        min_duration_s=3,
        max_duration_s=90,
        min_width=540,
        min_height=960,
        min_aspect=MIN_ASPECT,
        max_aspect=MAX_ASPECT,
        max_fps=60,
    ),
)
STORY_MEDIA = MediaRule(
    url=STORIES.url,
    read=STORIES.read,
    images=PICTURES,
    videos=VideoRule(
        ("video/mp4",),
        max_bytes=1_000_000_000,
        min_duration_s=3,
        max_duration_s=60,
        min_aspect=MIN_ASPECT,
        max_aspect=MAX_ASPECT,
        max_fps=60,
    ),
    max_images=1,
)

CAPABILITIES = Capabilities(
    slug="facebook",
    label="Facebook",
    post_types=("standard", "reel", "story"),
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
            "title": {"type": "string", "maxLength": 255, "description": "The title of a video or a reel."},
        },
    },
    media={"standard": POST_MEDIA, "reel": REEL_MEDIA, "story": STORY_MEDIA},
    metrics=MetricsRule(
        batch=MOST_READS,
        # Each read of a batch counts: 2,000 of the 4,800 that a page has for each person who did something there.
        budget=RateRule("metrics", limit=40, window_s=86_400, scope="account", source=RATES),
        source=INSIGHTS,
    ),
    sources=(POSTS, PHOTOS, VIDEOS, REELS, STORIES, RATES, INSIGHTS),
)
