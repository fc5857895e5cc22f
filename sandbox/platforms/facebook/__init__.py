"""Facebook Pages, by the Graph API v26.0: https://developers.facebook.com/docs/pages-api (read 2026-11-23).

Not here: scheduling at Facebook's side, drafts, targeting, places, tags, events, reading other people's posts.
"""

from sandbox.platforms.facebook import photos, posts, videos
from sandbox.platforms.facebook.server import Facebook

__all__ = ["Facebook", "photos", "posts", "videos"]
