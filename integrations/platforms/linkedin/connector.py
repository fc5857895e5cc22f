"""LinkedIn: from our words to its versioned API and back, for people and organisations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from integrations.capabilities import Capabilities
from integrations.contract import (
    Absent,
    AccountMetrics,
    CannotTell,
    Connector,
    Content,
    Found,
    Measure,
    Metrics,
    Pending,
    Progress,
    Published,
    Step,
    Target,
)
from integrations.errors import CallFailed, NeedsReconnect, OutcomeUnknown, Rejected, Unavailable
from integrations.platforms.linkedin import metrics
from integrations.platforms.linkedin.addresses import COMMENT_URN, PAGES, POST_URN, escaped, post_url, versioned
from integrations.platforms.linkedin.capabilities import CAPABILITIES, MAX_CHARACTERS, MAX_COMMENT
from integrations.platforms.linkedin.errors import (
    DUPLICATE,
    MEDIA_GONE,
    NOT_FOUND,
    NOT_SHOWN_YET,
    SCOPE_MISSING,
    duplicate_in,
    error_from,
)
from integrations.platforms.linkedin.reading import comment_says, comment_urn, made_at, own_comment, own_post, says
from integrations.platforms.linkedin.rules import TITLED, is_organisation, post_problems
from integrations.platforms.linkedin.text import length_of, little_text
from integrations.platforms.linkedin.uploads import PostMedia
from integrations.protocols import duplicates
from integrations.protocols.lookback import OwnPost, Page, first_match, own_posts, posts_in
from integrations.protocols.uploads import ids_in
from integrations.protocols.values import text_in
from integrations.sign_in import ClientApp
from integrations.validation import general_problems
from mastablasta.core.errors import FieldProblem
from mastablasta.core.outbound import Auth, Http, Response

PAGE = 100
MOST_PAGES = 10
# A post may take its first comment only a while later: https://github.com/gitroomhq/postiz-app (read 2026-11-23).
COMMENT_WAITS = (timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20), timedelta(seconds=30))
# What is kept of a step in `progress`, beside what protocols/duplicates.py keeps: which post LinkedIn takes it for a
# duplicate of, and how often its post took no comment yet.
DUPLICATE_OF = "duplicate_of"
COMMENT_REFUSED = "comment_refused"
UNREADABLE = "LinkedIn does not let this server read the account's own posts; look there, and say whether it is out."


class LinkedInConnector(Connector):
    """Source: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/posts-api
    (read 2026-11-23).
    """

    capabilities: ClassVar[Capabilities] = CAPABILITIES

    def __init__(self, target: Target, http: Http) -> None:
        super().__init__(target, versioned(http))

    @classmethod
    def auth(cls, token: str, app: ClientApp) -> Auth:  # noqa: ARG003
        return Auth(token, origins=(PAGES,))

    @classmethod
    def capabilities_at(cls, target: Target | None) -> Capabilities:
        """Where LinkedIn shows the account's own posts to nobody, what is lost cannot be looked for."""
        if target is None or _can(target, "can_read"):
            return cls.capabilities
        return replace(cls.capabilities, reconcile="none", way="none")

    @classmethod
    def validate(cls, content: Content, target: Target | None) -> list[FieldProblem]:
        rule = cls.media_rule(content.post_type, target)
        problems = general_problems(content, cls.capabilities_at(target), rule)
        problems += cls.length_problems(content, target, where="LinkedIn")
        return problems + post_problems(content, target)

    @classmethod
    def measure(cls, content: Content, index: int, target: Target | None) -> Measure:  # noqa: ARG003
        part = content.parts[index]
        return Measure(length_of(part.text), MAX_COMMENT if part.kind == "comment" else MAX_CHARACTERS)

    def publish(self, step: Step, *, progress: Progress) -> Published | Pending:
        """Make one part visible: a post of the person or the organisation, or a comment below it.

        LinkedIn knows no idempotency key, but names the post that a new one is a duplicate of: after a send that may
        have got through, that is the one to be looked at.
        """
        if step.part.kind == "comment":
            return self._comment(step, progress)
        media = PostMedia(self.http, self.target, step.part.media, progress)
        if waits := media.go_on():
            return waits
        body = _body(step, self.target.remote_id, ids_in(progress.data))
        answer = self.http.post("/rest/posts", json=body, visible=True)
        if answer.is_ok:
            urn = answer.headers.get("x-restli-id", "")
            if not POST_URN.fullmatch(urn):
                raise answer.in_doubt("names no post", code="no_id")
            return Published(urn, self._url(urn))
        failure = self._in_view_of_doubt(self._failure(answer), progress)
        if isinstance(failure, Rejected) and failure.code == MEDIA_GONE and step.part.media:
            return media.upload_again(failure)
        raise failure

    def reconcile(
        self, step: Step, *, progress: Progress, since: datetime, known: frozenset[str]
    ) -> Found | Absent | CannotTell:
        """Look for it among the account's own posts, where LinkedIn shows them; first at the one that LinkedIn itself
        has named as the same. Where it shows none, that one has to do.

        What is not there may be sent again, be it by a person, and this is noted with the time from which on it may be
        out after all.
        """
        since = duplicates.maybe_out_since(progress, since)
        try:
            can_read = _can(self.target, "can_read")
            looked = self._look_for(step, progress, since, known) if can_read else None
        except NeedsReconnect as refused:
            if refused.code != SCOPE_MISSING:
                raise
            looked = None
        looked = looked or self._taken_at_its_word(progress, since, known)
        if not isinstance(looked, Found):
            duplicates.note_maybe_out(progress, since)
        return looked

    def delete(self, remote_id: str) -> None:
        """Source: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/posts-api
        #delete-posts (read 2026-11-23).
        """
        answer = self._delete_comment(remote_id) if COMMENT_URN.fullmatch(remote_id) else self._delete_post(remote_id)
        if answer.is_ok:
            return
        failure = self._failure(answer)
        if failure.code != NOT_FOUND:
            raise failure

    @classmethod
    def metrics_batch(cls, target: Target) -> int:
        """One post of a person, who costs a call for each figure."""
        if not _can(target, "can_count"):
            return 0
        return super().metrics_batch(target) if is_organisation(target) else 1

    def fetch_metrics(self, refs: Sequence[str]) -> Mapping[str, Metrics]:
        if is_organisation(self.target):
            return metrics.fetch_of_organisation(self.http, self.target.remote_id, refs)
        return metrics.fetch_of_person(self.http, refs)

    def fetch_account_metrics(self) -> AccountMetrics | None:
        """Of organisations their followers; of people LinkedIn tells nothing."""
        is_told = is_organisation(self.target) and _can(self.target, "can_count")
        return metrics.fetch_account(self.http, self.target.remote_id) if is_told else None

    # --- one visible call ---

    def _comment(self, step: Step, progress: Progress) -> Published | Pending:
        """A comment that is not permitted costs the comment, and nobody has to sign in again.

        Source: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/comments-api
        (read 2026-11-23).
        """
        root = step.sent[0]
        body = {"actor": self.target.remote_id, "object": root.remote_id, "message": {"text": step.part.text}}
        answer = self.http.post(_comments_of(root.remote_id), json=body, visible=True)
        if answer.is_ok:
            urn = comment_urn(answer.json())
            if not urn:
                raise answer.in_doubt("names no comment", code="no_id")
            return Published(urn, root.url)
        failure = error_from(answer)
        refused = int(progress.data.get(COMMENT_REFUSED, 0))
        if answer.status in {403, 404} and refused < len(COMMENT_WAITS):
            return Pending(datetime.now(UTC) + COMMENT_WAITS[refused], {COMMENT_REFUSED: refused + 1})
        if isinstance(failure, NeedsReconnect) and failure.code == SCOPE_MISSING:
            raise Rejected(failure.message, code="not_permitted", http_status=answer.status) from failure
        raise failure

    def _in_view_of_doubt(self, failure: CallFailed, progress: Progress) -> CallFailed:
        """A duplicate of something that we may have sent ourselves is not a refusal, but to be looked for."""
        if failure.code != DUPLICATE or not duplicates.may_be_out(progress):
            return failure
        progress.save(**{DUPLICATE_OF: duplicate_in(failure)})
        sentence = "LinkedIn has this text already: what was sent before seems to have got through."
        return OutcomeUnknown(sentence, code=DUPLICATE, http_status=failure.http_status)

    # --- looking for it ---

    def _look_for(
        self, step: Step, progress: Progress, since: datetime, known: frozenset[str]
    ) -> Found | Absent | CannotTell:
        named = progress.data.get(DUPLICATE_OF)
        if named and named not in known and (found := self._post_named(named, since)):
            return found
        is_comment = step.part.kind == "comment"
        page = partial(self._comments, step.sent[0].remote_id, step.sent[0].url) if is_comment else self._posts
        posts = own_posts(page, since=since, known=known, most_pages=MOST_PAGES)
        if isinstance(posts, CannotTell):
            return posts
        if found_post := first_match(posts, *_likenesses(step, ids_in(progress.data))):
            return found_post.found
        if named is not None:
            raise Unavailable("LinkedIn has this post already, but does not show it yet.", code=NOT_SHOWN_YET)
        return Absent()

    def _taken_at_its_word(self, progress: Progress, since: datetime, known: frozenset[str]) -> Found | CannotTell:
        """The post that LinkedIn calls the same, where nobody may look at it but its number is young enough."""
        named = progress.data.get(DUPLICATE_OF)
        if named and named not in known and made_at(named) >= since:
            return Found(named, self._url(named))
        return CannotTell(UNREADABLE)

    def _post_named(self, urn: str, since: datetime) -> Found | None:
        """The post of this URN, if it is there, the account's own, and young enough to be ours.

        LinkedIn goes on naming posts that have been deleted.
        """
        answer = self.http.get(f"/rest/posts/{escaped(urn)}", params={"viewContext": "AUTHOR"})
        if not answer.is_ok:
            failure = error_from(answer)
            if failure.code != NOT_FOUND:
                raise failure
            return None
        post = own_post(answer.json(), base_url=self.target.base_url)
        is_ours = post is not None and post.shown.get("author") == self.target.remote_id and post.made_at >= since
        return post.found if post is not None and is_ours else None

    def _posts(self, cursor: str | None) -> Page:
        """One page of the account's own posts, newest first."""
        start = int(cursor or 0)
        query = {
            "q": "author",
            "author": self.target.remote_id,
            "count": PAGE,
            "start": start,
            "sortBy": "CREATED",
        }
        answer = self.http.get("/rest/posts", params=query, headers={"X-RestLi-Method": "FINDER"})
        return self._listed(answer, start, "author", partial(own_post, base_url=self.target.base_url))

    def _comments(self, root: str, url: str, cursor: str | None) -> Page:
        """One page of the account's own comments below a post."""
        start = int(cursor or 0)
        answer = self.http.get(_comments_of(root), params={"start": start, "count": PAGE})
        return self._listed(answer, start, "actor", partial(own_comment, url=url))

    def _listed(self, answer: Response, start: int, whose: str, read: Callable[[Any], OwnPost | None]) -> Page:
        """The account's own among what the answer lists: what others wrote may have any form, and any age."""
        if not answer.is_ok:
            raise error_from(answer)
        rows = answer.fields().get("elements")
        if not isinstance(rows, list):
            raise answer.in_doubt("is not a list of posts", code="unreadable")
        own = [row for row in rows if text_in(row, whose) in {"", self.target.remote_id}]
        return posts_in(answer, own, read), str(start + len(rows)) if len(rows) >= PAGE else None

    # --- taking back ---

    def _delete_post(self, urn: str) -> Response:
        return self.http.delete(f"/rest/posts/{escaped(urn)}", headers={"X-RestLi-Method": "DELETE"})

    def _delete_comment(self, urn: str) -> Response:
        found = COMMENT_URN.fullmatch(urn)
        assert found is not None  # noqa: S101  the caller has looked
        query = {"actor": self.target.remote_id} if is_organisation(self.target) else None
        return self.http.delete(f"{_comments_of(found[1])}/{found[2]}", params=query)

    def _failure(self, answer: Response) -> CallFailed:
        return error_from(answer, of_organisation=is_organisation(self.target))

    def _url(self, urn: str) -> str:
        return post_url(self.target.base_url, urn)


def _can(target: Target, what: str) -> bool:
    """Whether the account was connected with the permission for it; what is not known is tried."""
    return target.facts.get(what) is not False


def _comments_of(urn: str) -> str:
    return f"/rest/socialActions/{escaped(urn)}/comments"


def _body(step: Step, author: str, uploaded: Sequence[str]) -> dict[str, Any]:
    options = step.content.options
    body: dict[str, Any] = {
        "author": author,
        "commentary": little_text(step.part.text),
        "visibility": options.get("visibility") or "PUBLIC",
        "distribution": {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []},
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": options.get("is_reshare_disabled_by_author") is True,
    }
    if content := _content(step, uploaded):
        body["content"] = content
    return body


def _content(step: Step, uploaded: Sequence[str]) -> dict[str, Any]:
    """What stands below the text: a card, a poll, a video, a document, one picture or several."""
    options, media = step.content.options, step.part.media
    if link := options.get("link"):
        told = {"title": options.get("link_title"), "description": options.get("link_description")}
        card = {"source": link, **{name: value for name, value in told.items() if value}}
        return {"article": card | ({"thumbnail": uploaded[0]} if uploaded else {})}
    if question := options.get("poll_question"):
        answers = [{"text": text} for text in options.get("poll_options") or []]
        duration = options.get("poll_duration") or "THREE_DAYS"
        return {"poll": {"question": question, "options": answers, "settings": {"duration": duration}}}
    pictures = [
        {"id": urn, **({"altText": use.alt_text} if use.alt_text and use.kind not in TITLED else {})}
        for urn, use in zip(uploaded, media, strict=True)
    ]
    if len(pictures) > 1:
        return {"multiImage": {"images": pictures}}
    if pictures and (title := options.get("title")):
        return {"media": {**pictures[0], "title": title}}
    return {"media": pictures[0]} if pictures else {}


def _likenesses(step: Step, uploaded: Collection[str]) -> tuple[Callable[[OwnPost], bool], ...]:
    """What makes a post ours, surest first: the files that we uploaded, else its text and how many it carries.

    Without text only the former counts.
    """

    def has_upload(post: OwnPost) -> bool:
        return not post.shown["media"].isdisjoint(uploaded)

    def is_alike(post: OwnPost) -> bool:
        if step.part.kind == "comment":
            return comment_says(post, step.part.text)
        is_enough = bool(step.part.text.strip()) or not step.part.media
        return is_enough and says(post, step.part.text) and len(post.shown["media"]) == len(step.part.media)

    return has_upload, is_alike
