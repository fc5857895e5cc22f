"""X, still called Twitter by its API: https://docs.x.com and its OpenAPI document 2.167 (read 2026-11-23).

Not here: subtitles, articles, analytics, quoting and editing posts, OAuth 1.0a.
"""

from sandbox.platforms.twitter import accounts, lookups, media, posts
from sandbox.platforms.twitter.server import Twitter

__all__ = ["Twitter", "accounts", "lookups", "media", "posts"]
