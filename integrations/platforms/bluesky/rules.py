"""What Bluesky does not take that its capabilities have no word for."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.contract import Content
from integrations.protocols.captions import caption_problems
from mastablasta.core.errors import FieldProblem

ABOUT_LINK = ("link_title", "link_description", "link_image")


def post_problems(content: Content) -> Iterator[FieldProblem]:
    """What is wrong with a post as a whole."""
    yield from caption_problems(content, slug="bluesky", where="Bluesky")
    options, media = content.options, content.parts[0].media
    if not options.get("link"):
        if any(options.get(name) for name in ABOUT_LINK):
            yield _option("link", "required", "A card at Bluesky needs a link; give one.")
    elif len(media) > 1 or any(use.kind != "image" for use in media):
        yield _option("link", "contradiction", "A card at Bluesky shows one picture; leave the other files out.")


def _option(name: str, code: str, message: str) -> FieldProblem:
    return FieldProblem(f"post_options.bluesky.{name}", code, message)
