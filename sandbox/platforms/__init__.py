"""Which platforms there are: slug -> its class. Adding one is its module and one line here."""

from __future__ import annotations

from sandbox.platform import Platform
from sandbox.platforms.bluesky import Bluesky
from sandbox.platforms.mastodon import Mastodon
from sandbox.platforms.twitter import Twitter

PLATFORMS: dict[str, type[Platform]] = {
    "bluesky": Bluesky,
    "mastodon": Mastodon,
    "twitter": Twitter,
}
