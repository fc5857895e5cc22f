"""Mastodon and what speaks its API: https://docs.joinmastodon.org/methods/ (read 2026-11-23)."""

from sandbox.platforms.mastodon import accounts, attachments, statuses
from sandbox.platforms.mastodon.server import Mastodon

__all__ = ["Mastodon", "accounts", "attachments", "statuses"]
