"""Access and refresh tokens: signed with the first of JWT_KEYS, verified with any of them."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenBackendError, TokenError
from rest_framework_simplejwt.tokens import Token

from accounts.models import Session

ALGORITHM = "HS256"
FOR_OTHERS = frozenset({"aud", "iss"})  # ours name neither: whoever shares our key made it for somebody else


class BadToken(Exception):
    """The text is not one of our tokens, or of the wrong kind."""


class ExpiredToken(BadToken):
    """It was one, and its time is over."""


@lru_cache(maxsize=4)
def _by_kid(keys: tuple[str, ...]) -> dict[str, str]:
    return {hashlib.sha256(b"kid:" + key.encode()).hexdigest()[:8]: key for key in keys}


def signing_keys() -> dict[str, str]:
    """The keys by their `kid`; the first signs."""
    return _by_kid(tuple(settings.JWT_KEYS))


class RotatingBackend(TokenBackend):
    """simplejwt's signer, with several keys: each token names its own in the header `kid`."""

    def encode(self, payload: dict[str, Any]) -> str:
        kid, key = next(iter(signing_keys().items()))
        return jwt.encode(payload, key, algorithm=self.algorithm, headers={"kid": kid})

    def get_verifying_key(self, token: Any) -> str:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.InvalidTokenError as error:
            raise TokenBackendError("malformed") from error
        key = signing_keys().get(str(kid))
        if key is None:
            raise TokenBackendError("signed with no key of ours")
        return key


BACKEND = RotatingBackend(ALGORITHM)


class OurToken(Token):
    """`sid` names the session, `sub` the user; `jti` tells the refresh tokens of one session apart."""

    def get_token_backend(self) -> TokenBackend:
        return BACKEND

    @classmethod
    def read(cls, text: str) -> dict[str, UUID]:
        """Return `sid`, `sub` and `jti` of a token. Raises ExpiredToken, BadToken."""
        try:
            token = cls(text)  # type: ignore[arg-type]  # simplejwt declares a Token and takes text
            if FOR_OTHERS & token.payload.keys():
                raise BadToken
            return {claim: UUID(str(token[claim])) for claim in ("sid", "sub", "jti")}
        except ExpiredTokenError as error:
            raise ExpiredToken from error
        except (TokenError, KeyError, ValueError) as error:
            raise BadToken from error


class AccessToken(OurToken):
    token_type = "access"  # noqa: S105
    lifetime = settings.ACCESS_TOKEN_LIFETIME


class RefreshToken(OurToken):
    token_type = "refresh"  # noqa: S105
    lifetime = settings.REFRESH_TOKEN_LIFETIME


def tokens_for(session: Session) -> dict[str, str]:
    """Return `access_token` and `refresh_token` of a session as it stands now."""
    pair: dict[str, OurToken] = {"access_token": AccessToken(), "refresh_token": RefreshToken()}
    for token in pair.values():
        token["sid"], token["sub"] = str(session.id), str(session.user_id)
        token["jti"] = session.current_jti.hex
    return {name: str(token) for name, token in pair.items()}
