"""A backup of a whole instance, restored into an empty database: nothing is lost and nothing goes out twice."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.instance import Instance
from tests.pg import database


def test_restored_instance_sends_nothing_again_and_goes_on_once_released(own_database_url: str, tmp_path: Path) -> None:
    with Instance(own_database_url, folder=tmp_path / "home") as instance:
        ada = instance.client()
        account = ada.connect_mastodon("ada")
        at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        post = ada.post("posts", {"content": "out since the backup", "accounts": [account], "scheduled_time": at})
        path = json.loads(instance.manage("backup", "--json").stdout)["path"]
        ada.post(f"posts/{post['id']}/publish")
        instance.wait_for(instance.sandbox.posts, what="out")
        instance.stop()

        with database(os.environ.get("DATABASE_URL", "")) as empty:
            instance.database_url = empty
            replaces = () if empty else ("--replace",)  # SQLite's file stays where it is
            if not empty:
                instance.execute("DELETE FROM core_heartbeat")  # as if it had been stopped some time ago
            restored = instance.manage("restore", path, *replaces, timeout_s=180)
            assert restored.returncode == 0, restored.stdout + restored.stderr
            instance.start()
            assert ada.get("status")["publishing"] is False
            released = json.loads(instance.manage("release", "--hold-scheduled", "--json").stdout)
            ada.post("posts", {"content": "after the release", "accounts": [account], "publish": True})
            instance.wait_for(lambda: len(instance.sandbox.posts()) > 1, what="out after the release")

            assert released == {"was_held": True, "held": 1, "unconfirmed": 0}
            assert [post["text"] for post in instance.sandbox.posts()] == ["out since the backup", "after the release"]
            statuses = [post["status"] for post in ada.get("posts")["posts"]]
            assert sorted(statuses) == ["published", "scheduled"]
            instance.stop()
