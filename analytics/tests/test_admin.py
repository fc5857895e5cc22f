"""Charts in Django admin: the numbers that the API gives, drawn without a script."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from accounts.roles import SiteRole
from accounts.tests.factories import make_user
from analytics.charts import HEIGHT, WIDTH, bar_chart
from analytics.recording import Sample, record
from analytics.tests.factories import NOON, make_published
from tests.test_description import BACKEND


def client_of(role):
    client = Client()
    client.force_login(make_user(site_role=role), backend=BACKEND)
    return client


def test_bars_stand_on_zero_and_hang_from_it():
    chart = bar_chart("likes", [("Mon", 30), ("Tue", None), ("Wed", -10), ("Thu", 0)])

    zero = HEIGHT * 3 / 4
    assert chart.zero == zero
    assert [(bar.y, bar.height, bar.value) for bar in chart.bars] == [
        (0, zero, 30),
        (zero, 0, None),
        (zero, HEIGHT / 4, -10),
        (zero, 0, 0),
    ]
    assert chart.bars[-1].x + chart.bars[-1].width < WIDTH
    assert bar_chart("likes", []).bars == []


@pytest.mark.django_db
def test_days_of_a_workspace_and_the_history_of_a_post():
    delivery = make_published()
    now = timezone.now()
    record([Sample(delivery.id, NOON, likes=4321)], at=NOON)
    record([Sample(delivery.id, now, likes=5000)], at=now)
    operator = client_of(SiteRole.ADMIN)

    empty = operator.get("/admin/analytics/latestmetrics/by-day/")
    days = operator.get(f"/admin/analytics/latestmetrics/by-day/?workspace={delivery.workspace_id}&days=90")
    post = operator.get(f"/admin/analytics/latestmetrics/of-post/{delivery.post_id}/")

    assert (empty.status_code, days.status_code, post.status_code) == (200, 200, 200)
    likes = days.context["names"].index("likes")
    assert days.context["rows"][-1][1][likes] == sum(row[1][likes] or 0 for row in days.context["rows"][:-1])
    assert "4321</title>" in post.content.decode()
    assert "<script>" not in days.content.decode() + post.content.decode()
    assert f"/admin/analytics/latestmetrics/of-post/{delivery.post_id}/" in operator.get(
        f"/admin/posts/post/{delivery.post_id}/change/"
    ).content.decode()  # fmt: skip


@pytest.mark.django_db
def test_nobody_else_sees_them():
    for page in ("by-day/", f"of-post/{make_published().post_id}/"):
        answer = client_of(SiteRole.EDITOR).get(f"/admin/analytics/latestmetrics/{page}")
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/admin/login/")
