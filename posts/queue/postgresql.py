"""The queue in PostgreSQL: SKIP LOCKED over lanes, set-based writes from arrays.

Statements that belong together go in one message (client-side binding allows it), each with a snapshot of its own:
beside a hundred busy threads every round trip costs milliseconds of waiting for the interpreter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from psycopg.types.json import Jsonb

from posts.queue.types import (
    CLAIMABLE_SQL,
    GIVEN_UP,
    MOST_LOSSES,
    NOTIFY_CHANNEL,
    POST_STATUS_SQL,
    TOLD_SQL,
    Claimed,
    Dialect,
    Result,
    Save,
    StatusChange,
)
from webhooks.outbox import HAS_ENDPOINT_SQL

# An account `= ANY(ARRAY[…])`, and its order before that of the time: only the index `delivery_head` gives that. By
# `=` and the time alone `delivery_due` would do as well, and where few were due when PostgreSQL last counted, it takes
# that and reads all that is due for each lane.
CLAIM = f"""
WITH lane AS MATERIALIZED (
  SELECT account_id FROM posts_lane WHERE lease_token IS NULL AND ready_at <= %(at)s
   ORDER BY ready_at, account_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED),
pick AS MATERIALIZED (
  SELECT head.id, head.state FROM lane CROSS JOIN LATERAL (
    SELECT d.id, d.state FROM posts_delivery d
     WHERE d.account_id = ANY(ARRAY[lane.account_id]) AND d.state IN {CLAIMABLE_SQL} AND d.lease_token IS NULL
       AND d.next_attempt_at <= %(at)s
     ORDER BY d.account_id, d.next_attempt_at, d.id LIMIT 1) head),
claimed AS (
  UPDATE posts_delivery d
     SET state = CASE d.state WHEN 'queued' THEN 'sending' ELSE d.state END,
         lease_token = %(token)s, lease_expires_at = %(expires_at)s, attempt_count = d.attempt_count + 1,
         sent_at = CASE WHEN d.state = 'queued' AND d.is_one_step THEN %(at)s ELSE d.sent_at END, updated_at = %(at)s
    FROM pick WHERE d.id = pick.id AND d.state = pick.state AND d.lease_token IS NULL
  RETURNING d.id, d.account_id, d.post_id, d.state, d.attempt_count, d.due_at),
held AS (
  UPDATE posts_lane l SET lease_token = %(token)s, lease_expires_at = %(expires_at)s
    FROM claimed WHERE l.account_id = claimed.account_id),
opened AS (
  INSERT INTO posts_attempt (delivery_id, number, kind, lease_token, worker, started_at, code, message)
  SELECT id, attempt_count, CASE state WHEN 'sending' THEN 'send' WHEN 'processing' THEN 'poll' ELSE 'reconcile' END,
         %(token)s, %(worker)s, %(at)s, '', '' FROM claimed)
SELECT lane.account_id, claimed.id, claimed.post_id, claimed.state, claimed.attempt_count
  FROM lane LEFT JOIN claimed ON claimed.account_id = lane.account_id ORDER BY claimed.due_at, claimed.id
"""

LOCK_LANES = """
SELECT account_id FROM posts_lane WHERE account_id = ANY(%(accounts)s) ORDER BY account_id FOR UPDATE
"""

# Of an account without a lane yet there is nothing to lock: it gets one.
MAKE_LANES = """
INSERT INTO posts_lane (account_id, is_parked, window_spent)
SELECT account_id, false, 0 FROM unnest(%(accounts)s::uuid[]) AS wanted(account_id)
 WHERE NOT EXISTS (SELECT FROM posts_lane l WHERE l.account_id = wanted.account_id)
 ORDER BY account_id
ON CONFLICT (account_id) DO NOTHING
"""

# A separate statement after the lock: only then does its sub-select see what was committed while it waited.
RECOMPUTE_LANES = f"""
UPDATE posts_lane l SET ready_at = CASE WHEN l.is_parked THEN NULL ELSE (
    SELECT GREATEST(d.next_attempt_at, l.blocked_until) FROM posts_delivery d
     WHERE d.account_id = ANY(ARRAY[l.account_id]) AND d.state IN {CLAIMABLE_SQL} AND d.lease_token IS NULL
       AND d.next_attempt_at IS NOT NULL
     ORDER BY d.account_id, d.next_attempt_at LIMIT 1) END
 WHERE l.account_id = ANY(%(accounts)s)
"""

# Results travel as one value: PostgreSQL reads JSON quicker than Python quotes as many arrays. NULL is JSON's null.
FINISH = """
WITH r AS MATERIALIZED (SELECT * FROM jsonb_to_recordset(%(results)s) AS r(
    delivery_id uuid, token uuid, number int, state text, outcome text, ended_at timestamptz,
    next_attempt_at timestamptz, tries int, visible_calls int, sent_at timestamptz, doubted_at timestamptz,
    progress jsonb, parts jsonb, warnings jsonb, remote_id text, url text, published_at timestamptz, error_code text,
    error_kind text, error_message text, error_retryable bool, attempt_sent_at timestamptz, http_status int, code text,
    message text, request_id text, retry_at timestamptz)),
done AS (
  UPDATE posts_delivery d
     SET state = r.state, lease_token = NULL, lease_expires_at = NULL, next_attempt_at = r.next_attempt_at,
         tries = r.tries, visible_calls = r.visible_calls, sent_at = r.sent_at, doubted_at = r.doubted_at,
         progress = r.progress, parts = r.parts, warnings = r.warnings,
         parts_done = COALESCE(jsonb_array_length(r.parts), 0), remote_id = r.remote_id,
         url = r.url, published_at = r.published_at, error_code = r.error_code, error_kind = r.error_kind,
         error_message = r.error_message, error_retryable = r.error_retryable, losses = 0,
         updated_at = %(at)s
    FROM r WHERE d.id = r.delivery_id AND d.lease_token = r.token
  RETURNING d.id),
closed AS (
  UPDATE posts_attempt a
     SET outcome = r.outcome, ended_at = r.ended_at, sent_at = r.attempt_sent_at, http_status = r.http_status,
         code = r.code, message = r.message, request_id = r.request_id, retry_at = r.retry_at
    FROM r JOIN done ON done.id = r.delivery_id WHERE a.delivery_id = r.delivery_id AND a.number = r.number)
SELECT id FROM done
"""

FREE_LANES = """
UPDATE posts_lane l SET lease_token = NULL, lease_expires_at = NULL, is_parked = l.is_parked OR r.park,
       window_ends_at = w.ends_at, window_spent = w.spent,
       blocked_until = GREATEST(l.blocked_until, r.blocked_until, CASE WHEN w.spent >= r.calls THEN w.ends_at END)
  FROM (SELECT account_id, token, blocked_until, park, spent, (rate->>0)::int AS calls, (rate->>1)::int AS seconds
          FROM jsonb_to_recordset(%(results)s) AS r(
            account_id uuid, token uuid, blocked_until timestamptz, park bool, spent int, rate jsonb)) r
  JOIN posts_lane o ON o.account_id = r.account_id
 CROSS JOIN LATERAL (SELECT o.window_ends_at IS NOT NULL AND o.window_ends_at > %(at)s AS runs) is_open
 CROSS JOIN LATERAL (SELECT
    CASE WHEN is_open.runs OR r.calls IS NULL OR r.spent = 0 THEN o.window_ends_at
         ELSE %(at)s + make_interval(secs => r.seconds) END AS ends_at,
    CASE WHEN is_open.runs THEN o.window_spent + r.spent ELSE r.spent END AS spent) w
 WHERE l.account_id = r.account_id AND l.lease_token = r.token
"""

SAVE = """
UPDATE posts_delivery d
   SET sent_at = CASE WHEN r.closes_mark THEN NULL ELSE COALESCE(r.sent_at, d.sent_at) END,
       progress = CASE WHEN r.closes_mark THEN NULL ELSE COALESCE(r.progress::jsonb, d.progress) END,
       parts = COALESCE(r.parts::jsonb, d.parts),
       parts_done = COALESCE(jsonb_array_length(r.parts::jsonb), d.parts_done), updated_at = %(at)s
  FROM unnest(%(delivery_id)s::uuid[], %(token)s::uuid[], %(sent_at)s::timestamptz[], %(progress)s::text[],
              %(parts)s::text[], %(closes_mark)s::bool[]) AS r(id, token, sent_at, progress, parts, closes_mark)
 WHERE d.id = r.id AND d.lease_token = r.token AND d.lease_expires_at > %(at)s
RETURNING d.id
"""

TAKE_OVER = """
WITH lane AS MATERIALIZED (
  SELECT account_id, lease_token FROM posts_lane WHERE lease_expires_at <= %(at)s
   ORDER BY account_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED),
orphan AS MATERIALIZED (
  SELECT d.id, d.sent_at, d.attempt_count,
         COALESCE(d.state = 'sending' AND d.sent_at IS NOT NULL
                  OR d.state = 'processing' AND d.sent_at >= held.started_at, false) AS is_doubtful,
         CASE WHEN d.losses + 1 < %(most)s THEN NULL
              WHEN d.state = 'sending' AND d.sent_at IS NULL THEN 'failed'
              WHEN d.state = 'unknown' THEN 'unconfirmed' END AS given_up
    FROM posts_delivery d
    JOIN lane ON lane.account_id = d.account_id AND lane.lease_token = d.lease_token
    LEFT JOIN posts_attempt held ON held.delivery_id = d.id AND held.number = d.attempt_count),
freed AS (
  UPDATE posts_delivery d
     SET state = CASE WHEN orphan.given_up IS NOT NULL THEN orphan.given_up WHEN orphan.is_doubtful THEN 'unknown'
                      WHEN d.state = 'sending' THEN 'queued' ELSE d.state END,
         losses = d.losses + 1,
         error_code = CASE WHEN orphan.given_up IS NULL THEN d.error_code ELSE 'worker_lost' END,
         error_kind = CASE WHEN orphan.given_up IS NULL THEN d.error_kind ELSE 'internal' END,
         error_message = CASE WHEN orphan.given_up IS NULL THEN d.error_message ELSE %(message)s END,
         error_retryable = CASE WHEN orphan.given_up IS NULL THEN d.error_retryable
                                ELSE orphan.given_up = 'failed' END,
         visible_calls = d.visible_calls + orphan.is_doubtful::int,
         doubted_at = CASE WHEN orphan.is_doubtful THEN %(at)s ELSE d.doubted_at END,
         next_attempt_at = %(at)s, lease_token = NULL, lease_expires_at = NULL, updated_at = %(at)s
    FROM orphan WHERE d.id = orphan.id RETURNING d.post_id, orphan.given_up),
closed AS (
  UPDATE posts_attempt a
     SET ended_at = %(at)s, sent_at = CASE WHEN orphan.is_doubtful THEN orphan.sent_at END,
         code = 'worker_lost', message = 'The worker that held this is gone.',
         outcome = CASE WHEN orphan.is_doubtful THEN 'unknown' ELSE 'abandoned' END
    FROM orphan WHERE a.delivery_id = orphan.id AND a.number = orphan.attempt_count AND a.ended_at IS NULL),
open AS (
  UPDATE posts_lane l SET lease_token = NULL, lease_expires_at = NULL FROM lane WHERE l.account_id = lane.account_id)
SELECT account_id, NULL FROM lane UNION ALL SELECT NULL, post_id FROM freed WHERE given_up IS NOT NULL
"""

HINT = """
INSERT INTO posts_lane (account_id, ready_at, is_parked, window_spent)
SELECT account_id, ready_at, false, 0 FROM unnest(%s::uuid[], %s::timestamptz[]) AS r(account_id, ready_at)
 ORDER BY account_id
ON CONFLICT (account_id) DO UPDATE SET ready_at = CASE WHEN posts_lane.is_parked THEN NULL
  ELSE GREATEST(LEAST(posts_lane.ready_at, EXCLUDED.ready_at), posts_lane.blocked_until) END
"""

RENEW = """
SELECT account_id FROM posts_lane WHERE lease_token = ANY(%(tokens)s) ORDER BY account_id FOR UPDATE;
UPDATE posts_lane SET lease_expires_at = %(expires_at)s WHERE lease_token = ANY(%(tokens)s);
UPDATE posts_delivery SET lease_expires_at = %(expires_at)s WHERE lease_token = ANY(%(tokens)s)
"""

RECOMPUTE_POST_STATUS = f"""
SELECT id FROM posts_post WHERE id = ANY(%(posts)s) ORDER BY id FOR UPDATE;
WITH changed AS (
  UPDATE posts_post p SET status = s.status, published_at = s.published_at, updated_at = %(at)s
    FROM (SELECT post_id, {POST_STATUS_SQL} AS status, MAX(published_at) AS published_at
            FROM posts_delivery WHERE post_id = ANY(%(posts)s) GROUP BY post_id) s
    JOIN posts_post old ON old.id = s.post_id
   WHERE p.id = s.post_id AND (p.status, p.published_at) IS DISTINCT FROM (s.status, s.published_at)
  RETURNING p.id, p.workspace_id, old.status AS before, p.status AS after)
SELECT id, workspace_id, before, after FROM changed
 WHERE after IN {TOLD_SQL} AND before <> after AND {HAS_ENDPOINT_SQL.format(workspace="changed.workspace_id")}
"""

LATE_HINTS = f"""
SELECT l.account_id FROM posts_lane l
 CROSS JOIN LATERAL (
    SELECT next_attempt_at AS due FROM posts_delivery
     WHERE account_id = l.account_id AND state IN {CLAIMABLE_SQL} AND lease_token IS NULL
     ORDER BY next_attempt_at, id LIMIT 1) d
 WHERE l.lease_token IS NULL AND NOT l.is_parked
   AND (l.ready_at IS NULL OR l.ready_at > GREATEST(d.due, l.blocked_until)) LIMIT %s
"""


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _columns(rows: Sequence[Any], *names: str) -> dict[str, list[Any]]:
    return {name: [getattr(row, name) for row in rows] for name in names}


class PostgreSQL(Dialect):
    def claim(self, *, at: datetime, limit: int, token: UUID, expires_at: datetime, worker: str) -> list[Claimed]:
        with connection.cursor() as cursor:
            cursor.execute(
                CLAIM, {"at": at, "limit": limit, "token": token, "expires_at": expires_at, "worker": worker}
            )
            rows = cursor.fetchall()
            idle = [row[0] for row in rows if row[1] is None]
            if idle:  # their hint was too early; still locked, so nothing that is scheduled meanwhile is missed
                cursor.execute(RECOMPUTE_LANES, {"accounts": idle})
        return [Claimed(row[1], row[0], row[2], row[3], row[4], token) for row in rows if row[1] is not None]

    def save(self, saves: Sequence[Save], *, at: datetime) -> set[UUID]:
        values: dict[str, Any] = _columns(saves, "delivery_id", "token", "sent_at", "closes_mark")
        values |= {
            "at": at,
            "progress": [_json(s.progress) for s in saves],
            "parts": [_json(s.parts) for s in saves],
        }
        with connection.cursor() as cursor:
            cursor.execute(SAVE, values)
            return {row[0] for row in cursor.fetchall()}

    def finish(self, results: Sequence[Result], *, at: datetime) -> set[UUID]:
        values: dict[str, Any] = {
            "at": at,
            "results": Jsonb(list(results), dumps=orjson.dumps),
            "accounts": sorted({r.account_id for r in results}),
        }
        with connection.cursor() as cursor:
            cursor.execute(";".join([LOCK_LANES, FINISH, FREE_LANES, RECOMPUTE_LANES]), values)
            cursor.nextset()
            return {row[0] for row in cursor.fetchall()}

    def renew(self, tokens: list[UUID], *, expires_at: datetime) -> None:
        with connection.cursor() as cursor:
            cursor.execute(RENEW, {"tokens": tokens, "expires_at": expires_at})

    def take_over(self, *, at: datetime, limit: int) -> tuple[int, set[UUID]]:
        with connection.cursor() as cursor:
            cursor.execute(TAKE_OVER, {"at": at, "limit": limit, "most": MOST_LOSSES, "message": GIVEN_UP})
            rows = cursor.fetchall()
            accounts = [account for account, _ in rows if account is not None]
            if accounts:
                cursor.execute(RECOMPUTE_LANES, {"accounts": accounts})
        return len(accounts), {post for _, post in rows if post is not None}

    def lock_lanes(self, accounts: list[UUID]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"{MAKE_LANES};{LOCK_LANES}", {"accounts": accounts})

    def wake_lanes(self, due: Mapping[UUID, datetime]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"{HINT}; NOTIFY {NOTIFY_CHANNEL}", [list(due), list(due.values())])

    def recompute_lanes(self, accounts: list[UUID]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(RECOMPUTE_LANES, {"accounts": accounts})

    def recompute_post_status(self, posts: list[UUID], *, at: datetime) -> list[StatusChange]:
        with connection.cursor() as cursor:
            cursor.execute(RECOMPUTE_POST_STATUS, {"posts": posts, "at": at})
            cursor.nextset()
            return [StatusChange(*row) for row in cursor.fetchall()]

    def late_lanes(self, limit: int) -> list[UUID]:
        with connection.cursor() as cursor:
            cursor.execute(LATE_HINTS, [limit])
            return [row[0] for row in cursor.fetchall()]
