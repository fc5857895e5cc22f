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
from integrations.errors import Rejected
from integrations.sign_in import ClientApp
from mastablasta.core.errors import FieldProblem
from mastablasta.core.media_rules import MediaRule
from mastablasta.core.outbound import Auth, Http

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
