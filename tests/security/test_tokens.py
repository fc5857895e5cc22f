"""Tokens that were made, bent or borrowed: none opens anything, at either place that takes one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from rest_framework.test import APIClient

from accounts.models import Session
from accounts.tests.factories import make_session, make_workspace
from accounts.tokens import signing_keys, tokens_for

pytestmark = pytest.mark.django_db
EVIL = "https://evil.example/keys.json"
KINDS = {"access": "access_token", "refresh": "refresh_token"}


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def token(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """Put together by hand: a library refuses to make most of these."""
    text = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"
    return f"{text}.{encoded(sign(text.encode()))}"


def by(key: bytes, digest: str = "sha256") -> Callable[[bytes], bytes]:
    return lambda text: hmac.new(key, text, digest).digest()


def forgeries(genuine: str) -> dict[str, str]:
    """Tokens that claim what a genuine one does, by what is wrong with them."""
    (kid, secret), *_ = signing_keys().items()
    ours, header = by(secret.encode()), {"alg": "HS256", "typ": "JWT", "kid": kid}
    claims: dict[str, Any] = jwt.decode(genuine, options={"verify_signature": False})
    own = ec.generate_private_key(ec.SECP256R1())
    public = own.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    by_own = jwt.encode(claims, own, "ES256", headers={"kid": kid, "jku": EVIL, "x5u": EVIL})
    signature = genuine.rpartition(".")[2]
    longer = encoded(json.dumps({**claims, "exp": 2**40}).encode())
    nothing = {
        f"alg {alg}": token({**header, "alg": alg}, claims, lambda _: b"") for alg in ("none", "None", "nOnE", "")
    }
    kids = {
        f"kid {str(name)[:20]}": token({**header, "kid": name}, claims, by(key))
        for name, key in (
            ("../../../../dev/null", b""), ("/proc/self/environ", b""), ("' UNION SELECT 'k' --", b"k"), ("", b""),
            (None, b""), (0, b"0"), ([kid], secret.encode()), ({"kid": kid}, secret.encode()), ("k" * 100_000, b"k"),
        )
    }  # fmt: skip
    return {
        **nothing,
        **kids,
        "alg none, signed": token({**header, "alg": "none"}, claims, ours),
        "HS384 by our key": token({**header, "alg": "HS384"}, claims, by(secret.encode(), "sha384")),
        "HS512 by our key": token({**header, "alg": "HS512"}, claims, by(secret.encode(), "sha512")),
        "HS256 by a public key": token({**header, "alg": "HS256"}, claims, by(public)),
        "HS256 by SECRET_KEY": token(header, claims, by(settings.SECRET_KEY.encode())),
        "HS256 by its kid": token(header, claims, by(kid.encode())),
        "HS256 by an empty key": token(header, claims, by(b"")),
        "a key that it brings": token({**header, "jwk": {"kty": "oct", "k": encoded(b"mine")}}, claims, by(b"mine")),
        "ES256 by a key of its own": by_own,
        "a header nobody knows": token({**header, "crit": ["exp-free"], "exp-free": True}, claims, ours),
        "claims changed": ".".join([genuine.split(".")[0], longer, signature]),
        "no signature": genuine.rpartition(".")[0] + ".",
        "two parts": genuine.rpartition(".")[0],
        "five parts": f"{genuine}.e30.e30",
        "for another audience": token(header, {**claims, "aud": "another-service"}, ours),
        "of another issuer": token(header, {**claims, "iss": "https://other.example"}, ours),
        "not yet": token(header, {**claims, "nbf": int(time.time()) + 600}, ours),
        "of another kind": token(header, {**claims, "token_type": "sliding"}, ours),
        "end that is text": token(header, {**claims, "exp": "tomorrow"}, ours),
        "claims that are a list": token(header, [claims], ours),  # type: ignore[arg-type]
        "key's digest for a signature": token(header, claims, lambda _: hashlib.sha256(secret.encode()).digest()),
    }  # fmt: skip


def ask(kind: str, text: str) -> tuple[int, str]:
    client = APIClient(raise_request_exception=False)
    if kind == "refresh":
        answer = client.post("/api/v2/auth/refresh", {"refresh_token": text})
    else:
        answer = client.get("/api/v2/auth/me", HTTP_AUTHORIZATION=f"Bearer {text}")
    return answer.status_code, answer.json().get("code", "")


@pytest.mark.parametrize("kind", KINDS)
def test_no_forgery_opens_or_ends_anything(kind: str) -> None:
    pair = tokens_for(make_session(make_workspace().members.get()))
    genuine = pair[KINDS[kind]]

    said = {name: ask(kind, text) for name, text in forgeries(genuine).items()}

    too_long = {name for name, answer in said.items() if kind == "refresh" and answer == (400, "invalid")}
    assert too_long <= {f"kid {'k' * 20}"}  # a body has its limits
    assert {name: answer for name, answer in said.items() if answer != (401, "token_invalid")}.keys() == too_long
    assert not Session.objects.exclude(revoked_at=None).exists()
    assert ask(kind, genuine)[0] == 200


def test_expired_is_said_only_of_what_is_ours() -> None:
    """Who guesses learns nothing of a key from it."""
    genuine = tokens_for(make_session(make_workspace().members.get()))["access_token"]
    (kid, secret), *_ = signing_keys().items()
    claims = {**jwt.decode(genuine, options={"verify_signature": False}), "exp": int(time.time()) - 1}
    header = {"alg": "HS256", "typ": "JWT", "kid": kid}

    assert ask("access", token(header, claims, by(secret.encode()))) == (401, "token_expired")
    assert ask("access", token(header, claims, by(b"another"))) == (401, "token_invalid")
