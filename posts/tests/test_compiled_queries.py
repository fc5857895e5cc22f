"""Queries whose SQL is made once."""

from __future__ import annotations

from uuid import uuid4

import pytest

from mastablasta.core.compiled_queries import CompiledQuery, IsOneOf
from posts.models import Delivery
from posts.tests.factories import make_delivery

pytestmark = pytest.mark.django_db
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
