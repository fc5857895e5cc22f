"""Ways to break it, one by one: `python -m tests.mutations` proves that the suite notices every one.

Each is made in a copy of the tree, where only the tests that are to catch it run, two mutations at a time; the last
one names a database that is not there. Before the first, all these tests run without any: what is red then would prove
nothing. A mutation that survives, or whose text is gone, ends with status 1.
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from tests.__main__ import ROOT, clean_environment
from tests.pg import NoPostgreSQL, postgresql, with_name

LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".*_cache", ".hypothesis")
PYTEST = (sys.executable, "-m", "pytest", "-q", "-m", "not processes")
LINT = (sys.executable, "-m", "ruff", "check", "--quiet", "--isolated", "--select", "E9,F82")  # only: is it Python?
AT_ONCE = 2
GREEN, RED = 0, 1  # how pytest ends; everything else means that the tests did not run

Database = Literal["sqlite", "postgresql"]
DATABASES: tuple[Database, ...] = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True)
class Mutation:
    """Some lines and what is put in their place; one of `tests` at least must turn red, on that database."""

    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    database: Database = "sqlite"


DIES_BETWEEN_PARTS = (
    "posts/tests/test_threads.py::test_a_worker_that_dies_between_parts_leaves_nothing_out_and_nothing_twice"
)
LEADS_TO_OWN = "tests/test_admin_permissions.py::test_addresses_of_rows_lead_to_those_of_ones_own_workspaces"
OF_YOUTUBE = "integrations/platforms/youtube/tests/test_contract.py"
MUTATIONS = (
    Mutation(
        "let an instance send that found the database of another one",
        "mastablasta/core/holds.py",
        "if identity in record.identities:",
        "if identity:",
        (
            "mastablasta/tests/test_release.py::"
            "test_copied_database_sends_nothing_until_it_is_released_and_nothing_twice",
        ),
    ),
    Mutation(
        "send after a release what was due before it",
        "posts/services/restored.py",
        "Q(due_at__lte=due_until) | Q(state=S.SENDING)",
        "Q(state=S.SENDING)",
        ("mastablasta/tests/test_backup.py::test_old_backup_brings_everything_back_and_publishes_nothing_again",),
    ),
    Mutation(
        "pass on what no database keeps of a platform's answer",
        "mastablasta/core/outbound/responses.py",
        "return keepable(json.loads(body))",
        "return json.loads(body)",
        ("posts/tests/test_refused_results.py::test_texts_that_no_database_keeps_come_out_of_an_answer_readable",),
    ),
    Mutation(
        "forget the results that wait when the database goes",
        "posts/engine/publisher.py",
        "self.done = [one for done, _ in waiting for one in done]",
        "self.done = []",
        (
            "posts/tests/test_refused_results.py::"
            "test_database_that_goes_while_the_refused_one_is_looked_for_loses_no_result",
        ),
    ),
    Mutation(
        "show staff the rows of every workspace",
        "mastablasta/core/admin_base.py",
        "return self.of_workspaces(rows, workspaces_of(request, action) or NOWHERE)",
        "return rows",
        (f"{LEADS_TO_OWN}[staff editor]",),
    ),
    Mutation(
        "let an action of the admin take rows of workspaces where the person only reads",
        "mastablasta/core/admin_base.py",
        "return super().response_action(request, writable, *place)",
        "return super().response_action(request, queryset, *place)",
        ("tests/test_admin_permissions.py::test_an_action_of_a_staff_editor_leaves_others_rows_as_they_are",),
    ),
    Mutation(
        "look up the session of whoever asks the demo",
        "mastablasta/v1_demo/views.py",
        "request.user = AnonymousUser()",
        "_ = AnonymousUser()",
        ("mastablasta/v1_demo/tests/test_calls.py::test_no_call_opens_a_connection_to_the_database",),
    ),
    Mutation(
        "make a second container for a post that is out",
        "integrations/platforms/instagram/containers.py",
        'raise OutcomeUnknown("Instagram has published it already.", code="published_before")',
        'raise Rejected("Instagram has published it already.", code=GONE)',
        (
            "integrations/platforms/instagram/tests/test_contract.py::"
            "test_container_is_published_once_whatever_is_forgotten",
        ),
    ),
    Mutation(
        "take whatever LinkedIn calls a duplicate for the post that was lost",
        "integrations/platforms/linkedin/connector.py",
        "return post.found if post is not None and is_ours else None",
        "return post.found if post is not None else None",
        (
            "integrations/platforms/linkedin/tests/test_contract.py::"
            "test_duplicate_that_cannot_be_ours_is_not_taken_for_it",
        ),
    ),
    Mutation(
        "go on with a video from its beginning, whatever has arrived",
        "integrations/platforms/youtube/uploads.py",
        "path=use.path, offset=start, length=min(CHUNK, use.size - start))",
        "path=use.path, offset=0, length=min(CHUNK, use.size - start))",
        (f"{OF_YOUTUBE}::test_stretch_whose_answer_is_lost_is_asked_for_and_not_sent_again",),
    ),
    Mutation(
        "begin a video again when nobody knows what has arrived of it",
        "integrations/platforms/youtube/uploads.py",
        "if position not in self.kept:",
        "if position not in self.kept or not self._knows_what_arrived:",
        (f"{OF_YOUTUBE}::test_no_stretch_is_sent_twice_whenever_the_worker_dies",),
    ),
    Mutation(
        "count YouTube's quota by the day of UTC",
        "integrations/platforms/youtube/capabilities.py",
        'scope="app", source=QUOTA, resets_in="America/Los_Angeles")',
        'scope="app", source=QUOTA, resets_in="UTC")',
        (f"{OF_YOUTUBE}::test_used_up_quota_closes_the_whole_host_until_midnight_in_california",),
    ),
    Mutation(
        "deny a video that is out for its captions",
        "integrations/platforms/youtube/connector.py",
        "raise OutcomeUnknown(sentence, code=CAPTIONS_MISSING, http_status=failure.http_status) from failure",
        "raise failure",
        (f"{OF_YOUTUBE}::test_video_whose_captions_get_no_answer_is_out_and_has_them_once_when_it_is_looked_up",),
    ),
    Mutation(
        "tell an alert of what was above it before",
        "analytics/alerts.py",
        "now > alert.threshold >= (rise.before[alert.figure] or 0)",
        "now > alert.threshold",
        ("analytics/tests/test_alerts.py::test_what_is_above_it_when_it_is_made_is_not_told",),
    ),
    Mutation(
        "count a gain twice when a late sample moves it",
        "analytics/recording.py",
        "changes.add(row.account_id, one, without=None if is_new else before)",
        "changes.add(row.account_id, one)",
        ("analytics/tests/test_recording.py::test_late_sample_moves_gains_and_rollups",),
    ),
    Mutation(
        "pay for figures without an end",
        "analytics/collection/jobs.py",
        "    if rule is None or not rule.is_paid:\n",
        "    if rule is None or rule.is_paid:\n",
        ("analytics/tests/test_collection.py::test_paid_reads_have_a_cap_for_workspace_and_day",),
    ),
    Mutation(
        "show a figure as 0 that a platform does not tell",
        "analytics/figures.py",
        "return figure if figure is not None and 0 <= figure <= LARGEST else None",
        "return figure if figure is not None and 0 <= figure <= LARGEST else 0",
        ("analytics/tests/test_figures.py::test_what_cannot_be_a_total_counts_as_not_told",),
    ),
    Mutation(
        "let a collector of figures write that has lost its account",
        "analytics/collection/queue.py",
        "held = _HELD.first(account=job.account_id, token=job.token)",
        "held = _HELD.first(account=job.account_id, token=job.token) or (None, None)",
        ("analytics/tests/test_collection.py::test_two_collectors_share_the_accounts",),
    ),
    Mutation(
        "keep a total that has fallen without saying so",
        "analytics/in_order.py",
        'coalesce(least({_each("{0}_gain")}) < 0, false) FROM m),',
        "false FROM m),",
        ("analytics/tests/test_recording.py::test_samples_in_order_are_stored_by_the_same_rules_in_sql_and_in_python",),
        database="postgresql",
    ),
    Mutation(
        "forget figures that fall due before those that were due first",
        "analytics/collection/lanes.py",
        '"WHEN l.ready_at <= excluded.ready_at THEN l.ready_at "',
        '"WHEN l.ready_at IS NOT NULL THEN l.ready_at "',
        ("analytics/tests/test_lanes.py::test_fresh_figures_are_read_at_once_whatever_the_lane_waited_for",),
    ),
    Mutation(
        "let a sender of webhooks write that has lost its lane",
        "webhooks/queue.py",
        "ours = [result for result in results if held.get(result.lease.endpoint_id) == result.lease.token]",
        "ours = list(results)",
        ("webhooks/tests/test_sender.py::test_a_late_sender_changes_nothing",),
    ),
    Mutation(
        "let webhooks go to a name that has one private address",
        "mastablasta/core/outbound/addresses.py",
        'if not allowed or (purpose == "webhook" and len(allowed) < len(found)):',
        "if not allowed:",
        ("webhooks/tests/test_hostile_urls.py::test_nobody_inside_is_reached",),
    ),
    Mutation(
        "take back at Meta what another workspace lives by",
        "integrations/services/disconnection.py",
        'if flow.revoke_ends == "person" and _has_another_grant(ended):',
        'if flow.revoke_ends == "grant" and _has_another_grant(ended):',
        ("integrations/tests/test_pages.py::test_grant_ends_with_the_last_account_of_the_person_anywhere",),
    ),
    Mutation(
        "drop a workspace filter",
        "accounts/querysets.py",
        "        return self.filter(**self.scope(workspace))",
        "        return self.filter()",
        (
            "tests/test_tenancy.py::test_nobody_from_elsewhere_gets_at_it",
            "tests/test_tenancy.py::test_list_shows_ones_own_and_nothing_foreign",
        ),
    ),
    Mutation(
        "do bulk work and count it in two transactions",
        "posts/services/bulk_jobs.py",
        "        with transaction.atomic():\n            return _do(job, chunk, read, steps)",
        "        if job:\n            return _do(job, chunk, read, steps)",
        ("posts/tests/test_bulk_jobs.py::test_a_worker_that_is_ended_loses_and_doubles_nothing",),
    ),
    Mutation(
        "send before the mark",
        "mastablasta/core/outbound/transport.py",
        "            call.on_visible()\n",
        "            __import__('threading').Timer(2, call.on_visible).start()\n",
        (
            "mastablasta/core/tests/test_outbound.py::test_mark_is_set_after_connecting_and_before_the_first_byte",
            "posts/tests/test_publishing.py::test_the_mark_is_durable_before_the_first_byte_of_a_create",
        ),
    ),
    Mutation(
        "finish without the lease token",
        "posts/queue/sqlite.py",
        "            if not Delivery.objects.filter(id=r.delivery_id, lease_token=r.token).update(",
        "            if not Delivery.objects.filter(id=r.delivery_id).update(",
        ("posts/tests/test_claims.py::test_finish_without_the_lease_changes_nothing",),
    ),
    Mutation(
        "a probe that returns True",
        "mastablasta/ops/health.py",
        '    return Finding(age < SILENT, "The last heartbeat that came through the queue.", age)',
        '    return Finding(True, "The last heartbeat that came through the queue.", age)',
        ("mastablasta/tests/test_health.py::test_readyz_is_red_when_a_heartbeat_is_old",),
    ),
    Mutation(
        "len(text) for the count",
        "integrations/protocols/mastodon_text.py",
        "    return graphemes(whole)",
        "    return len(whole)",
        ("integrations/platforms/mastodon/tests/test_text.py::test_text_counts",),
    ),
    Mutation(
        "a lost rotated token",
        "integrations/services/tokens.py",
        '        changes["refresh_enc"] = tokens.refresh_token',
        '        changes["refresh_enc"] = turn.refresh_token',
        (
            "integrations/tests/test_tokens.py::test_new_pair_is_stored",
            "posts/tests/test_publishing.py::test_an_expired_rotating_token_is_refreshed_once_and_used_by_all",
        ),
    ),
    Mutation(
        "ignored Retry-After",
        "integrations/protocols/rate_headers.py",
        "(answer.retry_after(), *resets)",
        "resets",
        ("integrations/platforms/mastodon/tests/test_connector.py::test_window_opens_when_the_headers_say",),
    ),
    Mutation(
        "published on a 2xx without id",
        "integrations/platforms/mastodon/connector.py",
        "        if not id_in(status):",
        "        if not id_in(status) and status is None:",
        ("integrations/platforms/mastodon/tests/test_connector.py::test_success_without_an_id_is_unknown",),
    ),
    Mutation(
        "Absent believed at once",
        "posts/engine/outcomes.py",
        "        if job.claimed_at >= doubted_at + timedelta(seconds=settle_s):",
        "        if job.claimed_at >= doubted_at:",
        ("posts/tests/test_outcomes.py::test_absent_is_not_believed_before_it_can_have_settled",),
    ),
    # --- accounts and the API ---
    Mutation(
        "a viewer may write",
        "accounts/api/permissions.py",
        "    if not caller.may(action):",
        "    if not caller.may(Action.READ):",
        ("accounts/tests/test_authentication.py::test_role_decides_what_a_method_may",),
    ),
    Mutation(
        "an idempotent replay with another body",
        "mastablasta/core/api/idempotency.py",
        "    if first.body_sha256 != claim.body_sha256:",
        "    if first.body_sha256 != claim.body_sha256 and first.status is None:",
        ("tests/test_idempotency.py::test_another_body_is_422",),
    ),
    Mutation(
        "a secret stored in clear",
        "mastablasta/core/fields.py",
        """            value = crypto.encrypt(value) if value else b""
        elif isinstance(value, crypto.Unreadable):
            value = value.stored
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, *_: Any) -> str | crypto.Unreadable | None:
        if not value:
            return None if value is None else ""
        try:
            return crypto.decrypt(bytes(value))
        except crypto.Undecryptable:
            return crypto.Unreadable(bytes(value))
""",
        """            value = value.encode()
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, *_: Any) -> str | None:
        return None if value is None else bytes(value).decode()
""",
        ("integrations/tests/test_secrets_at_rest.py::test_database_holds_only_ciphertext",),
    ),
    Mutation(
        "let one secret whose key is lost hold up everybody's posts",
        "mastablasta/core/fields.py",
        "return crypto.Unreadable(bytes(value))",
        "raise",
        ("posts/tests/test_lost_keys.py::test_account_whose_token_cannot_be_read_holds_up_no_other",),
    ),
    # --- platforms ---
    Mutation(
        "a private address called",
        "mastablasta/core/outbound/addresses.py",
        "    return is_public(address) or origin.host in",
        "    return True or origin.host in",
        (
            "mastablasta/core/tests/test_outbound_addresses.py::test_private_host_is_not_called_in_production",
            "mastablasta/core/tests/test_outbound_addresses.py::test_name_of_a_private_address_is_not_called",
        ),
    ),
    Mutation(
        "a token refreshed by two at once",
        "integrations/services/tokens.py",
        "        .filter(Q(refresh_lease=None) | Q(refresh_lease_expires_at__lte=at))\n        .update(",
        "        .update(",
        (
            "integrations/tests/test_tokens.py::test_one_has_the_turn_at_a_time",
            "integrations/tests/test_tokens.py::test_many_at_once_refresh_once",
        ),
    ),
    Mutation(
        "a circuit that never closes",
        "integrations/services/circuits.py",
        "    if row.filter(circuit_opened_at__isnull=False).update(",
        "    if row.filter(circuit_opened_at__isnull=True, failures__gte=OPENS_AFTER).update(",
        ("posts/tests/test_pace.py::test_nothing_fails_at_a_host_that_is_not_there",),
    ),
    # --- publishing ---
    Mutation(
        "a dropped lease renewal",
        "posts/engine/publisher.py",
        '        if self.in_flight and self.turns.take("renew", RENEW_S):',
        '        if not self.in_flight and self.turns.take("renew", RENEW_S):',
        ("posts/tests/test_publishing.py::test_a_lease_is_renewed_while_a_call_is_under_way",),
    ),
    Mutation(
        "a claim out of due order",
        "posts/queue/postgresql.py",
        "     ORDER BY d.account_id, d.next_attempt_at, d.id LIMIT 1) head),",
        "     ORDER BY d.account_id, d.id LIMIT 1) head),",
        ("posts/tests/test_claims.py::test_claim_takes_the_earliest_due_delivery_of_each_account",),
        "postgresql",
    ),
    Mutation(
        "an ignored rate window",
        "posts/queue/postgresql.py",
        "CASE WHEN w.spent >= r.calls THEN w.ends_at END)",
        "NULL)",
        ("posts/tests/test_pace.py::test_an_account_rests_when_its_window_is_used_up",),
        "postgresql",
    ),
    Mutation(
        "a refusing workspace judges a new post without the lanes",
        "posts/services/guard.py",
        "        claims.lock_lanes(wanted)\n    stored",
        "        pass\n    stored",
        ("posts/tests/test_guard_races.py::test_a_new_post_and_a_draft_that_is_promised_at_once_are_not_both_taken",),
        "postgresql",
    ),
    Mutation(
        "no guard of moves on PostgreSQL",
        "mastablasta/core/state_triggers.py",
        '            cursor.execute(_POSTGRESQL.format(name=name, table=table, pairs=",".join(pairs)))',
        "            pass",
        ("posts/tests/test_states.py::test_a_delivery_moves_as_the_table_says",),
        "postgresql",
    ),
    Mutation(
        "a thread resumed at the wrong part",
        "posts/engine/progress.py",
        "= [dict(part) for part in job.parts]",
        "= [dict(part) for part in job.parts[:1]]",
        (
            f"{DIES_BETWEEN_PARTS}[3-before the part is noted]",
            f"{DIES_BETWEEN_PARTS}[3-after the part is noted]",
        ),
    ),
    # --- media ---
    Mutation(
        "another workspace's file in a post",
        "posts/services/media.py",
        "    return Asset.objects.in_workspace(workspace).in_bulk(wanted) if wanted else {}",
        "    return Asset.objects.in_bulk(wanted) if wanted else {}",
        ("posts/tests/test_media.py::test_files_of_others_do_not_exist",),
    ),
    Mutation(
        "an upload judged by its name",
        "media_library/inspection.py",
        "        form = claimed_format(file.read(FIRST_BLOCK))\n",
        """        from media_library.formats import FORMATS

        named = {one.extension: one for one in FORMATS.values()}
        form = named.get(filename.rpartition(".")[2]) or claimed_format(file.read(FIRST_BLOCK))
""",
        ("media_library/tests/test_upload.py::test_wrong_extension_and_type_are_no_matter",),
    ),
    Mutation(
        "a rendition with metadata",
        "media_library/codecs/render.py",
        "        strip(source, to, mime_type)\n",
        "        to.write_bytes(source.read_bytes())\n",
        (
            "media_library/tests/test_rendering.py::test_no_output_tells_anything[jpeg]",
            "media_library/tests/test_rendering.py::test_no_output_tells_anything[gif]",
        ),
    ),
    Mutation(
        "a signed link without expiry",
        "media_library/services/links.py",
        "    if not is_ours or int(expires) <= at.timestamp():",
        "    if not is_ours:",
        ("media_library/tests/test_serving.py::test_link_lasts_an_hour_and_is_the_same_for_ten_minutes",),
    ),
    Mutation(
        "a preview in Django admin that does what it only shows",
        "posts/services/bulk_actions.py",
        "        transaction.set_rollback(is_rehearsal)",
        "        transaction.set_rollback(False)",
        ("posts/tests/test_triage.py::test_retry_shows_first_what_it_does_and_does_just_that",),
    ),
    Mutation(
        "a pause of everything that hosts slip through which are added meanwhile",
        "integrations/services/hosts.py",
        "    if is_new:\n        global_pause.",
        "    if not is_new:\n        global_pause.",
        ("posts/tests/test_switches.py::test_while_everything_is_paused_nothing_goes_out_also_where_a_host_is_added",),
    ),
    Mutation(
        "a pause of everything that leaves alone what goes on when somebody asks for it again",
        "integrations/services/global_pause.py",
        "            _pause(PlatformHost.objects.all())\n    _pause(PlatformHost.objects.all())",
        "            _pause(PlatformHost.objects.all())",
        ("posts/tests/test_switches.py::test_pressed_again_it_pauses_what_goes_on",),
    ),
    Mutation(
        "a header of a receiver's that takes what came of a request with it",
        "mastablasta/core/outbound/responses.py",
        "    if not (value.isascii() and value.isdecimal()):",
        "    if not value.isdigit():",
        ("webhooks/tests/test_sender.py::test_whatever_a_failing_receiver_says_beside_it_is_a_failure_and_waits",),
    ),
)
BROKEN_DATABASE = "postgres://nobody:nothing@127.0.0.1:1/nowhere"


# --- where tests run ---
Ended = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class Tree:
    """A copy of the tree, with a database of its own at `url` on the PostgreSQL server; one run at a time in it."""

    root: Path
    url: str

    def pytest(self, options: Iterable[str], database: Database) -> Ended:
        settings = {"PYTHONPATH": str(self.root)}
        if database == "postgresql":
            settings |= {"DATABASE_URL": self.url, "MASTABLASTA_MODE": "development"}
        return _run([*PYTEST, *options], cwd=self.root, environment=clean_environment(self.root / "var") | settings)

    @contextmanager
    def mutated(self, mutation: Mutation) -> Iterator[int]:
        """Put the new lines in for a while; gives how often the old ones stand there, which must be once."""
        path = self.root / mutation.file
        text = path.read_text() if path.is_file() else ""
        places = text.count(mutation.old)
        if places != 1:
            yield places
            return
        try:
            path.write_text(text.replace(mutation.old, mutation.new))
            yield places
        finally:
            path.write_text(text)


Trees = queue.SimpleQueue[Tree]


@contextmanager
def copies(url: str) -> Iterator[Trees]:
    """AT_ONCE trees, to be `taken` for a while."""
    free = Trees()
    with tempfile.TemporaryDirectory(prefix="mb-mutations-") as folder:
        for number in range(AT_ONCE):
            root = Path(folder) / str(number) / "tree"
            shutil.copytree(ROOT, root, ignore=LEFT_OUT)
            free.put(Tree(root, with_name(url, f"{urlsplit(url).path.lstrip('/')}_{number}")))
        yield free


@contextmanager
def taken(trees: Trees) -> Iterator[Tree]:
    tree = trees.get()
    try:
        yield tree
    finally:
        trees.put(tree)


def _run(command: list[str], *, cwd: Path, environment: dict[str, str]) -> Ended:
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


# --- what becomes of them ---
@dataclass(frozen=True, slots=True)
class Outcome:
    """`why` it went unnoticed; "" = it was caught."""

    what: str
    why: str
    lasted_s: float

    def __str__(self) -> str:
        why = f": {self.why}" if self.why else ""
        return f"{'SURVIVED' if self.why else 'caught  '}  {self.what} ({self.lasted_s:.0f} s){why}"


def timed(what: str, survives: Callable[[], str]) -> Outcome:
    began = time.monotonic()
    why = survives()
    return Outcome(what, why, time.monotonic() - began)


def red_before(trees: Trees, database: Database) -> str:
    """What pytest says of all tests that are named for the database while nothing is broken; "" = they pass."""
    named = sorted({test for one in MUTATIONS if one.database == database for test in one.tests})
    with taken(trees) as tree:
        ended = tree.pytest(named, database)
    return "" if ended.returncode == GREEN else f"On {database}, without any mutation: {_said(ended)}"


def survives(mutation: Mutation, trees: Trees) -> str:
    """Why the mutation went unnoticed; "" = one of its tests failed."""
    with taken(trees) as tree, tree.mutated(mutation) as places:
        if places != 1:
            return f"its text stands {places} times in {mutation.file}"
        if said := _run([*LINT, mutation.file], cwd=tree.root, environment=dict(os.environ)).stdout:
            return f"its new lines are no Python, so any test would fail\n{said}"
        ended = tree.pytest(["-x", *mutation.tests], mutation.database)
    failed = [line.removeprefix("FAILED ") for line in ended.stdout.splitlines() if line.startswith("FAILED ")]
    is_noticed = ended.returncode == RED and any(line.startswith(mutation.tests) for line in failed)
    return "" if is_noticed else _said(ended)


def _said(ended: Ended) -> str:
    return f"pytest ended with {ended.returncode}\n{(ended.stdout + ended.stderr)[-2000:]}"


def broken_database_survives() -> str:
    environment = {**os.environ, "TEST_DATABASE_URL": BROKEN_DATABASE}
    command = [sys.executable, "-m", "tests", "mastablasta/core/tests/test_crypto.py"]
    ended = _run(command, cwd=ROOT, environment=environment)
    return "" if ended.returncode and "TEST_DATABASE_URL" in ended.stderr else "the run did not fail"


def main() -> int:
    began = time.monotonic()
    survivors = 0
    try:
        with postgresql() as url, copies(url) as trees, ThreadPoolExecutor(AT_ONCE) as pool:
            red = [said for said in pool.map(lambda database: red_before(trees, database), DATABASES) if said]
            if red:
                print(*red, "These tests prove nothing: they fail although nothing is broken.", sep="\n")
                return 1
            print(f"without a mutation all named tests pass ({time.monotonic() - began:.0f} s)", flush=True)
            for outcome in pool.map(lambda one: timed(one.what, lambda: survives(one, trees)), MUTATIONS):
                survivors += bool(outcome.why)
                print(outcome, flush=True)
    except NoPostgreSQL as error:
        print(error, file=sys.stderr)
        return 1
    outcome = timed("a broken TEST_DATABASE_URL", broken_database_survives)
    survivors += bool(outcome.why)
    print(outcome)
    total = len(MUTATIONS) + 1
    print(f"{total - survivors} of {total} mutations were caught in {time.monotonic() - began:.0f} s")
    return 1 if survivors else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that PostgreSQL stops and the copies are removed
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
