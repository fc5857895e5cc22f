"""X, still called Twitter by its API: from our words to its endpoints and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from integrations.errors import CallFailed, OutcomeUnknown, Rejected, Unavailable
from integrations.platforms.twitter.addresses import post_url
from integrations.platforms.twitter.answers import DUPLICATE, problems_in, refusal, refusal_in, rests_until
from integrations.platforms.twitter.capabilities import (
    CAPABILITIES,
    MAX_CASHTAGS,
    MAX_WEIGHTED,
    MAX_WEIGHTED_SUBSCRIBED,
)
from integrations.platforms.twitter.reading import QUERIES, first_id_of, is_in_place, is_posts, shown_text
from integrations.platforms.twitter.text import cashtags, comparable, has_invalid_characters, weighted_length
from integrations.validation import general_problems, too_long
from mastablasta.core.errors import FieldProblem
from mastablasta.core.outbound import Answer

PAGE = 100
MOST_PAGES = 32  # what a timeline shows: 3,200 posts
ROOT_ONLY = frozenset({"reply_settings"})

# What is kept of a step in `progress`: since when it may be out, and that X has refused it as its own duplicate.
MAYBE_OUT_SINCE = "maybe_out_since"
REFUSED_AS_DUPLICATE = "refused_as_duplicate"


class TwitterConnector(Connector):
    """Source: https://docs.x.com/x-api/posts/create-post (read 2026-11-23)."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES

    @classmethod
    def validate(cls, content: Content, target: Target | None) -> list[FieldProblem]:
        problems = general_problems(content, cls.capabilities, cls.media_rule(content.post_type, target))
        for index, part in enumerate(content.parts):
            measure = cls.measure(content, index, target)
            if measure.length > measure.limit:
                problems.append(too_long(content, index, limit=measure.limit, actual=measure.length, where="X"))
            if has_invalid_characters(part.text):
                message = "X takes no text with the code points U+FFFE, U+FEFF or U+FFFF; remove them."
                problems.append(FieldProblem(part.field, "invalid_characters", message))
            tags = len(cashtags(part.text))
            if tags > MAX_CASHTAGS:
                message = f"X takes at most {MAX_CASHTAGS} cashtag in a post; this has {tags}."
                params = {"limit": MAX_CASHTAGS, "actual": tags}
                problems.append(FieldProblem(part.field, "too_many_cashtags", message, params))
        return problems

    @classmethod
    def measure(cls, content: Content, index: int, target: Target | None) -> Measure:
        """Weighted characters; an account with a paid subscription may write long posts."""
        subscription = str(target.facts.get("subscription_type") or "None") if target else "None"
        limit = MAX_WEIGHTED if subscription == "None" else MAX_WEIGHTED_SUBSCRIBED
        return Measure(weighted_length(content.parts[index].text), limit)

    def publish(self, step: Step, *, progress: Progress) -> Published | Pending:
        """Post one part, as a reply to its parent if it has one.

        X knows no idempotency key. It refuses a text that the account has posted lately: for a first send that is a
        refusal like others; after a send that may have got through it is the hint that it did (see `reconcile`).
        """
        answer = self.http.post("/2/tweets", json=_body(step), visible=True)
        if not answer.is_ok:
            raise self._in_view_of_doubt(refusal(answer), progress)
        remote_id = _created_id(answer)
        if not remote_id:
            raise self._in_view_of_doubt(refusal_in(answer), progress)
        return Published(remote_id, self._url(remote_id), rests_until=rests_until(answer))

    def resume(self, step: Step, *, progress: Progress) -> Published | Pending:
        """Text is never pending here."""
        return self.publish(step, progress=progress)

    def reconcile(
        self, step: Step, *, progress: Progress, since: datetime, known: frozenset[str]
    ) -> Found | Absent | CannotTell:
        """Look for it in the account's own list: the oldest post with this text in this place.

        What is not there may be sent again, and this is noted with the time from which on it may be out after all.
        When X then refuses it as a duplicate, it has the post and does not show it yet: from there on absence is not
        believed, nothing is sent again, the look-ups go on, and in the end a person decides.
        """
        noted = progress.data.get(MAYBE_OUT_SINCE)
        maybe_out_since = min(since, datetime.fromisoformat(noted)) if noted else since
        looked = self._look_for(step, since=maybe_out_since, known=known)
        if not isinstance(looked, Absent):
            return looked
        if progress.data.get(REFUSED_AS_DUPLICATE):
            raise Unavailable("X has a post with this text, but does not show it yet.", code="not_shown_yet")
        if not noted:
            progress.save(**{MAYBE_OUT_SINCE: maybe_out_since.isoformat()})
        return Absent()

    def delete(self, remote_id: str) -> None:
        """Source: https://docs.x.com/x-api/posts/delete-post (read 2026-11-23)."""
        answer = self.http.delete(f"/2/tweets/{quote(remote_id, safe='')}")
        if answer.is_ok:
            fields = answer.fields()
            data = fields.get("data")
            is_gone = any(problem.type == "resource-not-found" for problem in problems_in(fields))
            if not is_gone and not (isinstance(data, dict) and data.get("deleted") is True):
                raise refusal_in(answer)
        elif answer.status != 404:
            raise refusal(answer)

    def _in_view_of_doubt(self, failure: CallFailed, progress: Progress) -> CallFailed:
        """A duplicate of something that we may have sent ourselves is no refusal, but to be looked for."""
        if failure.code != DUPLICATE or MAYBE_OUT_SINCE not in progress.data:
            return failure
        progress.save(**{REFUSED_AS_DUPLICATE: True})
        sentence = "X says that it has this text already: what was sent before seems to have got through."
        return OutcomeUnknown(sentence, code=DUPLICATE, http_status=failure.http_status)

    def _look_for(self, step: Step, *, since: datetime, known: frozenset[str]) -> Found | Absent | CannotTell:
        wanted, first_id = comparable(step.part.text), first_id_of(since)
        found: list[int] = []
        try:
            found += (
                int(post["id"])
                for post in self._own_posts(first_id)
                if int(post["id"]) > first_id
                and post["id"] not in known
                and is_in_place(post, step)
                and shown_text(post) == wanted
            )
        except _CannotLook as reason:
            return CannotTell(str(reason))
        if not found:
            return Absent()
        remote_id = str(min(found))  # of two equal ones, ours was made right after the mark
        return Found(remote_id, self._url(remote_id))

    def _own_posts(self, first_id: int) -> Iterator[Mapping[str, Any]]:
        """The account's posts after `first_id`, newest first. Raises _CannotLook.

        Not its search, which lags. Source: https://docs.x.com/x-api/users/get-posts (read 2026-11-23).
        """
        params: dict[str, Any] = {"max_results": PAGE, "since_id": str(first_id), "exclude": "retweets"}
        for _ in range(MOST_PAGES):
            read = self._page(params)
            yield from read.get("data") or ()
            meta = read.get("meta")
            next_token = meta.get("next_token") if isinstance(meta, dict) else None
            if not next_token:
                return
            params["pagination_token"] = str(next_token)
        raise _CannotLook(f"more than {PAGE * MOST_PAGES} posts since then")

    def _page(self, params: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._asked(params)
        read = answer.fields()
        if answer.is_ok and (is_posts(read.get("data")) or ("data" not in read and isinstance(read.get("meta"), dict))):
            return read
        failure = refusal_in(answer) if answer.is_ok else refusal(answer)
        if isinstance(failure, Rejected):
            raise _CannotLook(failure.message)
        raise failure

    def _asked(self, params: Mapping[str, Any]) -> Answer:
        """The answer to the first query that X understands: its names changed once without notice."""
        path = f"/2/users/{quote(self.target.remote_id, safe='')}/tweets"
        for query in QUERIES:
            answer = self.http.get(path, params={**params, **query})
            if answer.status != 400:
                break
        return answer

    def _url(self, remote_id: str) -> str:
        return post_url(self.target.base_url, self.target.handle, remote_id)


class _CannotLook(Exception):
    pass


def _body(step: Step) -> dict[str, Any]:
    """What X is sent: only keys that it knows, and none that is null, since it refuses both."""
    offered: Mapping[str, Any] = CAPABILITIES.options["properties"]
    body: dict[str, Any] = {"text": step.part.text}
    for name, value in step.content.options.items():
        if name in offered and value is not None and not (step.sent and name in ROOT_ONLY):
            body[name] = value
    if step.parent is not None:
        body["reply"] = {"in_reply_to_tweet_id": step.parent.remote_id}
    return body


def _created_id(answer: Answer) -> str:
    read = answer.json()
    data = read.get("data") if isinstance(read, dict) else None
    remote_id = data.get("id") if isinstance(data, dict) else None
    return remote_id if isinstance(remote_id, str) else ""
