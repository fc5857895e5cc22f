"""manage.py rotate_encryption_key: resumable, beside a running program, with both keys valid meanwhile."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from pytest_django.fixtures import Settings

from integrations.models import Credential, OAuthState, PlatformHost, SocialAccount
from integrations.tests.factories import make_account, make_oauth_state
from mastablasta.core import rotation
from webhooks.models import Endpoint
from webhooks.tests.factories import make_endpoint

pytestmark = pytest.mark.django_db

OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))


def secrets() -> list[Any]:
    return [
        *Credential.objects.order_by("id").values_list("access_enc", "refresh_enc"),
        *SocialAccount.objects.order_by("id").values_list("target_token_enc"),
        *PlatformHost.objects.values_list("client_secret_enc"),
        *OAuthState.objects.values_list("verifier_enc", "held_enc"),
        *Endpoint.objects.values_list("secret_enc", "old_secret_enc"),
    ]


def rotate() -> tuple[dict[str, int], int]:
    said, status = StringIO(), 0
    try:
        call_command("rotate_encryption_key", json=True, stdout=said)
    except SystemExit as end:
        status = int(str(end.code))
    return json.loads(said.getvalue()), status


def test_every_secret_is_read_with_the_new_key_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "BLOCK", 2)
    settings.ENCRYPTION_KEYS = [OLD]
    for number in range(3):
        make_account(target_token_enc=f"page-{number}")
    Credential.objects.update(refresh_enc="refresh")
    make_oauth_state()
    make_endpoint()
    before = secrets()
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    make_account(target_token_enc="written-since")
    assert secrets() != before
    before = secrets()

    first, again = rotate(), rotate()

    settings.ENCRYPTION_KEYS = [NEW]
    assert secrets() == before
    told, status = first
    assert (status, told["kept"], told["unreadable"]) == (0, 2, 0)
    assert again == ({"rotated": 0, "kept": told["rotated"] + 2, "unreadable": 0}, 0)


def test_what_no_key_reads_is_counted_and_left(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [LOST]
    lost = make_account(target_token_enc="lost")
    settings.ENCRYPTION_KEYS = [OLD]
    SocialAccount.objects.filter(id=make_account(platform_host=lost.platform_host).id).update(target_token_enc="kept")
    settings.ENCRYPTION_KEYS = [NEW, OLD]

    told, status = rotate()

    assert (told, status) == ({"rotated": 2, "kept": 0, "unreadable": 3}, 1)
    settings.ENCRYPTION_KEYS = [LOST]
    assert SocialAccount.objects.values_list("target_token_enc", flat=True).get(id=lost.id) == "lost"


def test_token_that_is_renewed_meanwhile_stays(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    make_account()
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    original = rotation.crypto.rotate

    def renewed(value: bytes) -> bytes:
        Credential.objects.update(access_enc="renewed")
        return original(value)

    monkeypatch.setattr(rotation.crypto, "rotate", renewed)
    rotate()

    settings.ENCRYPTION_KEYS = [NEW]
    assert Credential.objects.get().access_enc == "renewed"
