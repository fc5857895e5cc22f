"""What people take back at the platform itself, and it tells us of: the grant ends here, or what was kept goes too.

A message may come twice, late or from somebody who kept one: it counts when our app's secret signed it, and ends no
grant that is younger than it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils.crypto import constant_time_compare, salted_hmac

from integrations import registry
from integrations.models import Credential, SocialAccount
from integrations.services.hosts import app_of, require_built
from integrations.services.operator_apps import operators_app
from integrations.services.signing_out import needs_reauth
from integrations.sign_in import ClientApp, EndedGrant
from mastablasta.core.errors import Invalid, NotThere

log = structlog.get_logger(__name__)

SECOND = timedelta(seconds=1)  # a platform tells whole ones
SALT = "integrations.withdrawals"
REMOVED = "The person removed this app at {label}."
ERASED = "The person had their data here deleted at {label}."


def end_withdrawn(platform: str, signed: str, *, at: datetime) -> int:
    """Sign out what a person ended at the platform, in all workspaces; returns how many grants.

    Raises NotThere (no such platform), Invalid (invalid_signature).
    """
    app, ended = _read(platform, signed)
    reason = REMOVED.format(label=registry.PLATFORMS[platform].label)
    count = sum(needs_reauth(grant.id, reason=reason, at=at) for grant in _grants(app, ended))
    log.info("grants_withdrawn", platform=platform, grants=count)
    return count


def erase_withdrawn(platform: str, signed: str, *, at: datetime) -> str:
    """Delete what is kept of a person who asked the platform for it; returns a code by which `erased_at` says so.

    Grants with their tokens go, and names and pictures of the accounts that stand on them. An account's row and handle
    stay, so that what was published by it can still be found; it has to be connected again. Raises as `end_withdrawn`.
    """
    app, ended = _read(platform, signed)
    reason = ERASED.format(label=registry.PLATFORMS[platform].label)
    count = 0
    for grant in _grants(app, ended):
        _erase(grant, reason=reason, at=at)
        count += 1
    log.info("grants_erased", platform=platform, grants=count)
    return _code(platform, int(at.timestamp()))


def erased_at(platform: str, code: str) -> datetime:
    """When what a code of `erase_withdrawn` stands for was deleted. Raises NotThere."""
    moment, _, _ = code.partition("x")
    seconds = int(moment) if moment.isascii() and moment.isdecimal() and len(moment) <= 11 else 0
    if not constant_time_compare(code, _code(platform, seconds)):
        raise NotThere("not_found", "There is no deletion of this code.")
    return datetime.fromtimestamp(seconds, UTC)


def _read(platform: str, signed: str) -> tuple[ClientApp, EndedGrant]:
    require_built(platform)
    for entry in registry.PLATFORMS[platform].sign_ins:
        app = operators_app(platform, entry.name)
        ended = registry.sign_in(platform, entry.name).ended_grant(app, signed) if app is not None else None
        if app is not None and ended is not None:
            return app, ended
    raise Invalid("invalid_signature", "This is not signed with the secret of our app at the platform.")


def _grants(app: ClientApp, ended: EndedGrant) -> Iterator[Credential]:
    """The person's grants of this app, at all of its platforms, that are older than the message."""
    is_older = Q(refreshed_at=None) | Q(refreshed_at__lt=ended.at + SECOND)
    rows = Credential.objects.filter(is_older, subject=ended.subject).defer("access_enc", "refresh_enc")
    for grant in rows.select_related("platform_host").order_by("id"):
        if app_of(grant.platform_host).client_id == app.client_id:
            yield grant


def _erase(grant: Credential, *, reason: str, at: datetime) -> None:
    with transaction.atomic():
        needs_reauth(grant.id, reason=reason, at=at)
        accounts = SocialAccount.objects.filter(credential=grant.id)
        list(accounts.order_by("id").select_for_update(no_key=True).values_list("id"))
        accounts.update(
            display_name="", avatar_url="", facts={}, target_token_enc=None, state_reason=reason, updated_at=at
        )
        Credential.objects.filter(id=grant.id).delete()


def _code(platform: str, seconds: int) -> str:
    return f"{seconds}x{salted_hmac(SALT, f'{platform} {seconds}', algorithm='sha256').hexdigest()[:24]}"
