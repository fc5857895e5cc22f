"""A client that a generator makes of the description works: all of it can be imported, and a person's way through a
running instance is gone with it."""

from __future__ import annotations

import importlib
import io
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest

from media_library.formats import FORMATS
from media_library.tests.factories import photo
from tests.client import _redirect
from tests.described import CHECKED_IN
from tests.instance import Instance

PACKAGE = "generated_client"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The client, freshly made; a warning of its generator is a fault of our description."""
    folder = tmp_path_factory.mktemp("generated")
    of_files = dict.fromkeys(FORMATS, "application/octet-stream")  # the one type of bytes that it knows
    (folder / "config.yml").write_text(json.dumps({"post_hooks": [], "content_type_overrides": of_files}))
    done = subprocess.run(
        [
            sys.executable, "-m", "openapi_python_client", "generate", "--path", str(CHECKED_IN), "--meta", "none",
            "--output-path", str(folder / PACKAGE), "--config", str(folder / "config.yml"), "--fail-on-warning",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield importlib.import_module(PACKAGE)
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


def test_every_module_of_it_can_be_imported(package: ModuleType) -> None:
    names = [one.name for one in pkgutil.walk_packages(package.__path__, f"{PACKAGE}.")]

    modules = [importlib.import_module(name) for name in names]

    assert len([one for one in modules if hasattr(one, "sync_detailed")]) > 50


class Person:
    """Calls operations by their ids and holds that each answer is one that the client can read."""

    def __init__(self, package: ModuleType, instance: Instance) -> None:
        self.models = importlib.import_module(f"{PACKAGE}.models")
        self.types = importlib.import_module(f"{PACKAGE}.types")
        self.client: Any = package.Client(base_url=instance.url)
        self.package, self.instance = package, instance

    def call(self, operation: str, *args: Any, answers: int = 200, **kwargs: Any) -> Any:
        tag = next(one for one in ("analytics", "bulk", "search", *TAGS) if operation.startswith(one))
        module = importlib.import_module(f"{PACKAGE}.api.{tag}.{operation}")
        answer = module.sync_detailed(*args, client=self.client, **kwargs)
        assert answer.status_code == answers, (operation, answer.content)
        return answer.parsed

    def signs_in(self, token: str) -> None:
        self.client = self.package.AuthenticatedClient(base_url=self.instance.url, token=token)


TAGS = ("auth", "accounts", "oauth", "media", "posts", "workspaces", "platforms", "calendar", "schedule", "status")


def test_a_persons_way_through_the_api(package: ModuleType, instance: Instance) -> None:
    person = Person(package, instance)
    models, call = person.models, person.call
    email, password = f"{uuid4().hex[:12]}@example.org", "analytical-engine"

    registered = call(
        "auth_register_create",
        body=models.RegistrationRequest(email=email, password=password, name="Ada"), answers=201,
    )  # fmt: skip
    signed_in = call("auth_login_create", body=models.CredentialsRequest(email=email, password=password))
    assert signed_in.user.id == registered.user.id
    person.signs_in(signed_in.access_token)
    assert call("auth_me_retrieve").email == email
    key = call("auth_api_keys_create", body=models.ApiKeyRequest(name="Robot"), answers=201)
    assert key.id in {one.id for one in call("auth_api_keys_list").api_keys}
    call("auth_api_keys_destroy", key.id, answers=204)

    started = call("oauth_authorize_retrieve", "mastodon")
    address = _redirect(f"{started.url}&_consent=ada")
    query = dict(pair.split("=", 1) for pair in address.partition("?")[2].split("&"))
    connected = call("oauth_callback_retrieve", "mastodon", code=query["code"], state=query["state"])
    account = call("accounts_retrieve", connected.account_id)
    assert (account.platform, account.is_default) == ("mastodon", True)
    assert [one.id for one in call("accounts_list").accounts] == [account.id]

    file = person.types.File(payload=io.BytesIO(photo()), file_name="beach.jpg", mime_type="image/jpeg")
    picture = call("media_upload_create", body=models.UploadRequest(file=file, alt_text="A beach"), answers=201)
    assert call("media_retrieve", picture.id).alt_text == "A beach"

    when = datetime(2030, 1, 31, 9, tzinfo=UTC)
    new = {
        "content": "Good morning!", "platforms": ["mastodon"], "media": [str(picture.id)],
        "scheduled_time": when.isoformat(),
    }  # fmt: skip
    verdict = call("posts_validate_create", body=models.TriedPostRequest.from_dict(new))
    assert verdict.valid
    post = call("posts_create", body=models.NewPostRequest.from_dict(new), answers=201)
    assert (post.scheduled_time, post.status, post.accounts) == (when, "scheduled", [account.id])
    again = call("posts_create", body=models.NewPostRequest.from_dict(new), answers=201)
    assert {one.code for one in again.warnings} == {"duplicate_text", "too_near"}
    listed = call("posts_list", limit=1, status=[models.PostStatus.SCHEDULED])
    assert (listed.total, len(listed.posts)) == (2, 1)
    assert {one.id for one in call("search_posts_list", q="morning").posts} == {post.id, again.id}
    changed = call(
        "posts_partial_update", again.id, body=models.PatchedEditedPostRequest.from_dict({"content": "Good night!"})
    )
    assert (changed.content, changed.id) == ("Good night!", again.id)
    bulk = models.BulkCreateRequest.from_dict({"posts": [{"content": "One"}, {"content": ""}]})
    told = call("bulk_posts_create_create", body=bulk)
    assert ([one.content for one in told.successful], [one.index for one in told.failed]) == (["One"], [1])
    published = call("posts_publish_create", post.id, prefer="wait=20", body=models.PublishRequest())
    assert published.post.status == "published", published.to_dict()
    call("posts_destroy", again.id, answers=204)
    gone = call("bulk_posts_delete_create", body=models.BulkIdsRequest(post_ids=[told.successful[0].id]))
    assert gone.failed == []
    refused = call("posts_retrieve", again.id, answers=404)
    assert (refused.code, refused.status) == ("not_found", 404)
