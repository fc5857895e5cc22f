"""Bluesky over the AT Protocol: https://docs.bsky.app and https://atproto.com/specs (read 2026-11-23).

Not here: uploading video in parts, OAuth, `applyWrites`, likes and follows, the firehose.
"""

from sandbox.platforms.bluesky import blobs, identity, records, services, sessions, video, views
from sandbox.platforms.bluesky.server import Bluesky

__all__ = ["Bluesky", "blobs", "identity", "records", "services", "sessions", "video", "views"]
