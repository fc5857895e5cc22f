"""Facebook Pages: from our words to the Graph API and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote

from integrations.capabilities import Capabilities
from integrations.contract import (
    Absent,
    CannotTell,
    ClientApp,
    Connector,
    Content,
    Found,
    Pending,
    Progress,
    Published,
    Step,
    Target,
)
from integrations.errors import CallFailed, OutcomeUnknown, Rejected, Unavailable
from integrations.platforms.facebook.capabilities import CAPABILITIES
from integrations.platforms.facebook.errors import error_from
from integrations.platforms.facebook.reading import POST_FIELDS, has_text, own_post, post_url
from integrations.protocols.graph import DUPLICATE, NOT_FOUND, VERSION, auth_of, rests_until
from integrations.protocols.lookback import OwnPost, Page, first_match, own_posts, posts_in
from integrations.protocols.values import id_in, object_in, text_in
from integrations.validation import general_problems
from mastablasta.core.errors import FieldProblem
from mastablasta.core.outbound import Auth, Response

PAGE = 50
MOST_PAGES = 10
# What is kept of a step in `progress`: since when it may be out, and that Facebook has refused it as its own duplicate.
MAYBE_OUT_SINCE = "maybe_out_since"
REFUSED_AS_DUPLICATE = "refused_as_duplicate"


class FacebookConnector(Connector):
    """Source: https://developers.facebook.com/docs/pages-api/posts (read 2026-11-23)."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES

    @classmethod
    def auth(cls, token: str, app: ClientApp) -> Auth:
        return auth_of(token, app)

    @classmethod
    def validate(cls, content: Content, target: Target | None) -> list[FieldProblem]:
        rule = cls.media_rule(content.post_type, target)
        problems = general_problems(content, cls.capabilities_at(target), rule)
        return problems + cls.length_problems(content, target, where="Facebook")

    def publish(self, step: Step, *, progress: Progress) -> Published | Pending:
        """Make one part visible: a post of the page, or a comment below it."""
        if step.part.kind == "comment":
            return self._comment(step, progress)
        fields: dict[str, Any] = {"message": step.part.text}
        if link := step.content.options.get("link"):
            fields["link"] = link
        return self._published(self._visible(f"{_path(self.target.remote_id)}/feed", fields), progress)

    def reconcile(
        self, step: Step, *, progress: Progress, since: datetime, known: frozenset[str]
    ) -> Found | Absent | CannotTell:
        """Look for it among the page's own posts, or the comments below the root: the oldest with this text.

        What is not there may be sent again, and this is noted with the time from which on it may be out after all.
        When Facebook then refuses it as a duplicate, it has the post and does not show it yet: from there on absence
        is not believed.
        """
        noted = progress.data.get(MAYBE_OUT_SINCE)
        maybe_out_since = min(since, datetime.fromisoformat(noted)) if noted else since
        page = partial(self._list, self._list_path(step), since=maybe_out_since)
        posts = own_posts(page, since=maybe_out_since, known=known, most_pages=MOST_PAGES)
        if isinstance(posts, CannotTell):
            return posts
        if found := first_match(posts, *self._likenesses(step, progress)):
            return found.found
        if progress.data.get(REFUSED_AS_DUPLICATE):
            raise Unavailable("Facebook has this post already, but does not show it yet.", code="not_shown_yet")
        if not noted:
            progress.save(**{MAYBE_OUT_SINCE: maybe_out_since.isoformat()})
        return Absent()

    def delete(self, remote_id: str) -> None:
        """Source: https://developers.facebook.com/docs/graph-api/reference/post#deleting (read 2026-11-23)."""
        answer = self.http.delete(_path(remote_id))
        if answer.is_ok:
            return
        failure = error_from(answer)
        if failure.code != NOT_FOUND:
            raise failure

    # --- one visible call ---

    def _comment(self, step: Step, progress: Progress) -> Published:
        """Source: https://developers.facebook.com/docs/graph-api/reference/object/comments (read 2026-11-23)."""
        root = step.sent[0]
        answer = self._visible(f"{_path(root.remote_id)}/comments", {"message": step.part.text})
        return self._published(answer, progress, url=root.url)

    def _visible(self, path: str, fields: Mapping[str, Any]) -> Response:
        return self.http.post(path, data=fields, visible=True)

    def _published(self, answer: Response, progress: Progress, *, url: str = "") -> Published:
        if not answer.is_ok:
            raise self._in_view_of_doubt(error_from(answer), progress)
        made = answer.json()
        remote_id = id_in(made, "post_id") or id_in(made)
        if not remote_id:
            raise answer.in_doubt("names no post", code="no_id")
        return Published(remote_id, url or post_url(remote_id, made), rests_until=rests_until(answer))

    def _in_view_of_doubt(self, failure: CallFailed, progress: Progress) -> CallFailed:
        """A duplicate of something that we may have sent ourselves is not a refusal, but to be looked for."""
        if failure.code != DUPLICATE or not isinstance(failure, Rejected) or MAYBE_OUT_SINCE not in progress.data:
            return failure
        progress.save(**{REFUSED_AS_DUPLICATE: True})
        sentence = "Facebook has this text already: what was sent before seems to have got through."
        return OutcomeUnknown(sentence, code=failure.code, http_status=failure.http_status)

    # --- looking for it ---

    def _likenesses(self, step: Step, progress: Progress) -> tuple[Any, ...]:  # noqa: ARG002
        return (lambda post: has_text(post, step.part.text) and not post.shown["media"],)

    def _list_path(self, step: Step) -> str:
        if step.part.kind == "comment":
            return f"{_path(step.sent[0].remote_id)}/comments"
        return f"{_path(self.target.remote_id)}/published_posts"

    def _list(self, path: str, cursor: str | None, *, since: datetime) -> Page:
        """One page of what the account wrote, newest first."""
        is_comments = path.endswith("/comments")
        params: dict[str, Any] = {"fields": POST_FIELDS[is_comments], "limit": PAGE}
        if is_comments:
            params |= {"filter": "stream", "order": "reverse_chronological"}
        else:
            params["since"] = int(since.timestamp())
        answer = self.http.get(path, params=params | ({"after": cursor} if cursor else {}))
        if not answer.is_ok:
            raise error_from(answer)
        fields = answer.fields()
        paging = object_in(fields, "paging")
        after = text_in(paging.get("cursors"), "after") if paging.get("next") else ""
        listed: list[OwnPost] = posts_in(answer, fields.get("data"), own_post)
        return listed, after or None


def _path(remote_id: str) -> str:
    return f"/{VERSION}/{quote(remote_id, safe='')}"
