"""Instagram: from our words to the Graph API and back, for accounts of either sign-in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

import structlog

from integrations.capabilities import Capabilities
from integrations.contract import (
    Absent,
    AccountMetrics,
    CannotTell,
    Connector,
    Content,
    Found,
    Metrics,
    Pending,
    Progress,
    Published,
    Step,
    Target,
)
from integrations.errors import CallFailed, RateLimited, Rejected, Unavailable
from integrations.platforms.instagram import metrics
from integrations.platforms.instagram.capabilities import BY_INSTAGRAM_LOGIN, CAPABILITIES, READS_ONE_BY_ONE
from integrations.platforms.instagram.containers import (
    FINISHED,
    IN_PROGRESS,
    PUBLISHED,
    Containers,
    ask_for_container,
    container_in,
)
from integrations.platforms.instagram.errors import MADE_AGAIN, NOT_READY, error_from
from integrations.platforms.instagram.quota import LOOK_AGAIN, Quota, read_quota
from integrations.platforms.instagram.reading import (
    COMMENT_FIELDS,
    POST_FIELDS,
    is_alike,
    own_post,
    profile_url,
)
from integrations.platforms.instagram.rules import post_problems
from integrations.protocols.graph import auth_of, rests_until
from integrations.protocols.graph_nodes import delete_node, list_page, path_of, write_comment
from integrations.protocols.lookback import Page, first_match, own_posts
from integrations.protocols.oauth2 import web_address
from integrations.protocols.values import id_in
from integrations.sign_in import ClientApp
from integrations.validation import general_problems
from mastablasta.core.errors import FieldProblem
from mastablasta.core.outbound import Auth, Response

log = structlog.get_logger(__name__)

MOST_PAGES = 10
# A container that Instagram does not know any more.
FORGOTTEN = "FORGOTTEN"
# What an account's facts say of how it is connected, and so of the host that it speaks to.
LOGIN = "login"
FACEBOOK_LOGIN, INSTAGRAM_LOGIN = "facebook", "instagram"


class InstagramConnector(Connector):
    """Source: https://developers.facebook.com/docs/instagram-platform/content-publishing (read 2026-11-23)."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES

    @classmethod
    def auth_at(cls, target: Target, token: str, app: ClientApp) -> Auth:
        """Signed where the account is connected by Facebook Login; the other host documents no signature."""
        return Auth(token) if _is_by_instagram_login(target) else auth_of(token, app)

    @classmethod
    def capabilities_at(cls, target: Target | None) -> Capabilities:
        return BY_INSTAGRAM_LOGIN if target is not None and _is_by_instagram_login(target) else cls.capabilities

    @classmethod
    def validate(cls, content: Content, target: Target | None) -> list[FieldProblem]:
        rule = cls.media_rule(content.post_type, target)
        problems = general_problems(content, cls.capabilities_at(target), rule)
        problems += cls.length_problems(content, target, where="Instagram")
        is_by_instagram = target is not None and _is_by_instagram_login(target)
        return problems + post_problems(content, by_instagram_login=is_by_instagram)

    def publish(self, step: Step, *, progress: Progress) -> Published | Pending:
        """Make one part visible: a post, a reel or a story of the account, or a comment below it."""
        if step.part.kind == "comment":
            return self._comment(step)
        containers = Containers(self.http, self.target, step, progress)
        if waits := containers.go_on():
            return waits
        quota = self._quota_that_is_left()
        try:
            return self._post(containers.creation_id, quota)
        except Rejected as refused:
            if refused.code == NOT_READY:
                return containers.wait_again()
            if refused.code in MADE_AGAIN:
                return containers.upload_again(refused)
            raise

    def reconcile(
        self, step: Step, *, progress: Progress, since: datetime, known: frozenset[str]
    ) -> Found | Absent | CannotTell:
        """Ask whether the container was published, and look for the post among the account's own.

        No call leads from a container to its post. Raises Unavailable while one that is published is not listed.
        """
        state = self._state_of(step, progress)
        if state == FINISHED:
            return Absent()
        if state == IN_PROGRESS:
            raise Unavailable("Instagram is still at work on it.", code="not_shown_yet")
        page = partial(self._list, self._list_path(step), since=since)
        posts = own_posts(page, since=since, known=known, most_pages=MOST_PAGES)
        if isinstance(posts, CannotTell):
            return posts
        found = first_match(posts, lambda post: is_alike(post, step, self.target))
        if found is not None and self._is_sure(step, state):
            url = found.url or (step.sent[0].url if step.part.kind == "comment" else profile_url(self.target))
            return Found(found.remote_id, url)
        if state == PUBLISHED:
            raise Unavailable("Instagram has published it, and does not list it yet.", code="not_shown_yet")
        if state == FORGOTTEN and not step.part.text.strip():
            return CannotTell("Instagram no longer says what became of it, and it has no words to find it by.")
        return Absent()

    def delete(self, remote_id: str) -> None:
        """Take back a post with all of its files, or a comment; for accounts that are connected by Facebook Login.

        Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-media#deleting
        (read 2026-11-23).
        """
        delete_node(self.http, remote_id, error_from=error_from)

    def fetch_metrics(self, refs: Sequence[str]) -> Mapping[str, Metrics]:
        return metrics.fetch(self.http, dict.fromkeys(refs), in_batches=not _is_by_instagram_login(self.target))

    @classmethod
    def metrics_batch(cls, target: Target) -> int:
        return READS_ONE_BY_ONE if _is_by_instagram_login(target) else super().metrics_batch(target)

    def fetch_account_metrics(self) -> AccountMetrics:
        return metrics.fetch_account(self.http, self.target.remote_id)

    # --- one visible call ---

    def _post(self, creation_id: str, quota: Quota | None) -> Published:
        path = f"{path_of(self.target.remote_id)}/media_publish"
        answer = self.http.post(path, data={"creation_id": creation_id}, visible=True)
        if not answer.is_ok:
            raise error_from(answer)
        remote_id = id_in(answer.json())
        if not remote_id:
            raise answer.in_doubt("names no post", code="no_id")
        rests = rests_until(answer)
        if rests is None and quota is not None and quota.left <= 1:
            rests = answer.received_at + LOOK_AGAIN
        return Published(remote_id, self._url_of(remote_id), rests_until=rests)

    def _quota_that_is_left(self) -> Quota | None:
        """What the account may publish. Raises RateLimited where that is nothing."""
        quota = read_quota(self.http, self.target)
        if quota is not None and not quota.left:
            sentence = f"The account has published the {quota.total} posts that Instagram allows within a day."
            raise RateLimited(sentence, until=datetime.now(UTC) + LOOK_AGAIN, code="quota_used_up")
        return quota

    def _url_of(self, remote_id: str) -> str:
        """Where people see a post. It is out, so that a call that fails here is not a failure of publishing."""
        try:
            answer = self.http.get(path_of(remote_id), params={"fields": "permalink"})
            said = web_address(answer.fields().get("permalink")) if answer.is_ok else ""
        except CallFailed as failure:
            log.info("permalink_not_read", media=remote_id, code=failure.code)
            said = ""
        return said or profile_url(self.target)

    def _comment(self, step: Step) -> Published:
        """Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-media/comments
        (read 2026-11-23)."""
        root = step.sent[0]

        def read(answer: Response) -> Published:
            remote_id = id_in(answer.json())
            if not remote_id:
                raise answer.in_doubt("names no comment", code="no_id")
            return Published(remote_id, root.url, rests_until=rests_until(answer))

        return write_comment(self.http, root.remote_id, step.part.text, read=read, error_from=error_from)

    # --- looking for it ---

    def _state_of(self, step: Step, progress: Progress) -> str:
        """The state of the container that is published, "" where there is none, FORGOTTEN where none any more."""
        container = "" if step.part.kind == "comment" else container_in(step, progress)
        if not container:
            return ""
        try:
            return ask_for_container(self.http, container).code
        except Rejected as refused:
            if refused.code not in MADE_AGAIN:
                raise
            return FORGOTTEN

    def _is_sure(self, step: Step, state: str) -> bool:
        """Whether a likeness is ours: a post without words is like many, unless its container says that it is out."""
        return state == PUBLISHED or bool(step.part.text.strip())

    def _list_path(self, step: Step) -> str:
        if step.part.kind == "comment":
            return f"{path_of(step.sent[0].remote_id)}/comments"
        edge = "stories" if step.content.post_type == "story" else "media"
        return f"{path_of(self.target.remote_id)}/{edge}"

    def _list(self, path: str, cursor: str | None, *, since: datetime) -> Page:
        """One page of what the account wrote, newest first."""
        fields = COMMENT_FIELDS if path.endswith("/comments") else POST_FIELDS
        return list_page(
            self.http,
            path,
            cursor,
            params={"fields": fields},
            since=since if path.endswith("/media") else None,
            read=own_post,
            error_from=error_from,
        )


def _is_by_instagram_login(target: Target) -> bool:
    return target.facts.get(LOGIN) == INSTAGRAM_LOGIN
