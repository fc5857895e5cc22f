"""Instagram for professional accounts, by the Graph API v26.0 and by both of its sign-ins.

Source: https://developers.facebook.com/docs/instagram-platform (read 2026-11-23).

Not here: products, licensed audio, trial reels, partnerships, live videos, messages, mentions, other people's posts.
"""

from sandbox.platforms.instagram import accounts, containers, posts
from sandbox.platforms.instagram.server import Instagram

__all__ = ["Instagram", "accounts", "containers", "posts"]
