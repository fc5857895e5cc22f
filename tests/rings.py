"""Which ring each test belongs to: by where it stands and which fixtures it asks for, so that nobody marks by hand.

pure         asks for no database; runs once
database     uses Django's database; runs on PostgreSQL
vendor       of these, what touches SQL of our own or a database's manners, and a walk over every endpoint and every
             command; these run on SQLite too in `make test`, all others of `database` in `make test-more`
processes    starts whole processes, a browser or a fuzzer; runs once
core         of these, what every change must pass

`python -m tests` ends with the time of each ring and its slowest tests; docs/testing.md says what that is for.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Generator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
DATABASE_FIXTURES = frozenset({"db", "transactional_db", "admin_client", "admin_user", "live_server"})
CORE = "tests/e2e"
PROCESSES = (CORE, "tests/faults", "tests/more")
REPORT = "MASTABLASTA_TEST_REPORT"  # names the file that a run writes what came of each test to
# Files of whole processes with tests that take more than half a minute; these begin before the others.
LONG = (
    "tests/more/test_fuzzing.py", "tests/more/test_plans.py", "tests/more/test_admin_pages.py",
    "tests/more/test_bulk_jobs.py", "tests/more/test_silent_storage.py", "tests/more/test_backup.py",
    "tests/faults/test_kills.py", "tests/faults/test_database.py", "tests/faults/test_processes.py",
)  # fmt: skip
TOGETHER = ("tests/more/test_plans.py", "tests/faults/test_database.py")  # whose tests share a fixture that takes long
MOST_SECONDS = 2.0  # what a test outside whole processes may take
LONGEST_S = 900  # one of whole processes that is not done by then hangs; how long it takes says nothing of the program

# Code that speaks SQL of its own, locks rows or asks which database it is on, and the tests that hold it on both.
# tests/test_rings.py looks for such code that is not named here.
SQL_OF_OUR_OWN: dict[str, tuple[str, ...]] = {
    "accounts/migrations/0003_emails_in_one_form.py": ("accounts/tests/test_unicode.py",),
    "accounts/migrations/0006_zones_of_their_own.py": (
        "accounts/tests/test_workspaces.py::test_utc_that_nobody_chose_is_no_zone_of_ones_own",
    ),
    "accounts/services/api_keys.py": ("accounts/tests/test_api_keys.py",),
    "accounts/services/second_factor.py": ("accounts/tests/test_second_factor.py",),
    "accounts/services/members.py": ("accounts/tests/test_members.py::test_of_two_owners_who_leave_at_once_one_stays",),
    "analytics/collection/jobs.py": ("analytics/tests/test_collection.py",),
    "analytics/collection/lanes.py": ("analytics/tests/test_lanes.py",),
    "analytics/collection/queue.py": ("analytics/tests/test_collection.py",),
    "analytics/migrations/0002_lane_ready_at.py": ("analytics/tests/test_lanes.py",),
    "analytics/in_order.py": ("analytics/tests/test_recording.py",),
    "analytics/recording.py": ("analytics/tests/test_recording.py",),
    "analytics/services/rollups.py": ("analytics/tests/test_rollups.py",),
    "analytics/services/alerts.py": ("analytics/tests/test_alerts.py",),
    "analytics/services/refresh.py": ("analytics/tests/test_api.py",),
    "integrations/services/accounts.py": ("integrations/tests/test_changing.py",),
    "integrations/services/authorisations.py": ("integrations/tests/test_oauth_connect.py",),
    "integrations/services/budgets.py": ("posts/tests/test_pace.py",),
    "integrations/services/disconnection.py": ("integrations/tests/test_disconnection.py",),
    "integrations/services/global_pause.py": (
        "posts/tests/test_switches.py::test_hosts_and_everything_are_switched_by_site_admins_alone",
        "posts/tests/test_switches.py::test_pressed_again_it_pauses_what_goes_on",
        "posts/tests/test_switches.py::test_everything_is_switched_beside_a_drain_that_writes_of_several_hosts",
    ),
    "integrations/services/withdrawals.py": (
        "integrations/tests/test_withdrawals.py::test_deletion_leaves_neither_tokens_nor_names_and_says_so",
    ),
    "integrations/services/signing_out.py": (
        "integrations/tests/test_tokens.py",
        "integrations/tests/test_account_check.py",
    ),
    "mastablasta/ops/clock.py": ("mastablasta/tests/test_clock.py",),
    "mastablasta/core/migrations/0002_queue_index.py": ("mastablasta/core/tests/test_jobs.py",),
    "mastablasta/core/audit/recording.py": ("mastablasta/core/audit/tests/test_recording.py",),
    "mastablasta/core/bulk_insert.py": ("posts/tests/test_bulk_insert.py",),
    "mastablasta/core/database_changes.py": ("mastablasta/core/tests/test_database_changes.py",),
    "mastablasta/core/indexes.py": ("posts/tests/test_calendar.py",),
    "mastablasta/core/lookups.py": ("media_library/tests/test_library.py",),
    "mastablasta/core/models.py": (
        "mastablasta/core/tests/test_heartbeats.py",
        "mastablasta/tests/test_metrics.py",
        "tests/test_limits.py::test_registrations_have_an_hour",
    ),
    "mastablasta/ops/backups.py": ("mastablasta/tests/test_backup.py",),
    "mastablasta/ops/dump.py": ("mastablasta/tests/test_backup.py",),
    "mastablasta/core/holds.py": ("mastablasta/tests/test_release.py",),
    "mastablasta/core/state_triggers.py": ("posts/tests/test_states.py",),
    "mastablasta/core/compiled_queries.py": (
        "accounts/tests/test_authentication.py",
        "posts/tests/test_compiled_queries.py",
    ),
    "mastablasta/web/database_pool.py": ("mastablasta/web/tests/test_database_pool.py",),
    "mastablasta/ops/health.py": ("mastablasta/tests/test_health.py",),
    "mastablasta/ops/diagnosis.py": ("mastablasta/tests/test_doctor.py",),
    "mastablasta/management/commands/up.py": (),  # a lock around migrations, on PostgreSQL only: tests/e2e
    "media_library/services/deletion.py": ("media_library/tests/test_deletion.py",),
    "media_library/services/intake.py": ("media_library/tests/test_storing.py",),
    "posts/migrations/0002_narrow_rows.py": ("posts/tests/test_states.py",),
    "posts/api/found_pages.py": ("posts/tests/test_search.py",),
    "posts/guard/neighbours.py": ("posts/tests/test_guard.py", "posts/tests/test_guard_races.py"),
    "posts/migrations/0013_fill_fingerprints.py": ("posts/tests/test_guard.py",),
    "posts/queue/claims.py": ("posts/tests/test_claims.py",),
    "posts/queue/postgresql.py": ("posts/tests/test_claims.py",),
    "posts/queue/sqlite.py": ("posts/tests/test_claims.py",),
    "posts/queue/types.py": ("posts/tests/test_claims.py",),
    "posts/services/bulk_jobs.py": ("posts/tests/test_bulk_jobs.py",),
    "posts/services/creation.py": ("posts/tests/test_bulk.py",),
    "posts/services/locks.py": ("posts/tests/test_bulk.py", "posts/tests/test_bulk_changes.py"),
    "posts/search/common_words.py": ("posts/tests/test_search.py",),
    "posts/search/fts5.py": ("posts/tests/test_search.py",),
    "posts/search/index.py": ("posts/tests/test_search_index.py",),
    "posts/search/matching.py": ("posts/tests/test_search.py",),
    "posts/services/post_renditions.py": ("posts/tests/test_media.py",),
    "posts/services/scheduling.py": ("posts/tests/test_conflicts.py",),
    "posts/services/media_deletion.py": ("posts/tests/test_remote_deletion.py",),
    "webhooks/queue.py": ("webhooks/tests/test_sender.py", "posts/tests/test_events.py"),
    "webhooks/services/endpoints.py": ("webhooks/tests/test_api.py",),
}
# What else differs between databases: how text is compared and searched, pages are cut, rows are unique, calls race.
MANNERS = (
    "analytics/tests/test_overview.py",
    "accounts/tests/test_invitations.py::test_of_two_who_accept_one_token_at_once_one_is_let_in",
    "accounts/tests/test_password_reset.py::test_of_two_with_one_token_at_once_one_changes_it",
    "accounts/tests/test_races.py",
    "accounts/tests/test_registering.py",
    "integrations/tests/test_refreshing_ahead.py",
    "mastablasta/core/tests/test_api_pagination.py",
    "media_library/tests/test_render_worker.py",
    "posts/tests/test_api.py::test_a_read_shows_deliveries_tags_and_files_each_in_their_order",
    "posts/tests/test_api.py::test_first_pages_are_those_of_the_whole_list",
    "posts/tests/test_api.py::test_what_a_create_asks_the_database",
    "posts/tests/test_calendar.py",
    "posts/tests/test_external_ids.py",
    "posts/tests/test_filters.py",
    "posts/tests/test_import_export.py",
    "posts/tests/test_publishing.py",
    "posts/tests/test_threads.py",
    "tests/test_idempotency.py",
)
# Every endpoint and every command, once each.
WALKS = (
    "analytics/tests/test_collect_analytics.py",
    "accounts/tests/test_remove_second_factor.py",
    "accounts/tests/test_set_site_role.py",
    "integrations/tests/test_refresh_tokens.py",
    "integrations/tests/test_rotate_encryption_key.py",
    "media_library/tests/test_import_media.py",
    "media_library/tests/test_storage_audit.py",
    "posts/tests/test_export_posts.py",
    "posts/tests/test_import_posts.py",
    "posts/tests/test_import_v1.py",
    "posts/tests/test_publish_due.py",
    "posts/tests/test_retry_failed.py",
    "webhooks/tests/test_deliver_webhooks.py",
    "webhooks/tests/test_webhook_receiver.py",
    "tests/test_tenancy.py::test_owner_is_let_through_and_the_audit_log_hears_of_what_they_change",
    "tests/test_tenancy.py::test_public_operation_asks_nobody_to_sign_in",
)
VENDOR = frozenset(WALKS) | frozenset(MANNERS) | {path for paths in SQL_OF_OUR_OWN.values() for path in paths}
VENDOR_PATHS = tuple(sorted({path.partition("::")[0] for path in VENDOR}))


def rings_of(item: pytest.Item) -> tuple[str, ...]:
    """The names of the rings that `item` belongs to."""
    path = _place_of(item.path)
    if path.startswith(PROCESSES):
        return ("processes", "core") if path.startswith(CORE) else ("processes",)
    fixtures = set(getattr(item, "fixturenames", ()))
    if item.get_closest_marker("django_db") is None and not fixtures & DATABASE_FIXTURES:
        return ("pure",)
    function = f"{path}::{getattr(item, 'originalname', item.name)}"
    return ("database", "vendor") if VENDOR & {path, function} else ("database",)


def marks_of(item: pytest.Item) -> list[pytest.MarkDecorator]:
    """What `item` is marked with: its rings; LONGEST_S, where it starts whole processes and has no limit of its own."""
    rings = rings_of(item)
    marks = [getattr(pytest.mark, ring) for ring in rings]
    if "processes" in rings and item.get_closest_marker("timeout") is None:
        marks.append(pytest.mark.timeout(LONGEST_S))
    return marks


@cache
def _place_of(path: Path) -> str:
    """Where it stands in the project, of thousands of tests in some hundred files."""
    return path.relative_to(ROOT).as_posix()


def pytest_configure(config: pytest.Config) -> None:
    for ring in ("pure", "database", "vendor", "processes", "core"):
        config.addinivalue_line("markers", f"{ring}: a ring; see tests/rings.py")
    if (path := os.environ.get(REPORT)) and not hasattr(config, "workerinput"):  # xdist's workers report to the first
        config.pluginmanager.register(Report(Path(path)))


@pytest.hookimpl(wrapper=True, tryfirst=True)  # marks before `-m` looks, and order after it
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, Any, Any]:
    for item in items:
        for mark in marks_of(item):
            item.add_marker(mark)
    result = yield
    if processes := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
        items[:] = [items[number] for number in spread([_long_by(item) for item in items], processes)]
    return result


def _long_by(item: pytest.Item) -> str:
    """The name of what takes long: the test, or its file where it takes long to set up for all of them; "" = not it."""
    path = _place_of(item.path)
    return "" if path not in LONG else path if path in TOGETHER else item.nodeid


def spread(long_by: Sequence[str], processes: int) -> list[int]:
    """An order of tests in which each process begins with its share of the long ones; the others stay side by side.

    `long_by`: for each test "", or the name of what takes long, which is dealt as a whole.

    xdist (`worksteal`) gives each process a stretch of equal length, and later takes from the end of the longest:
    a long test there would begin last, and everybody else wait for it.
    """
    long = [
        [number for number, one in enumerate(long_by) if one == name] for name in dict.fromkeys(filter(None, long_by))
    ]
    others = deque(number for number, name in enumerate(long_by) if not name)
    order: list[int] = []
    for process in range(processes):
        length = (len(long_by) - len(order)) // (processes - process)
        stretch = list(chain.from_iterable(long[process::processes]))
        stretch += [others.popleft() for _ in range(min(length - len(stretch), len(others)))]
        order += stretch
    return order


class Report:
    """What came of each test of a run, as JSON lines: `id`, `ring`, `seconds` of the call, `outcome`, `why` if skipped.

    A test that failed or broke in any phase has the outcome "failed".
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        ring = next((name for name in ("pure", "database", "processes") if name in report.keywords), "")
        row = self.rows.setdefault(report.nodeid, {"id": report.nodeid, "ring": ring, "seconds": 0.0, "all": 0.0})
        row["all"] += report.duration
        if report.when == "call":
            row["seconds"] = report.duration
        if report.failed or row.get("outcome") == "failed":
            row["outcome"] = "failed"
        elif report.skipped:
            why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            row |= {"outcome": "skipped", "why": why.removeprefix("Skipped: ")}
        else:
            row.setdefault("outcome", "passed")

    def pytest_sessionfinish(self) -> None:
        self.path.write_text("".join(json.dumps(row) + "\n" for row in self.rows.values()))
