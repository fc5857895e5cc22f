"""Bluesky, and every service that speaks its protocol: from our words to records and back.

A post is a record under a key of our own choosing, written only if nothing is there: sent twice it is there once, and
whether it is there can be asked at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
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
    SentPart,
    Step,
    Target,
)
from integrations.errors import CallFailed, OutcomeUnknown, Rejected
from integrations.platforms.bluesky import metrics
from integrations.platforms.bluesky.addresses import post_url
from integrations.platforms.bluesky.capabilities import CAPABILITIES, MAX_BYTES, MAX_GRAPHEMES
from integrations.platforms.bluesky.cards import card_embed, has_card, lacks_words, without_picture, words_of_page
from integrations.platforms.bluesky.errors import BLOB_GONE, error_from, error_name, rests_until
from integrations.platforms.bluesky.gates import Rules, gates_of
from integrations.platforms.bluesky.keys import record_key
from integrations.platforms.bluesky.media import PostMedia, embed_of, within
from integrations.platforms.bluesky.quotes import has_quote, with_quote
from integrations.platforms.bluesky.rules import post_problems
from integrations.platforms.bluesky.text import facets, graphemes, has_mentions
from integrations.protocols.captions import captions_of
from integrations.protocols.uploads import Kept
from integrations.protocols.values import object_in, text_in
from integrations.validation import general_problems
from mastablasta.core.errors import FieldProblem
from mastablasta.core.media_rules import MediaRule
from mastablasta.core.outbound import Response

POSTS = "app.bsky.feed.post"
PUT = "/xrpc/com.atproto.repo.putRecord"
GET = "/xrpc/com.atproto.repo.getRecord"
DELETE = "/xrpc/com.atproto.repo.deleteRecord"
GATE_MISSING = "gate_missing"
NEED_FURTHER_CALLS = ("link", "quote", "threadgate", "postgate")
RESOLVE = "/xrpc/com.atproto.identity.resolveHandle"


class BlueskyConnector(Connector):
    """Source: https://docs.bsky.app/docs/api/com-atproto-repo-put-record (read 2026-11-23)."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES

    @classmethod
    def validate(cls, content: Content, target: Target | None) -> list[FieldProblem]:
        rule = cls.media_rule(content.post_type, target)
        problems = general_problems(content, cls.capabilities_at(target), rule)
        too_long = cls.length_problems(content, target, where="Bluesky")
        named = {problem.field for problem in too_long}
        for part in content.parts:
            size = len(part.text.encode())
            if size > MAX_BYTES and part.field not in named:
                message = f"Bluesky takes at most {MAX_BYTES} bytes of text; this has {size}."
                params = {"limit": MAX_BYTES, "actual": size}
                problems.append(FieldProblem(part.field, "too_many_bytes", message, params))
        return [*problems, *too_long, *post_problems(content)]

    @classmethod
    def measure(cls, content: Content, index: int, target: Target | None) -> Measure:  # noqa: ARG003  the same everywhere
        """Characters as people see them."""
        return Measure(graphemes(content.parts[index].text), MAX_GRAPHEMES)

    @classmethod
    def is_one_step(cls, content: Content) -> bool:
        """Whoever is mentioned has to be looked up before, as what is quoted; pages are read, and gates written."""
        return super().is_one_step(content) and not (
            has_mentions(content.parts[0].text)
            or any(content.options.get(name) is not None for name in NEED_FURTHER_CALLS)
        )

    @classmethod
    def lacks_options(cls, options: Mapping[str, Any]) -> bool:
        return lacks_words(options)

    @classmethod
    def read_options(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """What the page of a link says, for its card."""
        return words_of_page(options)

    @classmethod
    def media_rule(cls, post_type: str, target: Target | None) -> MediaRule | None:
        """The same everywhere, but for how large a file the account's own service takes."""
        rule = super().media_rule(post_type, target)
        most = target.info.get("blob_upload_limit") if target is not None else None
        return within(rule, most) if rule is not None and isinstance(most, int) else rule

    def publish(self, step: Step, *, progress: Progress) -> Published | Pending:
        """Write the part's record where nothing is; what is there already under its key is this part.

        Its files are uploaded before. A record that shows more than text stands in `progress` before it is written,
        so that it is the same whoever writes it again.
        """
        media = PostMedia(self.http, self.target, step.part.media, progress)
        if waits := media.go_on():
            return waits
        record = self._whole_record(step, list(media.kept.values()), progress)
        gates = gates_of(step, did_of=self._did_of)
        try:
            published = self._put(step, record)
        except Rejected as refused:
            if refused.code != BLOB_GONE:
                raise
            if not step.part.media and without_picture(progress):
                return Pending(datetime.now(UTC))
            if not step.part.media:
                raise
            return media.upload_again(refused)
        try:
            self._close(step, gates)
        except CallFailed as failure:
            # The post is out, which no other failure may deny; whoever looks it up closes its gates.
            sentence = f"The post is out, but not yet who may reply to it or quote it: {failure.message}"
            raise OutcomeUnknown(sentence, code=GATE_MISSING, http_status=failure.http_status) from failure
        return published

    def _close(self, step: Step, gates: Mapping[str, Rules]) -> None:
        """Write the gates of a part that is out, where they are not there yet."""
        for collection, rules in gates.items():
            place = {"repo": self.target.remote_id, "collection": collection, "rkey": record_key(step.key)}
            post = f"at://{self.target.remote_id}/{POSTS}/{record_key(step.key)}"
            record = {"$type": collection, "post": post, "createdAt": _now(), **rules}
            answer = self.http.post(PUT, json={**place, "record": record, "swapRecord": None})
            if answer.is_ok and not _reference(answer.fields())[0]:
                raise answer.in_doubt("names no record", code="no_id")
            if not answer.is_ok and error_name(answer) != "InvalidSwap":
                raise error_from(answer)

    def _whole_record(self, step: Step, blobs: Sequence[Kept], progress: Progress) -> Mapping[str, Any]:
        kept = progress.data.get("record")
        record = dict(kept or self._record(step))
        if embed := self._embed(step, blobs, progress):
            record["embed"] = embed
            if record != kept:
                progress.save(record=record)
        return record

    def _embed(self, step: Step, blobs: Sequence[Kept], progress: Progress) -> dict[str, Any] | None:
        """What the record shows beside its text, if anything."""
        shown = self._shown(step, blobs, progress)
        return with_quote(self.http, step, progress, shown, did_of=self._did_of) if has_quote(step) else shown

    def _shown(self, step: Step, blobs: Sequence[Kept], progress: Progress) -> dict[str, Any] | None:
        """Its card, or its files."""
        card = card_embed(self.http, step, progress, blobs[0] if blobs else None) if has_card(step) else None
        if card:
            return card
        if not blobs:
            return None
        said = [said for _, said in captions_of(step.content, len(step.sent))]
        return embed_of(step.part.media, blobs, said)

    def _put(self, step: Step, record: Mapping[str, Any]) -> Published:
        key = record_key(step.key)
        place = {"repo": self.target.remote_id, "collection": POSTS, "rkey": key}
        answer = self.http.post(PUT, json={**place, "record": record, "swapRecord": None}, visible=True)
        if answer.is_ok:
            uri, cid = _reference(answer.fields())
            if not uri:
                raise answer.in_doubt("names no record", code="no_id")
            url = post_url(self.target.base_url, self.target.remote_id, key)
            return Published(uri, url, {"cid": cid}, rests_until(answer))
        if error_name(answer) != "InvalidSwap":
            raise error_from(answer)
        found = self._look_up(step)
        if isinstance(found, Found):
            return Published(found.remote_id, found.url, found.facts)
        raise OutcomeUnknown("Bluesky says that this is there, and does not show it.", code="not_shown_yet")

    def reconcile(
        self,
        step: Step,
        *,
        progress: Progress,  # noqa: ARG002  the key is enough
        since: datetime,  # noqa: ARG002
        known: frozenset[str],  # noqa: ARG002
    ) -> Found | Absent | CannotTell:
        """Ask the repository for the part's own key; it is never late. What is found gets the gates that it lacks.

        Source: https://docs.bsky.app/docs/api/com-atproto-repo-get-record (read 2026-11-23).
        """
        try:
            looked = self._look_up(step)
        except _SomethingElse:
            return CannotTell("something else is under its key")
        if isinstance(looked, Found):
            try:
                self._close(step, gates_of(step, did_of=self._did_of))
            except Rejected as refused:
                return CannotTell(f"the post is out, but not who may reply to it or quote it ({refused.message})")
        return looked

    def delete(self, remote_id: str) -> None:
        """Source: https://docs.bsky.app/docs/api/com-atproto-repo-delete-record (read 2026-11-23)."""
        body = {"repo": self.target.remote_id, "collection": POSTS, "rkey": remote_id.rpartition("/")[2]}
        answer = self.http.post(DELETE, json=body)
        if not answer.is_ok and error_name(answer) != "RecordNotFound":
            raise error_from(answer)

    def fetch_metrics(self, refs: Sequence[str]) -> Mapping[str, Metrics]:
        """Source: https://docs.bsky.app/docs/api/app-bsky-feed-get-posts (read 2026-11-23)."""
        return metrics.fetch(self.http, refs)

    def fetch_account_metrics(self) -> AccountMetrics:
        return metrics.fetch_account(self.http, self.target.remote_id)

    def _look_up(self, step: Step) -> Found | Absent:
        """The record under the part's key. Raises _SomethingElse where its text is another."""
        key = record_key(step.key)
        params = {"repo": self.target.remote_id, "collection": POSTS, "rkey": key}
        answer = self.http.get(GET, params=params)
        if answer.is_ok:
            read = answer.json()
            uri, cid = _reference(read)
            if not uri or not object_in(read, "value"):
                raise answer.in_doubt("is not a record", code="unreadable")
            if object_in(read, "value").get("text") != step.part.text:
                raise _SomethingElse
            return Found(uri, post_url(self.target.base_url, self.target.remote_id, key), {"cid": cid})
        if error_name(answer) == "RecordNotFound" or _is_old_not_found(answer):
            return Absent()
        raise error_from(answer)

    def _record(self, step: Step) -> dict[str, Any]:
        """Source: https://github.com/bluesky-social/atproto, lexicons/app/bsky/feed/post.json (read 2026-11-23)."""
        options = step.content.options
        record: dict[str, Any] = {
            "$type": POSTS,
            "text": step.part.text,
            "createdAt": _now(),
        }
        if marks := facets(step.part.text, did_of=self._did_of):
            record["facets"] = marks
        if langs := options.get("langs"):
            record["langs"] = list(langs)
        if labels := options.get("labels"):
            values = [{"val": label} for label in labels]
            record["labels"] = {"$type": "com.atproto.label.defs#selfLabels", "values": values}
        if step.parent is not None:
            record["reply"] = {"root": _ref(step.sent[0]), "parent": _ref(step.parent)}
        return record

    def _did_of(self, handle: str) -> str | None:
        """Source: https://docs.bsky.app/docs/api/com-atproto-identity-resolve-handle (read 2026-11-23)."""
        answer = self.http.get(RESOLVE, params={"handle": handle})
        if answer.is_ok:
            did = text_in(answer.fields(), "did")
            return did if did.startswith("did:") else None
        failure: CallFailed = error_from(answer)
        if isinstance(failure, Rejected):
            return None
        raise failure


class _SomethingElse(Rejected):
    """Another record is under our key: what would be written is refused, whatever it is."""

    def __init__(self) -> None:
        super().__init__("Something else is in this post's place in the repository.", code="key_taken")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reference(read: Any) -> tuple[str, str]:
    """The `uri` and `cid` of an answer; "" where it has none."""
    uri, cid = text_in(read, "uri"), text_in(read, "cid")
    return (uri, cid) if uri.startswith("at://") and cid else ("", "")


def _ref(part: SentPart) -> dict[str, str]:
    return {"uri": part.remote_id, "cid": str(part.facts.get("cid", ""))}


def _is_old_not_found(answer: Response) -> bool:
    """Servers before 0.4 say InvalidRequest, in words."""
    return error_name(answer) == "InvalidRequest" and "could not locate record" in answer.text.lower()
