"""Facebook Pages: from our words to the Graph API and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
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
    Metrics,
    Pending,
    Progress,
    Published,
    Step,
    Target,
)
from integrations.errors import CallFailed, OutcomeUnknown, Rejected, Unavailable
from integrations.platforms.facebook import metrics
from integrations.platforms.facebook.capabilities import CAPABILITIES
from integrations.platforms.facebook.errors import error_from
from integrations.platforms.facebook.reading import POST_FIELDS, has_text, own_post, post_url
from integrations.platforms.facebook.rules import post_problems
from integrations.platforms.facebook.uploads import Pictures, PostVideo, Reel, Videos, VideoStory, failed
from integrations.platforms.facebook.videos import ask_for_video
from integrations.protocols import duplicates
from integrations.protocols.graph import (
    DUPLICATE,
    MEDIA_USED,
    NOT_FOUND,
    auth_of,
    rests_until,
)
from integrations.protocols.graph_nodes import delete_node, list_page, path_of, write_comment
from integrations.protocols.lookback import OwnPost, Page, first_match, own_posts
from integrations.protocols.uploads import ids_in
from integrations.protocols.values import id_in, objects_in
from integrations.sign_in import ClientApp
from integrations.validation import general_problems
from mastablasta.core.errors import FieldProblem
from mastablasta.core.outbound import Auth, Response

MOST_PAGES = 10
# How often Facebook is asked whether a video that it was told to show is there, and for how long.
SHORTEST_WAIT, LONGEST_WAIT, LONGEST_PROCESSING = timedelta(seconds=1), timedelta(seconds=15), timedelta(minutes=30)
# What is kept of a step in `progress`, beside what protocols/duplicates.py keeps: since when a video is finished.
FINISHED_AT = "finished_at"


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
        problems += cls.length_problems(content, target, where="Facebook")
        return problems + post_problems(content)

    def publish(self, step: Step, *, progress: Progress) -> Published | Pending:
        """Make one part visible: a post, a reel or a story of the page, or a comment below it."""
        if step.part.kind == "comment":
            return self._comment(step, progress)
        if _is_film(step):
            return self._film(step, progress)
        pictures = Pictures(self.http, self.target, step.part.media, progress)
        if waits := pictures.go_on():
            return waits
        try:
            return self._story(progress) if step.content.post_type == "story" else self._post(step, progress)
        except Rejected as refused:
            if refused.code != NOT_FOUND or not step.part.media:
                raise
            return pictures.upload_again(refused)

    def reconcile(
        self, step: Step, *, progress: Progress, since: datetime, known: frozenset[str]
    ) -> Found | Absent | CannotTell:
        """Ask for the video by the id that it has had from the beginning; look for others in the page's own lists.

        Facebook refuses the same text twice: what that says of an absence is in `protocols/duplicates.py`.
        """
        if step.part.kind != "comment" and _is_film(step):
            return self._look_for_film(ids_in(progress.data))
        if step.part.kind != "comment" and step.content.post_type == "story":
            return self._look_for_story(ids_in(progress.data))
        since = duplicates.maybe_out_since(progress, since)
        page = partial(self._list, self._list_path(step), since=since)
        posts = own_posts(page, since=since, known=known, most_pages=MOST_PAGES)
        if isinstance(posts, CannotTell):
            return posts
        if found := first_match(posts, *_likenesses(step, ids_in(progress.data))):
            return found.found
        return duplicates.absent(progress, since, label="Facebook")

    def delete(self, remote_id: str) -> None:
        """Source: https://developers.facebook.com/docs/graph-api/reference/post#deleting (read 2026-11-23)."""
        delete_node(self.http, remote_id, error_from=error_from)

    def fetch_metrics(self, refs: Sequence[str]) -> Mapping[str, Metrics]:
        return metrics.fetch(self.http, self.target.remote_id, dict.fromkeys(refs))

    def fetch_account_metrics(self) -> AccountMetrics:
        return metrics.fetch_page(self.http, self.target.remote_id)

    # --- one visible call ---

    def _post(self, step: Step, progress: Progress) -> Published:
        """A text, a link, or pictures that are uploaded: Facebook makes one post of all of them."""
        fields: dict[str, Any] = {"message": step.part.text} if step.part.text else {}
        if link := step.content.options.get("link"):
            fields["link"] = link
        if pictures := ids_in(progress.data):
            fields["attached_media"] = json.dumps([{"media_fbid": remote_id} for remote_id in pictures])
        return self._published(self._visible(f"{path_of(self.target.remote_id)}/feed", fields), progress)

    def _story(self, progress: Progress) -> Published:
        """Source: https://developers.facebook.com/docs/page-stories-api (read 2026-11-23)."""
        fields = {"photo_id": ids_in(progress.data)[0]}
        return self._published(self._visible(f"{path_of(self.target.remote_id)}/photo_stories", fields), progress)

    def _comment(self, step: Step, progress: Progress) -> Published:
        """Source: https://developers.facebook.com/docs/graph-api/reference/object/comments (read 2026-11-23)."""
        root = step.sent[0]
        return write_comment(
            self.http,
            root.remote_id,
            step.part.text,
            read=lambda answer: self._published(answer, progress, url=root.url),
            error_from=lambda answer: self._in_view_of_doubt(error_from(answer), progress),
        )

    def _film(self, step: Step, progress: Progress) -> Published | Pending:
        """Upload a video, tell Facebook to show it, and wait until it does: its word that it will is not enough.

        Told so twice, it is still one video.
        """
        if not progress.data.get(FINISHED_AT):
            film = _film_uploads(step)(self.http, self.target, step.part.media, progress)
            if waits := film.go_on():
                return waits
            try:
                self._finish(step, film)
            except Rejected as refused:
                if refused.code != NOT_FOUND:
                    raise
                return film.upload_again(refused)
            progress.save(**{FINISHED_AT: datetime.now(UTC).isoformat()})
        return self._shown(ids_in(progress.data)[0], datetime.fromisoformat(progress.data[FINISHED_AT]))

    def _finish(self, step: Step, film: Videos) -> None:
        told = {"description": step.part.text, "title": step.content.options.get("title")}
        said = {name: value for name, value in told.items() if value}
        fields = {"upload_phase": "finish", **film.finish_fields(), **said}
        answer = self._visible(f"{path_of(self.target.remote_id)}/{film.edge}", fields)
        if not answer.is_ok:
            raise error_from(answer)
        if answer.fields().get("success") is not True:
            raise answer.in_doubt("does not say that the video is taken", code="no_result")

    def _shown(self, video_id: str, finished_at: datetime) -> Published | Pending:
        state = ask_for_video(self.http, video_id)
        if state.failure:
            raise failed(state.failure)
        if state.is_out:
            return Published(video_id, state.url)
        now = datetime.now(UTC)
        if now - finished_at > LONGEST_PROCESSING:
            raise OutcomeUnknown("Facebook took the video and does not show it yet.", code="not_shown_yet")
        return Pending(now + min(max(now - finished_at, SHORTEST_WAIT), LONGEST_WAIT))

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
        if not (isinstance(failure, Rejected) and failure.code in {DUPLICATE, MEDIA_USED}):
            return failure
        return duplicates.in_doubt(failure, progress, said="Facebook has this text already")

    # --- looking for it ---

    def _look_for_film(self, ids: Collection[str]) -> Found | Absent:
        """Without an id nothing was begun that could be out. Raises Unavailable while Facebook is about to show it."""
        for video_id in ids:
            try:
                state = ask_for_video(self.http, video_id)
            except Rejected as refused:
                if refused.code != NOT_FOUND:
                    raise
                return Absent()
            if state.is_out:
                return Found(video_id, state.url)
            if state.is_coming_out and not state.failure:
                raise Unavailable("Facebook is about to show the video.", code="not_shown_yet")
        return Absent()

    def _look_for_story(self, ids: Collection[str]) -> Found | Absent | CannotTell:
        """Stories are listed only where the page keeps an archive of them, and Facebook does not say whether it does.

        Source: https://developers.facebook.com/docs/page-stories-api (read 2026-11-23).
        """
        if not ids:
            return Absent()
        params = {"fields": "post_id,media_id,url"}
        answer = self.http.get(f"{path_of(self.target.remote_id)}/stories", params=params)
        if not answer.is_ok:
            raise error_from(answer)
        if not isinstance(answer.json(), Mapping):
            raise answer.in_doubt("is not a list of stories", code="unreadable")
        for story in objects_in(answer.fields(), "data"):
            if id_in(story, "media_id") in ids and (post_id := id_in(story, "post_id")):
                return Found(post_id, post_url(post_id, {"permalink_url": story.get("url")}))
        return CannotTell("Facebook lists stories of those pages only that keep an archive of them.")

    def _list_path(self, step: Step) -> str:
        if step.part.kind == "comment":
            return f"{path_of(step.sent[0].remote_id)}/comments"
        return f"{path_of(self.target.remote_id)}/published_posts"

    def _list(self, path: str, cursor: str | None, *, since: datetime) -> Page:
        """One page of what the account wrote, newest first."""
        is_comments = path.endswith("/comments")
        order = {"filter": "stream", "order": "reverse_chronological"} if is_comments else {}
        return list_page(
            self.http,
            path,
            cursor,
            params={"fields": POST_FIELDS[is_comments], **order},
            since=None if is_comments else since,
            read=own_post,
            error_from=error_from,
        )


def _is_film(step: Step) -> bool:
    return any(use.kind == "video" for use in step.part.media)


def _film_uploads(step: Step) -> type[Videos]:
    return {"reel": Reel, "story": VideoStory}.get(step.content.post_type, PostVideo)


def _likenesses(step: Step, uploaded: Collection[str]) -> tuple[Callable[[OwnPost], bool], ...]:
    """What makes a post ours, surest first: the pictures that we uploaded, else its text and how many it carries.

    Without text only the former counts.
    """

    def has_upload(post: OwnPost) -> bool:
        return not post.shown["media"].isdisjoint(uploaded)

    def is_alike(post: OwnPost) -> bool:
        is_long_enough = bool(step.part.text.strip()) or not step.part.media
        return is_long_enough and has_text(post, step.part.text) and len(post.shown["media"]) == len(step.part.media)

    return has_upload, is_alike
