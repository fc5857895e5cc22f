"""YouTube, by its Data API v3: https://developers.google.com/youtube/v3 (read 2026-11-23).

Not here: changing captions, live broadcasts, search, replies to comments, ratings, content owners, changing
a video's file.
"""

from sandbox.platforms.youtube import captions, channels, comments, uploads, videos
from sandbox.platforms.youtube.server import YouTube

__all__ = ["YouTube", "captions", "channels", "comments", "uploads", "videos"]
