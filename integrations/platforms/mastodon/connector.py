"""Mastodon, and servers that speak its API: from our words to its endpoints and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
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
    Metrics,
    Pending,
    Progress,
    Published,
    Step,
    Target,
)
from integrations.platforms.mastodon import metrics
from integrations.platforms.mastodon.capabilities import CAPABILITIES
from integrations.platforms.mastodon.errors import error_from, rests_until
from integrations.platforms.mastodon.limits import limit_at, mastodon_version, media_rule_of
from integrations.platforms.mastodon.rules import post_problems, status_id_of
from integrations.platforms.mastodon.uploads import MAYBE_OUT, StatusMedia
from integrations.protocols.lookback import OwnPost, Page, first_match, own_posts, posts_in
from integrations.protocols.mastodon_text import comparable, comparable_shown, counted_length, words_of
from integrations.protocols.uploads import ids_in
from integrations.protocols.values import id_in, moment_of, object_in, objects_in, text_in
from integrations.validation import general_problems
from mastablasta.core.errors import FieldProblem
from mastablasta.core.media_rules import MediaRule

PAGE = 40
MOST_PAGES = 25
MOST_SOURCES = 60
DEFAULT_POLL_S = 86_400
OF_EVERY_PART = ("visibility", "spoiler_text", "sensitive", "language", "quote_approval_policy")
URL = ("url", "uri")  # the first may be null at odd servers


class MastodonConnector(Connector):
    """Source: https://docs.joinmastodon.org/methods/statuses/ (read 2026-11-23)."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES

    @classmethod
    def validate(cls, content: Content, target: Target | None) -> list[FieldProblem]:
        rule = cls.media_rule(content.post_type, target)
        problems = general_problems(content, cls.capabilities_at(target), rule)
        problems += cls.length_problems(content, target, where=target.host if target else cls.capabilities.label)
        return [*problems, *post_problems(content, target)]

    @classmethod
    def measure(cls, content: Content, index: int, target: Target | None) -> Measure:
        """Graphemes of the warning and the text, by the server's own limits."""
        length = counted_length(
            content.parts[index].text,
            spoiler_text=text_in(content.options, "spoiler_text"),
            characters_per_url=limit_at(target, "characters_reserved_per_url"),
        )
        return Measure(length, limit_at(target, "max_characters"))

    @classmethod
    def media_rule(cls, post_type: str, target: Target | None) -> MediaRule | None:
        """What the server says that it takes."""
        return super().media_rule(post_type, target) and media_rule_of(target.info.get("limits", {}) if target else {})

    @classmethod
    def hold_s(cls, target: Target) -> int:
        """Mastodon itself knows our key for an hour; other software may not heed it, as Takahe 0.11 does not."""
        heeds_keys = mastodon_version(str(target.info.get("version", ""))) > (0, 0, 0)
        return 0 if heeds_keys else cls.capabilities.hold_s

    def publish(self, step: Step, *, progress: Progress) -> Published | Pending:
        """Post one part, as a reply to its parent if it has one, once its files are uploaded and ready.

        It carries the step's key as Idempotency-Key, which Mastodon remembers for an hour. Forks may not
        (Takahe 0.11 does not), so a doubt is settled by `reconcile`, never by sending again.
        Source: https://docs.joinmastodon.org/methods/statuses/#create (read 2026-11-23).
        """
        focus = () if step.sent else step.content.options.get("focus") or ()
        media = StatusMedia(self.http, self.target, step.part.media, progress, focus=focus)
        if waits := media.go_on():
            return waits
        body = {"status": step.part.text, **self._options_of(step)}
        if step.part.media:
            body["media_ids"] = ids_in(progress.data)
        if step.parent is not None:
            body["in_reply_to_id"] = step.parent.remote_id
        answer = self.http.post("/api/v1/statuses", json=body, headers={"Idempotency-Key": step.key}, visible=True)
        if not answer.is_ok:
            return media.after(error_from(answer))
        status = answer.json()
        if not id_in(status):
            raise answer.in_doubt("names no id of the new status", code="no_id")
        return Published(id_in(status), text_in(status, *URL), rests_until=rests_until(answer))

    def reconcile(
        self, step: Step, *, progress: Progress, since: datetime, known: frozenset[str]
    ) -> Found | Absent | CannotTell:
        """Look for it among our own statuses; the server cannot be asked by key.

        That it was looked for in vain is noted where it has files, since each goes into one status only: if they are
        gone when it is sent again, it is out after all.
        """
        posts = own_posts(self._page, since=since, known=known, most_pages=MOST_PAGES)
        looked = posts if isinstance(posts, CannotTell) else self._look_for(step, ids_in(progress.data), posts)
        if isinstance(looked, Absent) and step.part.media:
            progress.save(**{MAYBE_OUT: True})
        return looked

    def delete(self, remote_id: str) -> None:
        """Source: https://docs.joinmastodon.org/methods/statuses/#delete (read 2026-11-23)."""
        answer = self.http.delete(f"/api/v1/statuses/{quote(remote_id, safe='')}")
        if not answer.is_ok and answer.status not in {404, 410}:
            raise error_from(answer)

    @classmethod
    def metrics_batch(cls, target: Target) -> int:
        """Servers before Mastodon 4.3, and other software, tell of one status a call."""
        version = mastodon_version(str(target.info.get("version", "")))
        return super().metrics_batch(target) if version >= metrics.MANY_SINCE else 1

    def fetch_metrics(self, refs: Sequence[str]) -> Mapping[str, Metrics]:
        if not refs:
            return {}
        return metrics.fetch_many(self.http, refs) if len(refs) > 1 else metrics.fetch_one(self.http, refs[0])

    def fetch_account_metrics(self) -> AccountMetrics:
        return metrics.fetch_account(self.http)

    def _options_of(self, step: Step) -> dict[str, Any]:
        """What of the post's options goes with this part, as the server names it."""
        options = step.content.options
        body = {name: options[name] for name in OF_EVERY_PART if name in options}
        if quoted := self._quoted(step):
            body["quoted_status_id"] = quoted
        if _has_poll(step):
            shortest, longest = (limit_at(self.target, f"{end}_expiration") for end in ("min", "max"))
            lasts = options.get("poll_expires_in") or min(max(DEFAULT_POLL_S, shortest), longest)
            also = {name: options[f"poll_{name}"] for name in ("multiple", "hide_totals") if f"poll_{name}" in options}
            body["poll"] = {"options": options["poll_options"], "expires_in": lasts, **also}
        return body

    def _quoted(self, step: Step) -> str:
        """The id of the status that this part quotes; "" = none."""
        named = "" if step.sent else text_in(step.content.options, "quoted_status_id")
        return status_id_of(named, self.target)

    def _look_for(self, step: Step, media_ids: Sequence[str], posts: Sequence[OwnPost]) -> Found | Absent | CannotTell:
        """A status with our very files is ours; else the oldest with our text, and as many files, in this place."""
        quoted = self._quoted(step)
        alike = [post for post in posts if _is_alike(post.shown, step) and _quotes(post.shown, quoted)]
        if ours := first_match(alike, lambda post: bool(media_ids) and _files_of(post.shown) == sorted(media_ids)):
            return ours.found
        words = words_of(step.part.text)
        alike.sort(key=lambda post: comparable_shown(text_in(post.shown, "content")) != words)  # likely ones first
        found = first_match(alike[:MOST_SOURCES], lambda post: self._has_text(post.shown, step.part.text))
        if found and not words:
            return CannotTell("a status without text, with as many files, could be it")
        if found:
            return found.found
        return CannotTell(f"more than {MOST_SOURCES} statuses could be it") if len(alike) > MOST_SOURCES else Absent()

    def _page(self, cursor: str | None) -> Page:
        """Source: https://docs.joinmastodon.org/methods/accounts/#statuses (read 2026-11-23)."""
        params = {"limit": PAGE, "exclude_reblogs": "true", **({"max_id": cursor} if cursor else {})}
        answer = self.http.get(f"/api/v1/accounts/{quote(self.target.remote_id, safe='')}/statuses", params=params)
        if not answer.is_ok:
            raise error_from(answer)
        posts = posts_in(answer, answer.json(), _own_post)
        return posts, posts[-1].remote_id if posts else None

    def _has_text(self, status: Mapping[str, Any], text: str) -> bool:
        """Whether a status of ours was made from this text; by its source, or by its words where there is none.

        Source: https://docs.joinmastodon.org/methods/statuses/#source (read 2026-11-23).
        """
        answer = self.http.get(f"/api/v1/statuses/{quote(id_in(status), safe='')}/source")
        if answer.status in {401, 429} or answer.server_trouble:
            raise error_from(answer)
        source = answer.fields().get("text") if answer.is_ok else None
        if isinstance(source, str):
            return comparable(source) == comparable(text)
        return comparable_shown(text_in(status, "content")) == words_of(text)


def _own_post(status: Any) -> OwnPost | None:
    made_at = moment_of(status.get("created_at")) if id_in(status) else None
    return OwnPost(id_in(status), text_in(status, *URL), made_at, status) if made_at else None


def _has_poll(step: Step) -> bool:
    return not step.sent and bool(step.content.options.get("poll_options"))


def _is_alike(status: Mapping[str, Any], step: Step) -> bool:
    """Whether it answers what this part answers, with the same warning, and as many files as far as it shows any; and
    whether it asks something, too."""
    files = _files_of(status)
    warnings = {comparable(text_in(said, "spoiler_text")) for said in (status, step.content.options)}
    return (
        id_in(status, "in_reply_to_id") == (step.parent.remote_id if step.parent else "")
        and len(warnings) == 1
        and ("poll" not in status or bool(status["poll"]) == _has_poll(step))
        and (files is None or len(files) == len(step.part.media))
    )


def _quotes(status: Mapping[str, Any], quoted: str) -> bool:
    """Whether it quotes this status ("" = none), as far as the server shows what it quotes."""
    if "quote" not in status:
        return True
    shown = object_in(status, "quote")
    shown_id = id_in(object_in(shown, "quoted_status")) or id_in(shown, "quoted_status_id")
    return bool(shown) == bool(quoted) and shown_id in {"", quoted}


def _files_of(status: Mapping[str, Any]) -> list[str] | None:
    """The ids of its files, sorted; None at a server that does not show them."""
    files = objects_in(status, "media_attachments")
    return sorted(id_in(file) for file in files) if isinstance(status.get("media_attachments"), list) else None
