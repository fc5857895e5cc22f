"""`manage.py demo` on a running instance."""

from __future__ import annotations

import json

from tests.instance import Instance


def test_demo_ends_with_each_post_out_once_though_platforms_broke(instance: Instance) -> None:
    told = instance.manage("demo", timeout_s=180)
    ended = json.loads(instance.manage("demo", "--json", timeout_s=180).stdout)

    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.splitlines()[-1].endswith("calls, and each platform has the post once")
    assert [line[:2] for line in told.stdout.splitlines() if line[0].isdigit()][:5] == ["1.", "2.", "3.", "4.", "5."]
    assert (ended["status"], ended["copies"]) == ("published", {"mastodon": 1, "twitter": 1, "bluesky": 1})
    assert {"published", "unknown"} <= {attempt["outcome"] for attempt in ended["attempts"]}
    assert len(ended["attempts"]) >= 5
