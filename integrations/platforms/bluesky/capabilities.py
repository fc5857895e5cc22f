"""What Bluesky takes: data only. Servers of others run the same lexicons, maybe older ones."""

from __future__ import annotations

from integrations.capabilities import Capabilities, MetricsRule, RateRule, Source, TextLimit
from integrations.platforms.bluesky.addresses import LIST_ADDRESS, POST_ADDRESS
from integrations.protocols.captions import MOST, caption_option
from mastablasta.core.media_rules import CaptionRule, ImageRule, MediaRule, VideoRule

READ = "2026-11-23"
POST = Source("https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/feed/post.json", READ)
PUT_RECORD = Source("https://docs.bsky.app/docs/api/com-atproto-repo-put-record", READ)
RATES = Source("https://docs.bsky.app/docs/advanced-guides/rate-limits", READ)
GET_POSTS = Source("https://docs.bsky.app/docs/api/app-bsky-feed-get-posts", READ)
LABELS = Source("https://github.com/bluesky-social/atproto/blob/main/lexicons/com/atproto/label/defs.json", READ)
IMAGES = Source("https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/embed/images.json", READ)
GALLERY = Source("https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/embed/gallery.json", READ)
VIDEO = Source("https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/embed/video.json", READ)
EXTERNAL = Source("https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/embed/external.json", READ)
THREADGATE = Source("https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/feed/threadgate.json", READ)
POSTGATE = Source("https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/feed/postgate.json", READ)
QUOTE = Source("https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/embed/record.json", READ)
CLIENT = Source("https://github.com/bluesky-social/social-app/blob/main/src/lib/constants.ts", READ)

MAX_GRAPHEMES = 300
MAX_BYTES = 3_000
MAX_TAG_GRAPHEMES = 64
MAX_TAG_BYTES = 640
MAX_LANGS = 3
MAX_GATE_RULES = 5

MAX_IN_IMAGES = 4  # as app.bsky.embed.images, which every client shows; more go as app.bsky.embed.gallery
MAX_IN_GALLERY = 10  # the lexicon takes 20 and asks clients to stop here
MAX_ALT = 2_000  # of the official client; the lexicon has none
IMAGE_BYTES = 1_000_000  # the lexicon's since 2026 is 2,000,000; services with an older one refuse more than this
IMAGE_SIDE = 4_000  # of the official client
VIDEO_BYTES = 100_000_000  # the lexicon's is 300,000,000; so much goes up in one call
VIDEO_S = 180.0  # what the video service has taken since 2025; it may take more by now
MP4 = ("video/mp4",)
CAPTIONS_BYTES = 20_000

# Of cards the lexicon bounds the picture alone; clients cut longer words off.
MAX_LINK, MAX_LINK_TITLE, MAX_LINK_DESCRIPTION = 2_000, 300, 1_000
THUMB_BYTES = 1_000_000

MEDIA = MediaRule(
    url=IMAGES.url,
    read=READ,
    images=ImageRule(
        ("image/jpeg", "image/png", "image/webp"), IMAGE_BYTES, max_width=IMAGE_SIDE, max_height=IMAGE_SIDE
    ),
    # A picture that moves stands still as an image: it goes as a video that is shown as a GIF.
    animations=ImageRule(MP4, VIDEO_BYTES),
    videos=VideoRule(MP4, VIDEO_BYTES, max_duration_s=VIDEO_S),
    captions=CaptionRule(("text/vtt",), CAPTIONS_BYTES),
    max_captions=MOST,
    max_images=MAX_IN_GALLERY,
    alt_text_limit=MAX_ALT,
)

CAPABILITIES = Capabilities(
    slug="bluesky",
    label="Bluesky",
    post_types=("standard", "thread"),
    text=TextLimit(limit=MAX_GRAPHEMES, unit="graphemes", source=POST),
    reconcile="exact",
    way="client_id",
    settle_s=0,
    hold_s=0,  # our own record key: the second request changes nothing
    options={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "langs": {
                "type": "array",
                "maxItems": MAX_LANGS,
                "items": {"type": "string", "format": "bcp47"},
                "description": "The languages of the text, as BCP 47 tags: en, pt-BR.",
            },
            "labels": {
                "type": "array",
                "maxItems": 4,
                "items": {"type": "string", "enum": ["porn", "sexual", "nudity", "graphic-media"]},
                "description": "Content warnings.",
            },
            "link": {
                "type": "string",
                "format": "uri",
                "maxLength": MAX_LINK,
                "description": "The page that is shown as a card. One picture among the media is the card's. Without "
                "link_title, title, description and picture are read from the page when the post is scheduled.",
            },
            "link_title": {"type": "string", "maxLength": MAX_LINK_TITLE, "description": "The title of the card."},
            "link_description": {
                "type": "string",
                "maxLength": MAX_LINK_DESCRIPTION,
                "description": "The words below the title.",
            },
            "link_image": {
                "type": "string",
                "format": "uri",
                "maxLength": MAX_LINK,
                "description": "The address of the card's picture, where none is among the media.",
            },
            "captions": caption_option("lang"),
            "threadgate": {
                "type": "array",
                "maxItems": MAX_GATE_RULES,
                "items": {
                    "type": "string",
                    "pattern": f"^(?:mentionRule|followerRule|followingRule)$|{LIST_ADDRESS}",
                    "description": "mentionRule (whom the post mentions), followerRule (who follows you), "
                    "followingRule (whom you follow), or a list's at:// URI or address at https://bsky.app.",
                },
                "description": "Who may reply; [] = nobody, left out = everybody.",
            },
            "postgate": {
                "type": "array",
                "maxItems": 1,
                "items": {"type": "string", "enum": ["disableRule"]},
                "description": "disableRule: nobody may quote the post.",
            },
            "quote": {
                "type": "string",
                "pattern": POST_ADDRESS,
                "description": "The post that is quoted: its at:// URI, or its address at https://bsky.app.",
            },
        },
    },
    rates=(
        # 5,000 points an hour and 35,000 a day for each account; a create is 3 points
        RateRule("publish", limit=1_666, window_s=3_600, scope="account", source=RATES),
        RateRule("publish", limit=11_666, window_s=86_400, scope="account", source=RATES),
        RateRule("delete", limit=5_000, window_s=3_600, scope="account", source=RATES),
        RateRule("upload", limit=1_000, window_s=86_400, scope="account", source=RATES),
    ),
    media={"standard": MEDIA},
    metrics=MetricsRule(
        batch=25,
        budget=RateRule("metrics", limit=300, window_s=300, scope="account", source=RATES),  # of 3,000 of an address
        source=GET_POSTS,
    ),
    sources=(
        POST,
        PUT_RECORD,
        RATES,
        GET_POSTS,
        LABELS,
        IMAGES,
        GALLERY,
        VIDEO,
        EXTERNAL,
        QUOTE,
        THREADGATE,
        POSTGATE,
        CLIENT,
    ),
)
