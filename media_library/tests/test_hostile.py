"""What must not be uploaded is refused: the right status, one clear reason, and nothing left of it anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.tests.factories import make_workspace, signed_in
from mastablasta.core.tests.answers import assert_problem
from media_library.models import Asset
from media_library.tests import hostile

pytestmark = pytest.mark.django_db

CASES = {
    **{name: (415, "not_media", make) for name, make in hostile.OTHER.items()},
    **{name: (400, "two_in_one", make) for name, make in hostile.TWO_IN_ONE.items()},
    **{name: (400, "damaged", make) for name, make in hostile.DAMAGED.items()},
    **{name: (400, code, make) for name, (code, make) in hostile.TOO_MUCH.items()},
    **{name: (415, code, make) for name, (code, make) in hostile.NO_PICTURES.items()},
    **{name: (400, code, make) for name, (code, make) in hostile.UNREADABLE.items()},
    **{name: (413, "too_large", make) for name, make in hostile.TOO_LARGE.items()},
    "nothing": (400, "empty", lambda: b""),
}


def everything() -> set[Path]:
    """Every file in the storage and beside it."""
    return {path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", CASES)
def test_hostile_file_is_refused_and_nothing_is_left(name: str):
    status, code, make = CASES[name]
    client = signed_in(make_workspace().members.get())
    before = everything()

    answer = client.post(
        "/api/v2/media/upload", {"file": SimpleUploadedFile("holiday.jpg", make(), "image/jpeg")}, format="multipart"
    )

    body: dict[str, Any] = answer.json()
    assert len(body["errors"]) == 1, body
    assert_problem(answer, status, code, f"file: {body['errors'][0]['message']}", body["errors"])
    assert (body["errors"][0]["field"], body["errors"][0]["code"]) == ("file", code)
    assert body["detail"].count(". ") == 0
    assert str(settings.MEDIA_ROOT) not in answer.content.decode()
    assert not Asset.objects.exists()
    assert everything() == before
