"""manage.py retry_failed: what POST /posts/retry-failed does, for operators."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from mastablasta.core.ids import new_id
from mastablasta.core.tests.test_commands import Terminal
from posts.engine import publisher
from posts.models import Delivery, Lane
from posts.tests.conftest import Connect
from posts.tests.factories import make_delivery
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = {"state": "rejected", "error_code": "too_long", "error_message": "Too long.", "error_retryable": False}


def failed(account: SocialAccount | None = None, **overrides: Any) -> Delivery:
    fields = {"state": "failed", "error_code": "timed_out", "error_retryable": True, "attempt_count": 4, **overrides}
    return make_delivery(account, **fields)


def retry_failed(*arguments: str) -> tuple[int, Any]:
    out = io.StringIO()
    try:
        call_command("retry_failed", "--json", *arguments, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def states() -> dict[str, str]:
    return {str(one.post_id): one.state for one in Delivery.objects.order_by("post")}


def test_what_can_be_helped_is_retried_and_the_rest_is_told() -> None:
    mine, other = failed(), failed()
    refused, held = failed(**REFUSED), make_delivery(due_at=None, state="held", error_message="It was too late.")

    first, second = retry_failed(), retry_failed()

    still = [
        {"id": str(refused.post_id), "error": "Too long. Edit the post before you retry it."},
        {"id": str(held.post_id), "error": "It was too late."},
    ]
    assert first == (1, {"retried": [str(mine.post_id), str(other.post_id)], "still_failed": still})
    assert second == (1, {"retried": [], "still_failed": still})
    assert list(states().values()) == ["queued", "queued", "rejected", "held"]


def test_retried_goes_out_once(sandbox: Sandbox, connected: Connect) -> None:
    failed(connected(), content="Again")

    assert retry_failed()[0] == 0
    publisher.drain(worker="w")
    retry_failed()
    publisher.drain(worker="w")

    assert [post["text"] for post in sandbox.posts()] == ["Again"]


@pytest.mark.parametrize("filters", [["--platform", "mastodon"], ["--since", "1h"], ["--code", "timed_out"]], ids=str)
def test_filters_leave_the_others_alone(filters: list[str]) -> None:
    meant = failed()
    other = failed(make_account(platform="twitter"), error_code="status_500")
    Delivery.objects.filter(id=other.id).update(updated_at=timezone.now() - timedelta(hours=2))

    assert retry_failed(*filters) == (0, {"retried": [str(meant.post_id)], "still_failed": []})
    assert states() == {str(meant.post_id): "queued", str(other.post_id): "failed"}


def test_filter_chooses_among_the_deliveries_of_a_post() -> None:
    first = failed()
    account = make_account(workspace=first.workspace, platform="twitter")
    second = Delivery.objects.create(
        post=first.post, workspace=first.workspace, account=account, platform="twitter", state="failed",
        error_retryable=True, due_at=first.due_at,
    )  # fmt: skip

    retry_failed("--platform", "twitter")

    assert [Delivery.objects.get(id=one.id).state for one in (first, second)] == ["failed", "queued"]


def test_workspace_is_the_only_one_touched() -> None:
    mine, other = failed(), failed()

    assert retry_failed("--workspace", str(mine.workspace_id)) == (
        0, {"retried": [str(mine.post_id)], "still_failed": []}
    )  # fmt: skip
    assert states()[str(other.post_id)] == "failed"


def test_rehearsal_says_the_same_and_changes_nothing() -> None:
    failed(), failed(**REFUSED)
    before = [*Delivery.objects.order_by("id").values(), *Lane.objects.order_by("account").values()]

    rehearsed = retry_failed("--dry-run")

    assert [*Delivery.objects.order_by("id").values(), *Lane.objects.order_by("account").values()] == before
    assert rehearsed == retry_failed()


def test_people_read_what_happened() -> None:
    one = failed()
    out, seen = io.StringIO(), Terminal()

    call_command("retry_failed", "--dry-run", stdout=out, stderr=io.StringIO())
    call_command("retry_failed", stdout=out, stderr=seen)

    assert out.getvalue().splitlines() == [
        f"{one.post_id}: would be retried", "1 would be retried, 0 still failed",
        f"{one.post_id}: retried", "1 retried, 0 still failed",
    ]  # fmt: skip
    assert "1 of 1" in seen.getvalue()


@pytest.mark.parametrize(
    "arguments",
    [["--since", "yesterday"], ["--platform", "myspace"], ["--workspace", "1"], ["--workspace", str(new_id())]],
)
def test_wrong_arguments_change_nothing(arguments: list[str]) -> None:
    one = failed()

    with pytest.raises(CommandError) as refusal:
        retry_failed(*arguments)

    assert arguments[0] in str(refusal.value)
    assert states() == {str(one.post_id): "failed"}
