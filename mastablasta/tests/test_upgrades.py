"""What an older version left behind is understood after an upgrade."""

from __future__ import annotations

import pytest
from django.utils.module_loading import import_string


@pytest.mark.parametrize(
    "path",
    [
        "integrations.tasks.refresh_tokens",
        "mastablasta.chores.refresh_host_info",
        "mastablasta.chores.tidy",
        "mastablasta.chores.work_on_media",
        "mastablasta.core.jobs.beat",
        "mastablasta.core.jobs.cluster.echo",
        "posts.tasks.drain",
        "posts.tasks.sweep_lanes",
        "posts.tasks.unpark_lanes",
    ],
)
def test_task_queued_before_is_found(path: str) -> None:
    assert callable(import_string(path))


def test_web_server_is_configured_under_its_old_name() -> None:
    assert import_string("mastablasta.gunicorn.wsgi_app") == "mastablasta.wsgi:application"
