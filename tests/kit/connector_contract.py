"""The cases that every connector must pass, against the simulator over a real socket and without a database.

    class TestMastodon(ConnectorContract):
        slug = "mastodon"

A platform adds its own cases beside them. What the platform has no word for is skipped by its capabilities.
"""

from __future__ import annotations

import base64
import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations import registry
from integrations.contract import (
    Absent,
    Connector,
    Content,
    Found,
    LeaseLost,
    Part,
    Published,
    SentPart,
    Step,
    Target,
)
from integrations.errors import CallFailed, NeedsReconnect, OutcomeUnknown, RateLimited, Rejected, Unavailable
from integrations.services.operator_apps import BY_PASSWORD, operators_app
from integrations.sign_in import NO_APP, ClientApp, OAuthFlow, Tokens
from mastablasta.core.outbound import Http
from tests.kit.asked_scopes import scopes_asked

if TYPE_CHECKING:
    from tests.world import Sandbox

VERIFIER = "v" * 64
CALLBACK = "http://127.0.0.1:33766/callback"


def consent(authorize_url: str, handle: str) -> dict[str, str]:
    """Allow (or, with the handle "deny", refuse) at the simulator; return the query that comes back to us."""
    try:
        urllib.request.build_opener(_NoRedirect).open(f"{authorize_url}&_consent={handle}", timeout=10)
    except urllib.error.HTTPError as answer:
        location = answer.headers.get("Location")
        if answer.code not in {302, 303} or not location:
            raise
        return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    raise AssertionError("the simulator did not redirect")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class InMemoryProgress:
    """A Progress that remembers in a list what was saved when. `stops_at`: the lease is lost by then."""

    def __init__(self, **data: Any) -> None:
        self.data: Mapping[str, Any] = data
        self.saves: list[dict[str, Any]] = []
        self.stops_at: int | None = None
        self.secrets: set[str] = set()

    def save(self, **values: Any) -> None:
        if self.stops_at is not None and len(self.saves) >= self.stops_at:
            raise LeaseLost
        self.saves.append(values)
        self.data = {**self.data, **values}

    def save_secret(self, **values: Any) -> None:
        self.save(**values)
        self.secrets |= values.keys()


@dataclass
class SignedInAccount:
    """One person's account at the simulator, and a connector for it."""

    sandbox: Sandbox
    slug: str
    target: Target
    token: str = field(repr=False)
    app: ClientApp = NO_APP
    marks: int = 0

    @property
    def connector(self) -> Connector:
        return self.at(self.target.base_url)

    def at(self, base_url: str) -> Connector:
        """A connector for the same account, spoken to at another address."""
        connector = registry.connector_class(self.slug)
        http = Http(base_url, auth=connector.auth_at(self.target, self.token, self.app), on_visible=self._mark)
        return connector(self.target, http)

    def _mark(self) -> None:
        self.marks += 1

    def texts(self) -> list[str]:
        """What the world sees, oldest first."""
        return [str(post["text"]) for post in self.sandbox.posts(self.slug)]

    def calls(self, operation: str) -> int:
        return sum(call["operation"] == operation for call in self.sandbox.requests(self.slug))

    def fault(self, effect: str, operation: str = "publish", **more: Any) -> None:
        self.sandbox.fault(self.slug, operation, effect, **more)


def signed_in(flow: OAuthFlow, app: ClientApp, handle: str = "anna") -> Tokens:
    """The tokens of somebody who says yes at the simulator."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    query = consent(flow.authorize_url(app, redirect_uri=CALLBACK, state="s", challenge=challenge), handle)
    return flow.exchange(app, code=query["code"], redirect_uri=CALLBACK, verifier=VERIFIER)


def visit(sandbox: Sandbox, slug: str, handle: str = "anna", *, sign_in: str = "") -> SignedInAccount:
    """Sign `handle` in at the simulator through the platform's own OAuth flow, or through its further one `sign_in`.

    In a world where nothing has happened yet, everybody who is signed in first has been here before (Sandbox.begin).
    """
    base_url = f"{sandbox.url}/{slug}" + (f"/{sign_in}" if sign_in else "")
    go = _visit_by_password if slug in BY_PASSWORD else _visit_by_consent
    name = f"visited: {handle} at {base_url} {scopes_asked(slug, sign_in)}"
    visited = sandbox.begin(name, lambda: go(sandbox, slug, handle, base_url, sign_in))
    return SignedInAccount(sandbox, slug, *visited)


def _visit_by_consent(_: Sandbox, slug: str, handle: str, base_url: str, sign_in: str) -> tuple[Target, str, ClientApp]:
    flow_class = registry.oauth_flow(slug, sign_in)
    info = flow_class(Http(base_url), {}).host_info()
    flow = flow_class(Http(base_url), info)
    app = operators_app(slug, sign_in) or flow.register(redirect_uri=CALLBACK)
    tokens = signed_in(flow, app, handle)
    own = flow.who_am_i(app, access_token=tokens.access_token).targets[0]
    target = Target(base_url, urlsplit(base_url).netloc, own.remote_id, own.handle, info, own.facts)
    return target, own.token or tokens.access_token, app


def _visit_by_password(
    sandbox: Sandbox, slug: str, handle: str, base_url: str, __: str
) -> tuple[Target, str, ClientApp]:
    flow_class = registry.password_sign_in(slug)
    info = flow_class(Http(base_url), {}).host_info()
    flow = flow_class(Http(base_url), info)
    person = sandbox.accounts(slug, handle)
    tokens, *_ = flow.sign_in(identifier=person["handle"], password=person["app_password"])
    own = flow.who_am_i(NO_APP, access_token=tokens.access_token).targets[0]
    target = Target(base_url, urlsplit(base_url).netloc, own.remote_id, own.handle, info, own.facts)
    return target, tokens.access_token, NO_APP


def text_of(text: str) -> Content:
    return Content(parts=(Part(text),))


def step_of(content: str | Content, *sent: Published | Found, key: str = "k.1") -> Step:
    """The step after those in `sent`."""
    whole = text_of(content) if isinstance(content, str) else content
    parts = tuple(SentPart(one.remote_id, one.url, one.facts) for one in sent)
    return Step(whole, f"{key}.{len(parts)}", parts)


def thread_of(*texts: str) -> Content:
    root, *replies = texts
    return Content(parts=(Part(root), *(Part(text, kind="reply") for text in replies)), post_type="thread")


def what_comes_of(call: Callable[[], Any]) -> Any:
    """What it gives, or how it fails."""
    try:
        return call()
    except CallFailed as failure:
        return failure


class ConnectorContract:
    """Subclass it in the platform's tests; `slug` says which."""

    slug: ClassVar[str]

    @pytest.fixture
    def anna(self, sandbox: Sandbox) -> SignedInAccount:
        return visit(sandbox, self.slug)

    @pytest.fixture
    def before(self) -> datetime:
        """A moment before anything is sent in this test, by the simulator's clock too."""
        return datetime.now(UTC) - timedelta(seconds=2)

    def content(self, text: str) -> Content:
        """A post of this text; a platform that has none without a file adds one."""
        return text_of(text)

    def step(self, text: str, *, key: str = "k.1") -> Step:
        return step_of(self.content(text), key=key)

    def skip_unless_threads(self) -> None:
        if "thread" not in registry.capabilities(self.slug).post_types:
            pytest.skip("the platform has no threads")

    # --- it is out once ---

    def test_publish_makes_it_visible_and_names_it(self, anna: SignedInAccount) -> None:
        published = anna.connector.publish(self.step("Grüße 👋🏽"), progress=InMemoryProgress())

        [post] = anna.sandbox.posts(self.slug)
        assert isinstance(published, Published)
        assert (published.remote_id, post["text"]) == (post["id"], "Grüße 👋🏽")
        assert published.url.startswith("http")
        assert (anna.marks, anna.calls("publish")) == (1, 1)

    def test_same_key_twice_is_one_post(self, anna: SignedInAccount) -> None:
        if registry.capabilities(self.slug).way != "native_key":
            pytest.skip("the platform knows no keys")

        first = anna.connector.publish(self.step("Once"), progress=InMemoryProgress())
        second = anna.connector.publish(self.step("Once"), progress=InMemoryProgress())

        assert (first, anna.texts()) == (second, ["Once"])

    def test_reply_lost_is_unknown_and_then_found(self, anna: SignedInAccount, before: datetime) -> None:
        anna.sandbox.limits(idempotency=False, duplicates=False)
        anna.fault("accept_then_reset")
        notes = InMemoryProgress()
        with pytest.raises(OutcomeUnknown):
            anna.connector.publish(self.step("Lost reply"), progress=notes)

        found = anna.connector.reconcile(self.step("Lost reply"), progress=notes, since=before, known=frozenset())

        [post] = anna.sandbox.posts(self.slug)
        assert isinstance(found, Found)
        assert (found.remote_id, anna.calls("publish")) == (post["id"], 1)

    def test_error_page_after_accepting_is_unknown_and_then_found(
        self, anna: SignedInAccount, before: datetime
    ) -> None:
        anna.sandbox.limits(idempotency=False, duplicates=False)
        anna.fault("accept_then_500")
        with pytest.raises(OutcomeUnknown):
            anna.connector.publish(self.step("Lost reply"), progress=InMemoryProgress())

        found = anna.connector.reconcile(
            self.step("Lost reply"), progress=InMemoryProgress(), since=before, known=frozenset()
        )

        assert isinstance(found, Found)
        assert found.remote_id == anna.sandbox.posts(self.slug)[0]["id"]

    def test_request_lost_is_unknown_then_absent_then_one_post(self, anna: SignedInAccount, before: datetime) -> None:
        anna.sandbox.limits(idempotency=False, duplicates=False)
        anna.fault("reset_before")
        notes = InMemoryProgress()
        with pytest.raises(OutcomeUnknown):
            anna.connector.publish(self.step("Lost request"), progress=notes)

        looked = anna.connector.reconcile(self.step("Lost request"), progress=notes, since=before, known=frozenset())
        anna.connector.publish(self.step("Lost request"), progress=notes)

        assert (looked, anna.texts()) == (Absent(), ["Lost request"])

    # --- what no answer may be taken for ---

    def test_answer_that_cannot_be_trusted_is_unknown(self, anna: SignedInAccount) -> None:
        came = {}
        for effect in ("status_500", "status_503", "html_502", "garbage_200", "publish_without_id"):
            anna.sandbox.clear_faults()
            anna.fault(effect)
            step = self.step(f"Who knows {effect}", key=effect)
            came[effect] = what_comes_of(partial(anna.connector.publish, step, progress=InMemoryProgress()))

        assert {effect: one for effect, one in came.items() if not isinstance(one, OutcomeUnknown)} == {}

    def test_look_up_that_fails_is_unavailable(self, anna: SignedInAccount, before: datetime) -> None:
        came = {}
        for effect in ("status_500", "status_503", "html_502", "garbage_200", "reset_before"):
            anna.sandbox.clear_faults()
            anna.fault(effect, operation="lookup", times=3)
            asked = {"progress": InMemoryProgress(), "since": before, "known": frozenset()}
            came[effect] = what_comes_of(partial(anna.connector.reconcile, self.step("Who knows"), **asked))

        assert {effect: one for effect, one in came.items() if not isinstance(one, Unavailable)} == {}

    def test_nobody_at_home_is_unavailable(self, anna: SignedInAccount) -> None:
        with pytest.raises(Unavailable):
            anna.at("http://127.0.0.1:1024").publish(self.step("Hello"), progress=InMemoryProgress())

        assert anna.marks == 0

    # --- plain refusals ---

    def test_too_many_calls_are_rate_limited_until_the_window_opens(self, anna: SignedInAccount) -> None:
        anna.fault("rate_limited", retry_after=30)
        now = datetime.now(UTC)

        with pytest.raises(RateLimited) as caught:
            anna.connector.publish(self.step("Too many"), progress=InMemoryProgress())

        # Reset and Date may both be whole seconds, and late is right where early is not.
        assert now < caught.value.until <= now + timedelta(seconds=33)
        assert anna.texts() == []

    def test_content_that_is_refused_is_rejected(self, anna: SignedInAccount) -> None:
        anna.fault("reject_content")

        with pytest.raises(Rejected) as caught:
            anna.connector.publish(self.step("Refused"), progress=InMemoryProgress())

        assert caught.value.message
        assert anna.texts() == []

    def test_revoked_token_needs_reconnect_whatever_is_asked(self, anna: SignedInAccount, before: datetime) -> None:
        anna.fault("revoke_token", operation="any")
        content, nothing = self.content("Revoked"), frozenset[str]()

        with pytest.raises(NeedsReconnect):
            anna.connector.publish(step_of(content), progress=InMemoryProgress())
        with pytest.raises(NeedsReconnect):
            anna.connector.reconcile(step_of(content), progress=InMemoryProgress(), since=before, known=nothing)
        if registry.capabilities(self.slug).can_delete:
            with pytest.raises(NeedsReconnect):
                anna.connector.delete("1")

    # --- whose post it is ---

    def test_older_post_with_the_same_text_is_not_ours(self, anna: SignedInAccount) -> None:
        anna.connector.publish(self.step("Good morning"), progress=InMemoryProgress())

        looked = anna.connector.reconcile(
            self.step("Good morning", key="k.2"),
            progress=InMemoryProgress(),
            since=datetime.now(UTC) + timedelta(seconds=2),
            known=frozenset(),
        )

        assert looked == Absent()

    def test_post_of_another_delivery_is_not_ours(self, anna: SignedInAccount, before: datetime) -> None:
        anna.sandbox.limits(idempotency=False, duplicates=False)
        first = anna.connector.publish(self.step("Good morning"), progress=InMemoryProgress())
        assert isinstance(first, Published)
        known = frozenset({first.remote_id})
        content = self.content("Good morning")

        looked = anna.connector.reconcile(
            step_of(content, key="k.2"), progress=InMemoryProgress(), since=before, known=known
        )
        second = anna.connector.publish(step_of(content, key="k.2"), progress=InMemoryProgress())
        assert isinstance(second, Published)
        found = anna.connector.reconcile(
            step_of(content, key="k.2"), progress=InMemoryProgress(), since=before, known=known
        )

        assert (looked, found) == (Absent(), Found(second.remote_id, second.url, second.facts))

    def test_another_text_is_not_ours(self, anna: SignedInAccount, before: datetime) -> None:
        anna.connector.publish(self.step("Good morning"), progress=InMemoryProgress())

        looked = anna.connector.reconcile(
            self.step("Good morning!", key="k.2"), progress=InMemoryProgress(), since=before, known=frozenset()
        )

        assert looked == Absent()

    # --- how people took it ---

    def test_metrics_are_of_what_was_asked_and_of_nothing_unknown(self, anna: SignedInAccount) -> None:
        published = anna.connector.publish(self.step("Count me"), progress=InMemoryProgress())
        assert isinstance(published, Published)

        told = anna.connector.fetch_metrics([published.remote_id, "404404404"])

        assert set(told) <= {published.remote_id}

    # --- taking back ---

    def test_delete_takes_it_back_and_twice_is_fine(self, anna: SignedInAccount) -> None:
        if not registry.capabilities(self.slug).can_delete:
            pytest.skip("the platform takes no post back")
        published = anna.connector.publish(self.step("Oops"), progress=InMemoryProgress())
        assert isinstance(published, Published)

        anna.connector.delete(published.remote_id)
        anna.connector.delete(published.remote_id)

        assert anna.texts() == []

    # --- threads ---

    def test_thread_is_a_chain_of_replies(self, anna: SignedInAccount) -> None:
        self.skip_unless_threads()

        sent = self.publish_all(anna, thread_of("One", "Two", "Three"))

        posts = anna.sandbox.posts(self.slug)
        assert anna.texts() == ["One", "Two", "Three"]
        assert [post["reply_to"] for post in posts] == [None, posts[0]["id"], posts[1]["id"]]
        assert [one.remote_id for one in sent] == [post["id"] for post in posts]

    def test_comment_answers_the_root_whatever_came_between(self, anna: SignedInAccount) -> None:
        self.skip_unless_threads()
        content = Content((Part("One"), Part("Two", kind="reply"), Part("Link", kind="comment")))

        self.publish_all(anna, content)

        posts = anna.sandbox.posts(self.slug)
        assert [post["reply_to"] for post in posts] == [None, posts[0]["id"], posts[0]["id"]]

    def test_lost_reply_in_a_thread_of_equal_texts_is_found_by_its_place(
        self, anna: SignedInAccount, before: datetime
    ) -> None:
        self.skip_unless_threads()
        anna.sandbox.limits(idempotency=False, duplicates=False)
        content = thread_of("Same", "Same", "Same")
        root = anna.connector.publish(step_of(content), progress=InMemoryProgress())
        assert isinstance(root, Published)
        known = frozenset({root.remote_id})
        looked = anna.connector.reconcile(
            step_of(content, root), progress=InMemoryProgress(), since=before, known=known
        )
        anna.fault("accept_then_reset")
        with pytest.raises(OutcomeUnknown):
            anna.connector.publish(step_of(content, root), progress=InMemoryProgress())

        found = anna.connector.reconcile(step_of(content, root), progress=InMemoryProgress(), since=before, known=known)

        posts = anna.sandbox.posts(self.slug)
        assert isinstance(found, Found)
        assert (looked, found.remote_id, len(posts)) == (Absent(), posts[1]["id"], 2)

    @staticmethod
    def publish_all(anna: SignedInAccount, content: Content) -> list[Published]:
        sent: list[Published] = []
        for _ in content.parts:
            published = anna.connector.publish(step_of(content, *sent), progress=InMemoryProgress())
            assert isinstance(published, Published)
            sent.append(published)
        return sent
