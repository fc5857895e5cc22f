"""X, still called Twitter by its API: https://docs.x.com and its OpenAPI document 2.167 (read 2026-11-23).

Not here: subtitles, pictures and links within articles, analytics, quoting and editing posts, OAuth 1.0a.
"""

from sandbox.platforms.twitter import accounts, articles, lookups, media, posts
from sandbox.platforms.twitter.server import Twitter

__all__ = ["Twitter", "accounts", "articles", "lookups", "media", "posts"]
