"""Charts in Django admin: the numbers that the API gives."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import timezone

from accounts.roles import SiteRole
from accounts.tests.factories import BACKEND, make_user
from analytics.recording import Sample, record
from analytics.tests.factories import NOON, make_published


def client_of(role):
    client = Client()
    client.force_login(make_user(site_role=role), backend=BACKEND)
    return client


@pytest.mark.django_db
def test_days_of_a_workspace_and_the_history_of_a_post():
    delivery = make_published()
    now = timezone.now()
    record([Sample(delivery.id, NOON, likes=4321)], at=NOON)
    record([Sample(delivery.id, now, likes=5000, answer={"favourites_count": 5000})], at=now)
    operator = client_of(SiteRole.ADMIN)

    empty = operator.get("/admin/analytics/latestmetrics/by-day/")
    days = operator.get(f"/admin/analytics/latestmetrics/by-day/?workspace={delivery.workspace_id}&days=90")
    post = operator.get(f"/admin/analytics/latestmetrics/of-post/{delivery.post_id}/")

    assert (empty.status_code, days.status_code, post.status_code) == (200, 200, 200)
    likes = days.context["names"].index("likes")
    assert days.context["rows"][-1][1][likes] == sum(row[1][likes] or 0 for row in days.context["rows"][:-1])
    [by_day], [by_look] = days.context["charts"], post.context["accounts"][0]["charts"]
    assert by_day["values"] == [row[1][likes] for row in days.context["rows"][:-1]]
    assert (by_day["values"][-1], by_look["values"]) == (679, [4321, 5000])
    pages = days.content.decode() + post.content.decode()
    assert '"values": [4321, 5000]' in pages
    assert "favourites_count" in pages
    assert set(re.findall(r"<script(?! src)[^>]*>", pages)) == {
        '<script id="chart-likes" type="application/json">',
        f'<script id="{delivery.account_id}-likes" type="application/json">',
    }
    about = operator.get(f"/admin/posts/post/{delivery.post_id}/change/").content.decode()
    assert f"/admin/analytics/latestmetrics/of-post/{delivery.post_id}/" in about
    assert '"values": [4321, 5000]' in about


@pytest.mark.django_db
def test_nobody_else_sees_them():
    for page in ("by-day/", f"of-post/{make_published().post_id}/"):
        answer = client_of(SiteRole.EDITOR).get(f"/admin/analytics/latestmetrics/{page}")
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/admin/login/")
