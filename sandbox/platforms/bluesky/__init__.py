"""Bluesky over the AT Protocol: https://docs.bsky.app and https://atproto.com/specs (read 2026-11-23).

Not here: blobs and video, quoting, OAuth, `applyWrites`, likes and follows, the firehose.
"""

from sandbox.platforms.bluesky import identity, records, sessions, views
from sandbox.platforms.bluesky.server import Bluesky

__all__ = ["Bluesky", "identity", "records", "sessions", "views"]
