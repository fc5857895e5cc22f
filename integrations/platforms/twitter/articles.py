"""Articles: a draft that nobody sees, with a title and maybe a cover, and one call that publishes it as a post.

The text is plain, with a few marks of Markdown at the beginning of lines: `#` and `##` for headings, `-` and `*` for
items of a list, `1.` for those of a numbered one, `>` for quotations.
Sources: https://docs.x.com/x-api/articles/introduction and ArticleCreateDraftRequest in https://api.x.com/2/openapi.json,
2.167 (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from integrations.contract import Content, Progress, Step
from integrations.errors import Rejected
from integrations.platforms.twitter.errors import NOT_PERMITTED, error_from, error_in
from integrations.platforms.twitter.uploads import IMAGE
from integrations.protocols.lookback import OwnPost
from integrations.protocols.values import object_in, objects_in, text_in
from mastablasta.core.errors import FieldProblem
from mastablasta.core.outbound import Http

POST_TYPE = "article"
TITLE = "title"
DRAFT_PATH = "/2/articles/draft"
DRAFT = "article"  # the draft's id in a step's progress
_ID = re.compile(r"[0-9]{1,19}")
# `header-three` is left out: X answers 503 to it.
_MARKS = (
    (re.compile(r"## +"), "header-two"),
    (re.compile(r"# +"), "header-one"),
    (re.compile(r"[-*] +"), "unordered-list-item"),
    (re.compile(r"[0-9]{1,3}[.)] +"), "ordered-list-item"),
    (re.compile(r"> +"), "blockquote"),
)
_NOT_WITH_IT = (
    "poll_options", "poll_duration_minutes", "quote_tweet_id", "community_id", "share_with_followers", "reply_settings",
    "made_with_ai", "paid_partnership",
)  # fmt: skip


def is_article(step: Step) -> bool:
    """Whether this part is an article: the root of a post of that type is."""
    return not step.sent and step.content.post_type == POST_TYPE


def article_problems(content: Content) -> Iterator[FieldProblem]:
    """What is wrong with an article, or with the title of what is none."""
    options = content.options
    title = str(options.get(TITLE) or "").strip()
    if content.post_type != POST_TYPE:
        if title:
            yield _option(TITLE, "contradiction", "X shows a title on articles only; leave it out.")
        return
    if not title:
        yield _option(TITLE, "title_required", "An article at X has a title; write one.")
    for name in _NOT_WITH_IT:
        if options.get(name) is not None:
            yield _option(name, "contradiction", f"X takes no {name} with an article; leave it out.")
    for part in content.parts[1:]:
        if part.kind != "comment":
            message = "An article at X is one text; put the parts into one, or make it a thread."
            yield FieldProblem(part.field, "contradiction", message)


def draft_of(http: Http, step: Step, progress: Progress, covers: Sequence[str]) -> str:
    """The id of the step's draft, made if there is none yet; a lost answer leaves one behind that nobody sees.

    `covers`: the id of the picture above it, once it is uploaded. Raises Rejected where the account may write none.
    """
    kept = str(progress.data.get(DRAFT) or "")
    if kept:
        return kept
    content = {"blocks": list(blocks_of(step.part.text)), "entities": []}
    body: dict[str, Any] = {"title": str(step.content.options[TITLE]).strip(), "content_state": content}
    if covers:
        body["cover_media"] = {"media_id": covers[0], "media_category": IMAGE}
    answer = http.post(DRAFT_PATH, json=body)
    article_id = text_in(object_in(answer.fields(), "data"), "id") if answer.is_ok else ""
    if not _ID.fullmatch(article_id):
        failure = error_in(answer) if answer.is_ok else error_from(answer)
        if failure.code == NOT_PERMITTED:
            sentence = (
                f"X lets this account write no articles, which takes a subscription; post it as a text. "
                f"({failure.message})"
            )
            raise Rejected(sentence, code=NOT_PERMITTED, http_status=failure.http_status)
        raise failure
    progress.save(**{DRAFT: article_id})
    return article_id


def blocks_of(text: str) -> Iterator[dict[str, str]]:
    """The paragraphs of a text as X stores them, each a block; empty lines only part them."""
    for line in text.splitlines():
        words = line.strip()
        if not words:
            continue
        for mark, kind in _MARKS:
            if (found := mark.match(words)) and words[found.end() :]:
                yield {"text": words[found.end() :], "type": kind}
                break
        else:
            yield {"text": words, "type": "unstyled"}


def is_post_of(post: OwnPost, progress: Mapping[str, Any]) -> bool:
    """Whether a post is that of the step's article, which it leads to by its id."""
    article_id = str(progress.get(DRAFT) or "")
    links = objects_in(object_in(post.shown, "entities"), "urls")
    return bool(article_id) and any(
        text_in(link, "expanded_url").partition("?")[0].endswith(f"/article/{article_id}") for link in links
    )


def _option(name: str, code: str, message: str) -> FieldProblem:
    return FieldProblem(f"post_options.twitter.{name}", code, message)
