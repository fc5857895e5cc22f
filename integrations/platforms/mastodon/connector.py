"""Mastodon, and servers that speak its API: from our words to its endpoints and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from integrations.capabilities import Capabilities
from integrations.contract import (
    Absent,
    CannotTell,
    Connector,
    Content,
    Found,
    Measure,
    Pending,
    Progress,
    Published,
    Step,
    Target,
)
from integrations.platforms.mastodon.capabilities import CAPABILITIES
from integrations.platforms.mastodon.errors import error_from, rests_until, status_of, time_of
from integrations.platforms.mastodon.limits import CHARACTERS_PER_URL, MAX_CHARACTERS, media_rule_of
from integrations.platforms.mastodon.text import comparable, comparable_shown, counted_length, words_of
from integrations.platforms.mastodon.uploads import MAYBE_OUT, Uploads, ids_in
from integrations.validation import general_problems
from mastablasta.core.errors import FieldProblem
from mastablasta.core.media_rules import MediaRule

PAGE = 40
MOST_PAGES = 25
MOST_SOURCES = 60


class MastodonConnector(Connector):
    """Source: https://docs.joinmastodon.org/methods/statuses/ (read 2026-11-23)."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES

    @classmethod
    def validate(cls, content: Content, target: Target | None) -> list[FieldProblem]:
        problems = general_problems(content, cls.capabilities, cls.media_rule(content.post_type, target))
        where = target.host if target else cls.capabilities.label
        return problems + cls.length_problems(content, target, where=where)

    @classmethod
    def measure(cls, content: Content, index: int, target: Target | None) -> Measure:
        """Graphemes of the warning and the text, by the server's own limits."""
        limits = target.info.get("limits", {}) if target else {}
        spoiler_text = content.options.get("spoiler_text", "")
        length = counted_length(
            content.parts[index].text,
            spoiler_text=spoiler_text if isinstance(spoiler_text, str) else "",
            characters_per_url=int(limits.get("characters_reserved_per_url", CHARACTERS_PER_URL)),
        )
        return Measure(length, int(limits.get("max_characters", MAX_CHARACTERS)))

    @classmethod
    def media_rule(cls, post_type: str, target: Target | None) -> MediaRule | None:
        """What the server says that it takes."""
        if super().media_rule(post_type, target) is None:
            return None
        return media_rule_of(target.info.get("limits", {}) if target else {})

    def publish(self, step: Step, *, progress: Progress) -> Published | Pending:
        """Post one part, as a reply to its parent if it has one, once its files are uploaded and ready.

        It carries the step's key as Idempotency-Key, which Mastodon remembers for an hour. Forks may not
        (Takahe 0.11 does not), so a doubt is settled by `reconcile`, never by sending again.
        Source: https://docs.joinmastodon.org/methods/statuses/#create (read 2026-11-23).
        """
        uploads = Uploads(self.http, step.part.media, progress)
        waits = uploads.go_on()
        if waits is not None:
            return waits
        body: dict[str, Any] = {"status": step.part.text, **step.content.options}
        if step.part.media:
            body["media_ids"] = ids_in(progress.data)
        if step.parent is not None:
            body["in_reply_to_id"] = step.parent.remote_id
        answer = self.http.post("/api/v1/statuses", json=body, headers={"Idempotency-Key": step.key}, visible=True)
        if not answer.is_ok:
            failure = error_from(answer)
            waits = uploads.after(failure) if step.part.media else None
            if waits is None:
                raise failure
            return waits
        status = status_of(answer.json())
        if status is None:
            raise answer.in_doubt("names no id of the new status", code="no_id")
        return Published(status["remote_id"], status["url"], rests_until=rests_until(answer))

    def reconcile(
        self, step: Step, *, progress: Progress, since: datetime, known: frozenset[str]
    ) -> Found | Absent | CannotTell:
        """Look for it among our own statuses; the server cannot be asked by key.

        That it was looked for in vain is noted where it has files, since each goes into one status only: if they are
        gone when it is sent again, it is out after all.
        """
        looked = self._look_for(step, ids_in(progress.data), since=since, known=known)
        if isinstance(looked, Absent) and step.part.media:
            progress.save(**{MAYBE_OUT: True})
        return looked

    def delete(self, remote_id: str) -> None:
        """Source: https://docs.joinmastodon.org/methods/statuses/#delete (read 2026-11-23)."""
        answer = self.http.delete(f"/api/v1/statuses/{_quoted(remote_id)}")
        if not answer.is_ok and answer.status not in {404, 410}:
            raise error_from(answer)

    def _look_for(
        self, step: Step, media_ids: Sequence[str], *, since: datetime, known: frozenset[str]
    ) -> Found | Absent | CannotTell:
        """A status with our very files is ours; else the oldest with our text, and as many files, in this place."""
        part = step.part
        parent = step.parent.remote_id if step.parent else None
        spoiler = comparable(str(step.content.options.get("spoiler_text") or ""))
        candidates: list[Mapping[str, Any]] = []
        try:
            for status in self._own_statuses(since):
                if (
                    str(status["id"]) not in known
                    and _id_or_none(status.get("in_reply_to_id")) == parent
                    and comparable(str(status.get("spoiler_text") or "")) == spoiler
                    and _is_number_of_files(status, len(part.media))
                ):
                    candidates.append(status)
        except _TooMany:
            return CannotTell(f"more than {PAGE * MOST_PAGES} statuses since then")
        for status in candidates:
            if media_ids and sorted(_file_ids(status)) == sorted(media_ids):
                return Found(str(status["id"]), _url_of(status))
        # Oldest first: of two equal ones, ours was made right after the mark. Likely ones before the others.
        wanted = words_of(part.text)
        candidates.sort(
            key=lambda status: (
                comparable_shown(str(status.get("content") or "")) != wanted,
                time_of(status["created_at"]),
                str(status["id"]),
            )
        )
        for status in candidates[:MOST_SOURCES]:
            if self._has_text(status, part.text):
                if not wanted:
                    return CannotTell("a status without text, with as many files, could be it")
                return Found(str(status["id"]), _url_of(status))
        if len(candidates) > MOST_SOURCES:
            return CannotTell(f"more than {MOST_SOURCES} statuses could be it")
        return Absent()

    def _own_statuses(self, since: datetime) -> Iterator[Mapping[str, Any]]:
        """Our account's statuses that are not older than `since`, newest first. Raises _TooMany.

        Source: https://docs.joinmastodon.org/methods/accounts/#statuses (read 2026-11-23).
        """
        params: dict[str, Any] = {"limit": PAGE, "exclude_reblogs": "true"}
        for _ in range(MOST_PAGES):
            answer = self.http.get(f"/api/v1/accounts/{_quoted(self.target.remote_id)}/statuses", params=params)
            if not answer.is_ok:
                raise error_from(answer)
            page = answer.json()
            if not _is_list_of_statuses(page):
                raise answer.in_doubt("is not a list of statuses", code="unreadable")
            for status in page:
                if _made_at(status) < since:
                    return
                yield status
            if not page:
                return
            params["max_id"] = str(page[-1]["id"])
        raise _TooMany

    def _has_text(self, status: Mapping[str, Any], text: str) -> bool:
        """Whether a status of ours was made from this text; by its source, or by its words where there is none.

        Source: https://docs.joinmastodon.org/methods/statuses/#source (read 2026-11-23).
        """
        answer = self.http.get(f"/api/v1/statuses/{_quoted(str(status['id']))}/source")
        if answer.status in {401, 429} or answer.server_trouble:
            raise error_from(answer)
        source = answer.fields().get("text") if answer.is_ok else None
        if isinstance(source, str):
            return comparable(source) == comparable(text)
        return comparable_shown(str(status.get("content") or "")) == words_of(text)


class _TooMany(Exception):
    pass


def _is_number_of_files(status: Mapping[str, Any], count: int) -> bool:
    """Whether it shows so many; a server that shows none at all does not tell."""
    shown = status.get("media_attachments")
    return len(shown) == count if isinstance(shown, list) else True


def _file_ids(status: Mapping[str, Any]) -> list[str]:
    shown = status.get("media_attachments")
    return [str(one.get("id")) for one in shown if isinstance(one, Mapping)] if isinstance(shown, list) else []


def _url_of(status: Mapping[str, Any]) -> str:
    named = status_of(status)
    return named["url"] if named else ""


def _is_list_of_statuses(read: Any) -> bool:
    return isinstance(read, list) and all(
        isinstance(status, dict) and status.get("id") and time_of(status.get("created_at")) for status in read
    )


def _made_at(status: Mapping[str, Any]) -> datetime:
    made = time_of(status["created_at"])
    assert made is not None  # noqa: S101  _is_list_of_statuses
    return made


def _quoted(remote_id: str) -> str:
    return quote(remote_id, safe="")


def _id_or_none(value: Any) -> str | None:
    return None if value in (None, "") else str(value)
