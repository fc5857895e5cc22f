"""How a platform's grants come about and live, at one host: the other half of what a platform is to the rest.

As a connector, a sign-in is pure: plain values and HTTP in, tokens and names out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from integrations.errors import NeedsReconnect, Rejected
from mastablasta.core.outbound import Http, Refused, split_url


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
