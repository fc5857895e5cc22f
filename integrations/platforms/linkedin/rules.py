"""What LinkedIn does not take that its capabilities have no word for."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.contract import Content, Target
from integrations.platforms.linkedin.text import has_mention
from integrations.protocols.polls import ANSWERS, poll_problems
from mastablasta.core.errors import FieldProblem

ORGANISATION = "urn:li:organization:"
TITLED = frozenset({"video", "document"})  # what has a title there, and no alt text
LINK = ("link", "link_title", "link_description")


def is_organisation(target: Target | None) -> bool:
    return target is not None and target.remote_id.startswith(ORGANISATION)


def post_problems(content: Content, target: Target | None) -> list[FieldProblem]:
    """What is wrong with a post as a whole."""
    return [*_of_link(content), *_of_poll(content), *_of_the_rest(content, target)]


def _of_link(content: Content) -> Iterator[FieldProblem]:
    options, media = content.options, content.parts[0].media
    given = [name for name in LINK if options.get(name)]
    if not given:
        return
    if "link" not in given:
        yield _option("link", "required", "A card at LinkedIn needs a link; give one.")
    elif "link_title" not in given:
        yield _option("link_title", "required", "LinkedIn reads no title from the page; give one.")
    if len(media) > 1 or any(use.kind != "image" for use in media):
        yield _option("link", "contradiction", "A card at LinkedIn shows one picture; leave the other files out.")


def _of_poll(content: Content) -> Iterator[FieldProblem]:
    """Beside what polls are everywhere: it has a question of its own, and no link."""
    options = content.options
    yield from poll_problems(content, slug="linkedin", where="LinkedIn")
    if not options.get(ANSWERS):
        return
    if not options.get("poll_question"):
        yield _option("poll_question", "required", "A poll needs a question; write one.")
    if any(options.get(name) for name in LINK):
        yield _option("poll_question", "contradiction", "A poll at LinkedIn has no link; leave one of them out.")


def _of_the_rest(content: Content, target: Target | None) -> Iterator[FieldProblem]:
    options = content.options
    if options.get("visibility") == "CONNECTIONS" and is_organisation(target):
        yield _option("visibility", "contradiction", "An organisation has no connections; everybody sees its posts.")
    kinds = {use.kind for use in content.parts[0].media}
    if options.get("title") and not kinds & TITLED:
        message = "LinkedIn shows a title with a video or document only; add one, or leave it out."
        yield _option("title", "contradiction", message)
    if "document" in kinds and not str(options.get("title") or "").strip():
        yield _option("title", "title_required", "LinkedIn shows a document under its title; give one.")
    for part in content.parts:
        if part.kind == "comment" and has_mention(part.text):
            yield FieldProblem(
                part.field, "mention_not_supported", "Comments at LinkedIn mention nobody from here; write the name."
            )


def _option(name: str, code: str, message: str) -> FieldProblem:
    return FieldProblem(f"post_options.linkedin.{name}", code, message)
