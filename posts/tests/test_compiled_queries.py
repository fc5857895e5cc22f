"""Queries whose SQL is made once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

import pytest
from django.db import connection

from accounts import credential_queries
from mastablasta.core.compiled_queries import CompiledQuery, CompiledUpdate, IsOneOf
from posts.api import presenting
from posts.engine import job_loader
from posts.models import Delivery
from posts.services import post_content
from posts.tests.factories import NOON, make_delivery

pytestmark = pytest.mark.django_db
KEPT_BY_PSYCOPG = 4_096  # characters of a text that psycopg 3.3 reads once
COLUMNS = ("id", "state", "progress", "due_at", "post__content", "account__facts", "account__target_token_enc")


def test_all_gives_what_the_queryset_gives_for_any_number_of_ids() -> None:
    deliveries = [make_delivery(), make_delivery(), make_delivery()]
    Delivery.objects.filter(id=deliveries[0].id).update(progress={"step": [1, None, "é"]})
    of_ids = CompiledQuery(lambda ids: Delivery.objects.filter(IsOneOf("id", ids)).values_list(*COLUMNS), ids=list)

    for wanted in (deliveries[:1], deliveries[:2], deliveries, []):
        ids = [one.id for one in wanted]
        expected = sorted(Delivery.objects.filter(id__in=ids).values_list(*COLUMNS))
        assert sorted(of_ids.all(ids=[*ids, uuid4()])) == expected
        assert (of_ids.first(ids=ids) is not None) == bool(ids)


def test_what_requests_and_drains_ask_is_short_enough_for_psycopg_to_keep() -> None:
    hot = {
        presenting._WHOLE: {"id": uuid4(), "workspace": uuid4()},
        presenting._PARTS: {"ids": [uuid4()]},
        post_content._MEANT: {"workspace": uuid4(), "platforms": [], "accounts": [uuid4()]},
        job_loader._ROWS: {"ids": [uuid4()]},
        credential_queries._KEY: {"sha256": "0"},
    }

    lengths = {len(query.statement(**values)[0]) for query, values in hot.items()}  # type: ignore[arg-type]

    assert connection.vendor != "postgresql" or max(lengths) <= KEPT_BY_PSYCOPG


def test_an_update_changes_what_the_querysets_would_and_takes_none() -> None:
    deliveries = [make_delivery(), make_delivery(), make_delivery()]
    own = CompiledUpdate(
        lambda ids, released_at, tries: (
            Delivery.objects.filter(IsOneOf("id", ids)),
            {"released_at": released_at, "tries": tries},
        ),
        ids=list,
        released_at=datetime,
        tries=int,
    )

    assert own.run(ids=[one.id for one in deliveries[:2]], released_at=NOON, tries=7) == 2
    assert own.run(ids=[deliveries[1].id, uuid4()], released_at=None, tries=0) == 1

    found = [Delivery.objects.values_list("released_at", "tries").get(id=one.id) for one in deliveries]
    assert found == [(NOON, 7), (None, 0), (deliveries[2].released_at, deliveries[2].tries)]


def test_a_slot_that_reaches_no_parameter_is_refused() -> None:
    lost = CompiledUpdate(lambda one, text: (Delivery.objects.filter(id=one), {"tries": 1}), one=UUID, text=str)

    with pytest.raises(ValueError, match="not every one of"):
        lost.run(one=uuid4(), text="")
