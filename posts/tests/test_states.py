"""Every pair of the tables of states: what a table does not allow, its StateTable and the database refuse."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from integrations import registry
from integrations.models import SocialAccount
from integrations.states import ACCOUNT_MOVES, AccountState
from integrations.tests.factories import make_account
from mastablasta.core import state_triggers
from mastablasta.core.transitions import IllegalMove, StateTable
from posts.models import Delivery, Post, PostType
from posts.states import DELIVERY_MOVES, DeliveryState
from posts.tests.factories import NOON, make_post

pytestmark = pytest.mark.django_db

IN_FLIGHT = {DeliveryState.SENDING}
MARKED = {DeliveryState.UNKNOWN, DeliveryState.UNCONFIRMED}


def columns(state: str) -> dict[str, Any]:
    """What a delivery in this state has to say beside it."""
    is_leased, is_marked = state in IN_FLIGHT, state in MARKED
    return {
        "state": state,
        "due_at": NOON,
        "next_attempt_at": NOON,
        "remote_id": "1",
        "published_at": NOON,
        "lease_token": uuid4() if is_leased else None,
        "lease_expires_at": NOON if is_leased else None,
        "sent_at": NOON if is_marked else None,
        "doubted_at": NOON if is_marked else None,
    }


def is_refused(change: Any) -> bool:
    try:
        with transaction.atomic():
            change()
    except IntegrityError:
        return True
    return False


@pytest.mark.parametrize("source", DeliveryState.values)
def test_a_delivery_moves_as_the_table_says(source: str) -> None:
    post = make_post()
    [draft] = post.deliveries.all()
    for target in DeliveryState.values:
        Delivery.objects.all().delete()
        row = Delivery.objects.create(
            post=post, workspace=post.workspace, account_id=draft.account_id, platform="mastodon", **columns(source)
        )

        refused = is_refused(lambda row=row, to=target: Delivery.objects.filter(id=row.id).update(**columns(to)))

        assert refused is not (source == target or DELIVERY_MOVES.allows(source, target)), f"{source} -> {target}"
        row.refresh_from_db()
        assert row.state == (source if refused else target)


@pytest.mark.parametrize("source", AccountState.values)
def test_an_account_moves_as_the_table_says(source: str) -> None:
    for target in AccountState.values:
        account = make_account(state=source)

        refused = is_refused(lambda a=account, to=target: SocialAccount.objects.filter(id=a.id).update(state=to))

        assert refused is not (source == target or ACCOUNT_MOVES.allows(source, target)), f"{source} -> {target}"


@pytest.mark.parametrize("table", [DELIVERY_MOVES, ACCOUNT_MOVES], ids=["delivery", "account"])
def test_a_table_refuses_what_it_does_not_name(table: StateTable) -> None:
    for source in table.states:
        for target in table.states:
            if table.allows(source, target):
                table.check(source, target)
                continue
            with pytest.raises(IllegalMove):
                table.check(source, target)


def test_tables_know_every_state() -> None:
    assert DELIVERY_MOVES.states == set(DeliveryState.values)
    assert ACCOUNT_MOVES.states == set(AccountState.values)


def test_a_guard_is_made_anew_when_its_table_changes() -> None:
    account = make_account(state="active")
    fewer = StateTable({**ACCOUNT_MOVES.moves, "active": set()})

    changed = state_triggers.install(connection, table="integrations_socialaccount", moves=fewer)

    assert (changed, state_triggers.install(connection, table="integrations_socialaccount", moves=fewer)) == (
        True,
        False,
    )
    assert is_refused(lambda: SocialAccount.objects.filter(id=account.id).update(state="paused"))
    assert state_triggers.install(connection, table="integrations_socialaccount", moves=ACCOUNT_MOVES)
    assert not is_refused(lambda: SocialAccount.objects.filter(id=account.id).update(state="paused"))


def test_type_of_post_is_the_platforms_to_declare(db: None) -> None:
    post = make_post(post_type="document_carousel")

    assert Post.objects.get(id=post.id).post_type == "document_carousel"


def test_every_declared_type_of_post_has_a_name_in_the_api() -> None:
    declared = {
        kind for slug in registry.PLATFORM_SLUGS if registry.is_built(slug)
        for kind in registry.capabilities(slug).post_types
    }  # fmt: skip

    assert declared <= set(PostType.values)
