"""Auth: a token, how it is shown, and the only places that ever get it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Auth:
    """The token that a host's calls are made with; "" = none.

    It goes as `Authorization: <scheme> <token>` to the origin of the base URL and to `origins` (such as
    "https://rupload.example.com"), and to nothing else: neither to other absolute URLs nor to where a redirect leads.
    `sign` is given the token and returns query parameters for each call to the base URL's origin, such as a proof that
    our app makes the call; the further origins get no signature.
    """

    token: str = field(repr=False)
    scheme: str = "Bearer"
    origins: tuple[str, ...] = ()
    sign: Callable[[str], Mapping[str, str]] | None = field(default=None, repr=False)
