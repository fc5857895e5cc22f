"""YouTube: from our words to the Data API and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar
from urllib.parse import quote

from integrations.capabilities import Capabilities
from integrations.contract import (
    Absent,
    AccountMetrics,
    CannotTell,
    Connector,
    Content,
    Found,
    Measure,
    MediaUse,
    Metrics,
    Pending,
    Progress,
    Published,
    Step,
    Target,
)
from integrations.errors import CallFailed, OperatorProblem, OutcomeUnknown, Rejected
from integrations.platforms.youtube import metrics
from integrations.platforms.youtube.addresses import comment_url, video_url
from integrations.platforms.youtube.capabilities import CAPABILITIES, LONGEST_UNVERIFIED_S, MAX_COMMENT
from integrations.platforms.youtube.captions import add_captions
from integrations.platforms.youtube.errors import NOT_FOUND, error_from
from integrations.platforms.youtube.extras import add_to_playlist, set_thumbnail
from integrations.platforms.youtube.reading import THREADS, has_text, own_comments, own_videos
from integrations.platforms.youtube.rules import post_problems
from integrations.platforms.youtube.uploads import Film
from integrations.platforms.youtube.videos import (
    PATH,
    PRIVATE,
    ask_for_video,
    cover_of,
    film_of,
    is_short,
    parts_of,
    privacy_of,
    shown,
    title_of,
)
from integrations.protocols.captions import captions_of
from integrations.protocols.lookback import OwnPost, first_match, own_posts
from integrations.protocols.uploads import kept_in
from integrations.protocols.values import id_in, object_in, text_in
from integrations.validation import general_problems
from mastablasta.core.errors import FieldProblem
from mastablasta.core.media_rules import MediaRule

MOST_PAGES = 20
CAPTIONS_MISSING = "captions_missing"
SKEW = timedelta(minutes=5)


class YouTubeConnector(Connector):
    """A video is uploaded as private, watched until people could see it, dressed, and then shown by one call; captions
    come last.

    So nobody sees it half-made; what is lost on the way leaves nothing that people see; and since the video has its id
    before it is shown, showing it twice shows one video. The price: 50 units of the quota.

    Source: https://developers.google.com/youtube/v3/docs/videos (read 2026-11-23).
    """

    capabilities: ClassVar[Capabilities] = CAPABILITIES

    @classmethod
    def validate(cls, content: Content, target: Target | None) -> list[FieldProblem]:
        rule = cls.media_rule(content.post_type, target)
        return general_problems(content, cls.capabilities_at(target), rule) + post_problems(content)

    @classmethod
    def measure(cls, content: Content, index: int, target: Target | None) -> Measure:
        """Bytes of the video's text, characters of a comment."""
        text = content.parts[index].text
        if index > 0:
            return Measure(len(text), MAX_COMMENT)
        return Measure(len(text.encode()), cls.capabilities_at(target).text.limit)

    @classmethod
    def media_rule(cls, post_type: str, target: Target | None) -> MediaRule | None:
        """A quarter of an hour at most for a channel that is not verified by phone."""
        rule = super().media_rule(post_type, target)
        is_unverified = target is not None and target.facts.get("long_uploads") in {"eligible", "disallowed"}
        if not is_unverified or rule is None or rule.videos is None:
            return rule
        longest = min(rule.videos.max_duration_s or LONGEST_UNVERIFIED_S, LONGEST_UNVERIFIED_S)
        return replace(rule, videos=replace(rule.videos, max_duration_s=longest))

    @classmethod
    def reconcile_needs(cls, use: MediaUse) -> bool:
        """A video that is out may lack its captions."""
        return use.role == "captions"

    def publish(self, step: Step, *, progress: Progress) -> Published | Pending:
        """Make a video visible, or a comment below it."""
        if step.part.kind == "comment":
            return self._comment(step)
        film = Film(self.http, self.target, step, progress, look_up=partial(self._find_draft, step))
        if waits := film.go_on():
            return waits
        try:
            set_thumbnail(self.http, film.video_id, cover_of(step.part), progress)
            add_to_playlist(self.http, film.video_id, step.content.options.get("playlist_id"), progress)
            published = self._show(step, film.video_id)
        except Rejected as refused:
            if refused.code != NOT_FOUND:
                raise
            return film.upload_again(refused)
        try:
            self._add_captions(step, film.video_id, progress)
        except CallFailed as failure:
            # The video is out, which no other failure may deny; whoever looks it up adds the captions.
            sentence = f"The video is out, but not yet its captions: {failure.message}"
            raise OutcomeUnknown(sentence, code=CAPTIONS_MISSING, http_status=failure.http_status) from failure
        return published

    def reconcile(
        self, step: Step, *, progress: Progress, since: datetime, known: frozenset[str]
    ) -> Found | Absent | CannotTell:
        """Ask for the video by the id that it has had since it was uploaded; look for a comment below its video.

        A video that still says what its draft said was not shown, nor was one that is kept private against our will: to
        show it again does no harm. Where its id is not known, the channel's own videos are looked through for one with
        its title and text. What is out gets the captions that it lacks; where YouTube takes none of them, a person has
        to look.
        """
        looked = self._looked_for(step, progress, since, known)
        if isinstance(looked, Found) and step.part.kind != "comment":
            try:
                self._add_captions(step, looked.remote_id, progress)
            except Rejected as refused:
                return CannotTell(f"the video is out, but without its captions ({refused.message})")
        return looked

    def _looked_for(
        self, step: Step, progress: Progress, since: datetime, known: frozenset[str]
    ) -> Found | Absent | CannotTell:
        if step.part.kind == "comment":
            page = partial(own_comments, self.http, self.target, step.sent[0].remote_id)
            posts = own_posts(page, since=since, known=known, most_pages=MOST_PAGES)
            return _first(posts, lambda post: has_text(post.shown["text"], step.part))
        video_id = str(kept_in(progress.data).get(0, {}).get("id") or "")
        if not video_id:
            page = partial(own_videos, self.http, self.target)
            posts = own_posts(page, since=since, known=known, most_pages=MOST_PAGES)
            return _first(posts, lambda post: _is_shown(post, step))
        state = ask_for_video(self.http, video_id)
        is_kept_private = state is not None and state.privacy == PRIVATE != privacy_of(step.content.options)
        if state is None or state.description == step.key or is_kept_private:
            return Absent()
        return Found(video_id, self._url(step, video_id))

    def delete(self, remote_id: str) -> None:
        """Take back a video, with all that is below it, or a comment.

        Sources: https://developers.google.com/youtube/v3/docs/videos/delete and …/docs/comments/delete
        (read 2026-11-23).
        """
        is_video = metrics.VIDEO_ID.fullmatch(remote_id) is not None
        path = PATH if is_video else "/youtube/v3/comments"
        answer = self.http.delete(f"{path}?id={quote(remote_id, safe='')}")
        if answer.is_ok:
            return
        failure = error_from(answer)
        if failure.code != NOT_FOUND:
            raise failure

    def fetch_metrics(self, refs: Sequence[str]) -> Mapping[str, Metrics]:
        return metrics.fetch(self.http, refs)

    def fetch_account_metrics(self) -> AccountMetrics:
        return metrics.fetch_channel(self.http)

    # --- one visible call ---

    def _show(self, step: Step, video_id: str) -> Published:
        """Give the video its text and let people see it; done twice it is the same.

        Source: https://developers.google.com/youtube/v3/docs/videos/update (read 2026-11-23).
        """
        wanted = shown(step, video_id)
        answer = self.http.put(PATH, params={"part": parts_of(wanted)}, json=wanted, visible=True)
        if not answer.is_ok:
            raise error_from(answer)
        made = answer.json()
        if id_in(made) != video_id:
            raise answer.in_doubt("is not about the video", code="no_id")
        privacy = text_in(object_in(made, "status"), "privacyStatus")
        if privacy == PRIVATE != wanted["status"]["privacyStatus"]:
            sentence = (
                "YouTube keeps the video private, as it does with those of projects at Google that it has not audited. "
                "It is uploaded; ask for the audit, or make it public at YouTube."
            )
            raise OperatorProblem(sentence, code="privacy_forced", http_status=answer.status)
        return Published(video_id, self._url(step, video_id))

    def _add_captions(self, step: Step, video_id: str, progress: Progress) -> None:
        add_captions(self.http, video_id, captions_of(step.content, len(step.sent)), progress)

    def _comment(self, step: Step) -> Published:
        """Source: https://developers.google.com/youtube/v3/docs/commentThreads/insert (read 2026-11-23)."""
        video_id = step.sent[0].remote_id
        comment = {"snippet": {"textOriginal": step.part.text}}
        thread = {"channelId": self.target.remote_id, "videoId": video_id, "topLevelComment": comment}
        answer = self.http.post(THREADS, params={"part": "snippet"}, json={"snippet": thread}, visible=True)
        if not answer.is_ok:
            raise error_from(answer)
        made = answer.json()
        comment_id = id_in(object_in(object_in(made, "snippet"), "topLevelComment")) or id_in(made)
        if not comment_id:
            raise answer.in_doubt("names no comment", code="no_id")
        return Published(comment_id, comment_url(video_id, comment_id))

    # --- looking for it ---

    def _find_draft(self, step: Step, begun_at: datetime) -> str:
        """The private video that says the step's key; "" = there is none."""
        page = partial(own_videos, self.http, self.target)
        posts = own_posts(page, since=begun_at - SKEW, known=frozenset(), most_pages=MOST_PAGES)
        found = None if isinstance(posts, CannotTell) else first_match(posts, lambda post: _is_draft(post, step))
        return found.remote_id if found else ""

    def _url(self, step: Step, video_id: str) -> str:
        return video_url(video_id, is_short=is_short(film_of(step.part)))


def _first(posts: list[OwnPost] | CannotTell, is_ours: Callable[[OwnPost], bool]) -> Found | Absent | CannotTell:
    if isinstance(posts, CannotTell):
        return posts
    found = first_match(posts, is_ours)
    return found.found if found else Absent()


def _is_draft(post: OwnPost, step: Step) -> bool:
    return bool(post.shown["description"] == step.key)


def _is_shown(post: OwnPost, step: Step) -> bool:
    is_same = post.shown["title"] == title_of(step.content) and has_text(post.shown["description"], step.part)
    return is_same and post.shown["privacy"] != PRIVATE
