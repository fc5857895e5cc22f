"""What a connector is: the one vocabulary between the engine and every platform.

A connector is pure: plain values and HTTP in, an outcome out. It sees no database, no clock of ours, no retries.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from integrations.capabilities import Capabilities
from integrations.errors import NeedsReconnect, Rejected
from mastablasta.core.errors import FieldProblem
from mastablasta.core.media_rules import MediaRule
from mastablasta.core.outbound import Auth, Http, Refused, split_url

NOTHING: Mapping[str, Any] = MappingProxyType({})


# --- what is to be published ---
@dataclass(frozen=True, slots=True)
class MediaUse:
    """One file in one part, in the form that its platform takes: a local path, never bytes in memory.

    `kind`: image, animation (a picture that moves, whatever form it takes), video, document or captions. `role`:
    "content" is what the post shows, a "cover" stands for its video or document, "captions" are its video's, in a
    language that an option says (`integrations.protocols.captions`). `duration_s` of animations, videos and captions.
    `alt_text` may be "". `url`: where the platform can fetch it for a day, for kinds in the rule's `by_url`; `path` is
    "" then. Where nothing is sent (`validate`, and `reconcile` but for what it needs) it is the original and
    both are "".
    `fit`, `facts` and `stored_name` are the engine's: how the original is brought into form, what is known of it, and
    where the form lies.
    """

    asset_id: str
    path: str
    mime_type: str
    size: int
    alt_text: str = ""
    kind: str = "image"
    width: int = 0
    height: int = 0
    duration_s: float | None = None
    fit: str = "fit"
    facts: Mapping[str, Any] = field(default_factory=dict)
    stored_name: str = ""
    role: Literal["content", "cover", "captions"] = "content"
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """One visible post of a delivery. `kind`: post (the root), reply (to the part before), comment (to the root).

    `field`, `media_field`: where a person wrote it and named its media, as problems name it.
    """

    text: str
    media: tuple[MediaUse, ...] = ()
    kind: str = "post"
    field: str = "content"
    media_field: str = "media"


@dataclass(frozen=True, slots=True)
class Content:
    """What one account is to publish: at least one part, in order; options by the vendor's names in snake_case."""

    parts: tuple[Part, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    post_type: str = "standard"

    @property
    def text(self) -> str:
        return self.parts[0].text


# --- one visible post of it ---
@dataclass(frozen=True, slots=True)
class SentPart:
    """A part that is out. `facts`: what replies to it need beyond its id, as its connector gave them (JSON)."""

    remote_id: str
    url: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One visible post that is to be made: part number `len(sent)` of `content`, after those in `sent`, in order.

    `key` is stable for the same content and part: `<delivery>.<generation>.<part>`.
    """

    content: Content
    key: str
    sent: tuple[SentPart, ...] = ()

    @property
    def part(self) -> Part:
        return self.content.parts[len(self.sent)]

    @property
    def parent(self) -> SentPart | None:
        """What this part answers: the root for a comment, the part before for a reply; None for the root itself."""
        if not self.sent:
            return None
        return self.sent[0] if self.part.kind == "comment" else self.sent[-1]


# --- where it goes ---
@dataclass(frozen=True, slots=True)
class Target:
    """One connected account, as a connector sees it. `info` is what its host said of itself (limits), as stored."""

    base_url: str
    host: str
    remote_id: str
    handle: str
    info: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


class Progress(Protocol):
    """What a crash must not lose of the step under way. `data` is what was saved so far, also by an earlier attempt."""

    @property
    def data(self) -> Mapping[str, Any]: ...

    def save(self, **values: Any) -> None:
        """Merge `values` (JSON) into `data`; durable when it returns. Raises LeaseLost: stop at once."""

    def save_secret(self, **values: Any) -> None:
        """Like `save`, for what nobody may read who sees the delivery, such as a signed upload address.

        It is stored encrypted, and plain in `data` only. A secret that cannot be decrypted any more is missing there.
        """


class LeaseLost(Exception):
    """The delivery belongs to another worker by now; whatever was about to be sent must not be sent."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How long a part's text is as its platform counts, and the most that it takes."""

    length: int
    limit: int


# --- outcomes that are not errors ---
@dataclass(frozen=True, slots=True)
class Published:
    """The step is out, and the platform told its id.

    `rests_until`: it said, too, that this was the account's last call before then; None = it may go on.
    """

    remote_id: str
    url: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    rests_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """Not out yet: the platform works on it, or there is more to upload; `resume` at `check_at` (UTC), maybe at once.

    `progress` is merged into what was saved.
    """

    check_at: datetime
    progress: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """The platform has it."""

    remote_id: str
    url: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Absent:
    """The platform does not show it. To be believed only `settle_s` after the call, and `hold_s` after a time-out."""


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The platform cannot say, now or later; a person has to look."""

    reason: str


class Metrics(NamedTuple):
    """What a platform counted of one post until `counted_at` (UTC). None = it does not tell, which is not 0.

    `shares`: reposts and quotes together. `reach`: people, where views count looks. `extra`: what only some platforms
    tell, by name: quotes, bookmarks, profile_clicks, engagements, video_views; without what is not told. `answer`: the
    numbers that the platform told, in its own words (`integrations.protocols.values.numbers_in`), for people who look
    into a figure.

    A tuple, since one answer tells of a hundred: a frozen dataclass takes five times as long to make.
    """

    counted_at: datetime
    views: int | None = None
    likes: int | None = None
    shares: int | None = None
    comments: int | None = None
    reach: int | None = None
    clicks: int | None = None
    extra: Mapping[str, int] = NOTHING
    answer: Mapping[str, Any] = NOTHING


@dataclass(frozen=True, slots=True)
class AccountMetrics:
    """What a platform counted of an account as a whole until `counted_at` (UTC). None = it does not tell."""

    counted_at: datetime
    followers: int | None = None
    following: int | None = None
    posts: int | None = None


class Connector(ABC):
    """Translation to and from one platform, for one account.

    Every method that talks to the platform may raise what integrations.errors lists. docs/adding-a-platform.md says
    what else a platform needs.
    """

    capabilities: ClassVar[Capabilities]

    def __init__(self, target: Target, http: Http) -> None:
        """`http` is bound to the account's base URL and token; paths are relative to it."""
        self.target = target
        self.http = http

    @classmethod
    def auth(cls, token: str, app: ClientApp) -> Auth:  # noqa: ARG003
        """How `token` is shown at this platform, where else than at its base URL it may go, and what signs the calls.

        Pure. `app` is our registration at the host, empty where there is none.
        """
        return Auth(token)

    @classmethod
    def auth_at(cls, target: Target, token: str, app: ClientApp) -> Auth:  # noqa: ARG003
        """The same for one account, where one platform has several hosts with rules of their own; `auth` here. Pure."""
        return cls.auth(token, app)

    @classmethod
    def capabilities_at(cls, target: Target | None) -> Capabilities:  # noqa: ARG003
        """What holds for this account, where one platform has several sets of rules: by sign-in, kind or host. Pure.

        `target` None = the stock rules, `capabilities`, which are everybody's here. Rates and `settle_s` are the same
        for all accounts of a platform.
        """
        return cls.capabilities

    @classmethod
    @abstractmethod
    def validate(cls, content: Content, target: Target | None) -> list[FieldProblem]:
        """Return what the platform would refuse; [] = fine. Pure. `target` None = stock limits.

        Of media it judges kinds, numbers and alt texts by `media_rule`; forms and sizes are made to fit before.
        """

    @classmethod
    def measure(cls, content: Content, index: int, target: Target | None) -> Measure:
        """Measure the text of part `index` as the platform counts it. Pure. `target` None = stock limits.

        This one counts code points; a platform that counts otherwise says so here, and its `validate` asks here.
        """
        return Measure(len(content.parts[index].text), cls.capabilities_at(target).text.limit)

    @classmethod
    def estimated_cost(cls, content: Content) -> Decimal | None:  # noqa: ARG003
        """What the platform charges our app for publishing this, in US dollars, by its `prices`; None = nothing. Pure.

        An estimate: prices change, and what is sent again is charged again.
        """
        return None

    @classmethod
    def length_problems(cls, content: Content, target: Target | None, *, where: str) -> list[FieldProblem]:
        """The parts whose text is longer than `measure` allows. `where`: who does not take it, for people. Pure."""
        measures = [(index, cls.measure(content, index, target)) for index in range(len(content.parts))]
        return [
            FieldProblem(
                content.parts[index].field,
                "too_long",
                f"{where} takes at most {measure.limit} characters; this counts as {measure.length}.",
                {"limit": measure.limit, "actual": measure.length},
            )
            for index, measure in measures
            if measure.length > measure.limit
        ]

    @classmethod
    def media_rule(cls, post_type: str, target: Target | None) -> MediaRule | None:
        """What one part of a post of this type may carry there; None = no media. Pure. `target` None = stock limits.

        A thread's parts carry what a standard post does, unless the platform says otherwise.
        """
        media = cls.capabilities_at(target).media
        return media.get(post_type) or (media.get("standard") if post_type == "thread" else None)

    @classmethod
    def is_one_step(cls, content: Content) -> bool:
        """Whether the first call of `publish` is already the visible one, and the only one."""
        return len(content.parts) == 1 and not content.parts[0].media

    @classmethod
    def reconcile_needs(cls, use: MediaUse) -> bool:  # noqa: ARG003
        """Whether `reconcile` may have to add this file to what is out: it gets it, as far as it is there. Pure."""
        return False

    @classmethod
    def lacks_options(cls, options: Mapping[str, Any]) -> bool:  # noqa: ARG003
        """Whether `read_options` is to be asked for these `post_options`; here it never is. Pure."""
        return False

    @classmethod
    def read_options(cls, options: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG003
        """What these options leave out and the pages tell that they name, for people to see and change beforehand.

        Through the door, in at most ten seconds; {} = nothing is told, which is not a failure.
        """
        return {}

    @classmethod
    def hold_s(cls, target: Target) -> int:
        """How many seconds longer an absence is not believed there after a time-out. Pure.

        `Capabilities.hold_s`, unless the target's host is known to differ from its platform's others.
        """
        return cls.capabilities_at(target).hold_s

    @abstractmethod
    def publish(self, step: Step, *, progress: Progress) -> Published | Pending:
        """Make one part visible, going on where `progress` stands. The engine goes from part to part: what is out
        already is noted once, there, and no connector can forget it.

        A call that can make something visible is made with `visible=True`. Of a part with media it is the last one,
        when every file is uploaded, described and ready: one call of `publish` or `resume` uploads about 8 MiB, or
        one file, keeps what a successor needs, and returns Pending. Files that the platform has forgotten when the
        visible call comes are uploaded again, once. Raises Rejected for a file that the platform cannot use.
        """

    def resume(self, step: Step, *, progress: Progress) -> Published | Pending:
        """Go on with what was Pending: ask for it, or do what is left to do, the visible call included.

        By `publish`, which goes on where `progress` stands.
        """
        return self.publish(step, progress=progress)

    @abstractmethod
    def reconcile(
        self, step: Step, *, progress: Progress, since: datetime, known: frozenset[str]
    ) -> Found | Absent | CannotTell:
        """Find out whether this part is out, without any call that could make it visible.

        Only a post younger than `since` (UTC, already less the clocks' skew) counts, and none whose id is in
        `known`: those are other parts, or belong to other deliveries, since people do post the same text twice.
        """

    def delete(self, remote_id: str) -> None:  # noqa: ARG002
        """Take a post back; already gone = success. Never called where the platform cannot (`can_delete`), as here."""
        raise Rejected(f"{self.capabilities.label} takes no post back.", code="cannot_delete")

    def fetch_metrics(self, refs: Sequence[str]) -> Mapping[str, Metrics]:  # noqa: ARG002
        """How people took these posts, by the remote ids of `refs`, `metrics_batch` of them at most.

        A post that the platform does not show, or an id that it never gave, is absent; a figure that it does not
        tell is None. Without calls where it counts nothing, as here.
        """
        return {}

    @classmethod
    def metrics_batch(cls, target: Target) -> int:  # noqa: ARG003
        """How many posts one call of `fetch_metrics` asks for there; 0 = the platform counts nothing. Pure."""
        return cls.capabilities.metrics.batch if cls.capabilities.metrics else 0

    def fetch_account_metrics(self) -> AccountMetrics | None:
        """What the platform counts of the account as a whole, in one call; None = nothing, without a call, as here."""
        return None


# --- connecting an account ---
@dataclass(frozen=True, slots=True)
class ClientApp:
    """Our registration at one host."""

    client_id: str
    client_secret: str = field(repr=False)


NO_APP = ClientApp("", "")


@dataclass(frozen=True, slots=True)
class Tokens:
    """A grant's tokens, as the platform gave them. `expires_at`: the access token's end; None = does not expire.

    `refresh_token` is whatever `SignIn.refresh` takes: where a platform renews by the access token itself, that one
    again; "" = it cannot be renewed. It is of no use before `not_before`: some platforms renew no token younger than a
    day. `refresh_expires_at`: the fixed day on which the grant ends however often it is renewed, and the person has
    to come back; None = there is no such day. `unusable` as in TargetIdentity, where the platform says it with them.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    refresh_expires_at: datetime | None = None
    not_before: datetime | None = None
    unusable: str = ""


@dataclass(frozen=True, slots=True)
class TargetIdentity:
    """One place where the grant may publish: a profile, a page, a channel.

    `token`: its own one, for platforms that give one beside the person's; "" = calls are made with the grant's.
    `unusable`: why the platform lets nobody publish there although the grant is good (suspended, deactivated, moved),
    as a sentence for people; "" = it may be used.
    """

    remote_id: str
    handle: str
    name: str = ""
    avatar_url: str = ""
    kind: str = "person"
    facts: Mapping[str, Any] = field(default_factory=dict)
    token: str = field(default="", repr=False)
    unusable: str = ""


@dataclass(frozen=True, slots=True)
class GrantOwner:
    """Who gave a grant: the platform's id of the person, and the targets where they may publish."""

    subject: str
    targets: tuple[TargetIdentity, ...]


@dataclass(frozen=True, slots=True)
class EndedGrant:
    """Whose grant has ended, by the platform's id of the person, and when it said so (UTC)."""

    subject: str
    at: datetime


class SignIn(ABC):
    """How a platform's grants come about and live, at one host.

    Every method that talks to the platform may raise what integrations.errors lists. `revoke_ends`: what a revocation
    ends at the platform: this "grant", or everything that the "person" ever granted to the same app. `default_host`:
    the base URL where accounts are unless a person names another host; "" = everybody names theirs.
    `has_other_hosts`: whether there is another to be named. `scope_costs`: the scopes that a person may leave out, each
    with what cannot be done without it, as a sentence for people.
    """

    scope_costs: ClassVar[Mapping[str, str]] = {}
    revoke_ends: ClassVar[Literal["grant", "person"]] = "grant"
    default_host: ClassVar[str] = ""
    has_other_hosts: ClassVar[bool] = True

    def __init__(self, http: Http, info: Mapping[str, Any]) -> None:
        """`http` is bound to the host's base URL, without a token; `info` is what `host_info` gave, as stored."""
        self.http = http
        self.info = info

    @classmethod
    def address_of(cls, instance: str) -> str:
        """The base URL of the host that a person means; "" = they named none. Pure. Raises Refused.

        Of a host named by its name or any address at it the origin counts, by https unless they say http.
        """
        named = instance.strip()
        if named and not cls.has_other_hosts:
            raise Refused("there is one server for everybody; leave this out")
        if not named and not cls.default_host:
            raise Refused("there is no server for everybody; name the one where your account is")
        return str(split_url(named if "://" in named else f"https://{named}")[0]) if named else cls.default_host

    @classmethod
    def ended_grant(cls, app: ClientApp, signed: str) -> EndedGrant | None:  # noqa: ARG003
        """Whose grant a message says has ended that the platform signed with our app's secret; None = it is none. Pure.

        For platforms that call us when a person took a grant back there; this one is for the others.
        """
        return None

    def host_info(self) -> Mapping[str, Any]:
        """What the host says of itself (addresses, limits), in the shape that this platform's code reads.

        With `base_url` where it is to be reached elsewhere. Raises Unavailable, with code `not_this_platform` when
        it does not belong to this platform. Where people name hosts it has to look, and not be this one, which asks
        nobody.
        """
        return {}

    @abstractmethod
    def refresh(self, app: ClientApp, *, refresh_token: str) -> Tokens:
        """Return the new pair. Raises NeedsReconnect when the grant is dead, Unavailable when nobody can say now.

        A pair without a refresh token, or without its end, keeps the old ones.
        """

    @abstractmethod
    def revoke(self, app: ClientApp, *, token: str) -> None:
        """End the grant at the platform; already ended = success."""

    @abstractmethod
    def who_am_i(self, app: ClientApp, *, access_token: str) -> GrantOwner:
        """Whose token this is, and the targets that they may publish to."""


class OAuthFlow(SignIn):
    """Connecting by OAuth: the person says yes at the platform and comes back with a code.

    `denials`: what comes back as `error` where the person said no.
    """

    denials: ClassVar[frozenset[str]] = frozenset({"access_denied"})

    @property
    @abstractmethod
    def scopes(self) -> tuple[str, ...]:
        """What we ask for at this host."""

    @abstractmethod
    def register(self, *, redirect_uri: str) -> ClientApp:
        """Register our app at the host. Platforms where an operator does that raise OperatorProblem."""

    def knows_app(self, app: ClientApp) -> bool:  # noqa: ARG002
        """Whether the host still knows our registration; True where it cannot say, and where none is ever forgotten.

        Asked before a person is sent there: what the host has forgotten is registered again. Raises Unavailable and
        RateLimited when it does not answer now.
        """
        return True

    def learned_from(self, refusal_code: str) -> Mapping[str, Any]:  # noqa: ARG002
        """What a refused sign-in shows of the host that its documents do not say; {} = nothing. Pure.

        It is kept in `info` under "learned", whatever `host_info` gives later. The code is that of a failed call of
        ours; what a browser brings back is anybody's word.
        """
        return {}

    def missing_scopes(self, tokens: Tokens) -> Sequence[str]:  # noqa: ARG002
        """What of the scopes that publishing needs these tokens lack; () where the platform does not say. Pure."""
        return ()

    @abstractmethod
    def authorize_url(self, app: ClientApp, *, redirect_uri: str, state: str, challenge: str) -> str:
        """The address that the person's browser goes to. `challenge` is PKCE's, S256."""

    @abstractmethod
    def exchange(self, app: ClientApp, *, code: str, redirect_uri: str, verifier: str) -> Tokens:
        """Turn the code into tokens. Raises ExchangeRefused when the platform does not take it."""


class PasswordSignIn(SignIn):
    """Connecting by a password that the person made for this at the platform; it is used once and never kept.

    Or by a token that they made there: that is the password, and becomes the grant's token.
    """

    @abstractmethod
    def sign_in(self, *, identifier: str, password: str) -> tuple[Tokens, str]:
        """Return the tokens, and the base URL where the account is at home ("" = here).

        Raises ExchangeRefused when the platform does not take them.
        """

    def refresh(self, app: ClientApp, *, refresh_token: str) -> Tokens:  # noqa: ARG002
        """As SignIn says. This one is for tokens that do not end: only the person can replace one that is refused."""
        raise NeedsReconnect("The platform renews no tokens.", code="no_refresh_token", can_refresh=False)

    def revoke(self, app: ClientApp, *, token: str) -> None:  # noqa: ARG002
        """As SignIn says. This one is for platforms that end no token by a call; people are told to end it there."""
        raise Rejected("only the person can end it there")
