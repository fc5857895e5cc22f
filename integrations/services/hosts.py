"""Hosts of platforms: what they say of themselves, our app at each of them, and the operator's switch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Q, QuerySet

from integrations import registry
from integrations.errors import CallFailed, OperatorProblem
from integrations.models import GlobalPause, PlatformHost
from integrations.services import global_pause
from integrations.services.connectors import sign_in_for
from integrations.services.operator_apps import operators_app
from integrations.sign_in import ClientApp, OAuthFlow, SignIn
from mastablasta.core.audit.recording import record, subject_of
from mastablasta.core.crypto import Unreadable
from mastablasta.core.errors import DomainError, Invalid, NotThere, Unreachable
from mastablasta.core.outbound import Refused
from mastablasta.core.pasting import pasted

log = structlog.get_logger(__name__)

INFO_LIFETIME = timedelta(hours=24)

# Faults of the address that a person typed, not of the host behind it.
_MISTYPED = {"refused_address", "dns_failure", "not_this_platform"}


def require_built(platform: str) -> None:
    """Raises NotThere (no such platform) or Invalid (platform_not_available)."""
    if not registry.is_platform(platform):
        valid = ", ".join(registry.PLATFORM_SLUGS)
        raise NotThere("unknown_platform", f"{platform!r} is not a platform; valid: {valid}.")
    if not registry.is_built(platform):
        label = registry.PLATFORMS[platform].label
        raise Invalid("platform_not_available", f"{label} cannot be connected in this version.")


def require_redirect(platform: str) -> None:
    """Raises as require_built does, and Invalid (no_redirect) where people connect in another way."""
    require_built(platform)
    try:
        registry.oauth_flow(platform)
    except registry.OtherSignIn:
        label = registry.PLATFORMS[platform].label
        sentence = f"{label} is connected without a redirect: POST /api/v2/accounts with handle and app_password."
        raise Invalid("no_redirect", sentence) from None


def flow_at(host: PlatformHost) -> OAuthFlow:
    """How people sign in at a host of a platform that `require_redirect` let pass."""
    flow = sign_in_for(host.platform, host.base_url, host.info, name=host.sign_in)
    assert isinstance(flow, OAuthFlow)  # noqa: S101  the registry names one class a platform
    return flow


def named_host(
    platform: str, host: str | None, *, sign_in: str | None = None, field: str = "instance"
) -> tuple[str, str]:
    """Return which sign-in a person named, by its name, and where its host is.

    Of several sign-ins `sign_in` chooses one, or else `host`, where that is the name of one; the first is taken
    otherwise. In development the host is the simulator when they named none or it, and a further sign-in has its own
    path there. `field` is where they named the host. Raises Invalid.
    """
    host, name = pasted(host or ""), pasted(sign_in or "").lower()
    entries = registry.PLATFORMS[platform].sign_ins
    names = [entry.name for entry in entries if entry.name]
    if name and name not in names:
        label, valid = registry.PLATFORMS[platform].label, ", ".join(names)
        sentence = f"This is not one of: {valid}." if names else f"{label} has one sign-in; leave this out."
        raise Invalid.field("sign_in", "invalid_choice", sentence, valid=names)
    if not name and host.lower() in names:
        name, host = host.lower(), ""
    name = name or entries[0].name
    return name, _base_url(platform, name, host, field=field)


def _base_url(platform: str, sign_in: str, host: str, *, field: str) -> str:
    simulator = settings.PLATFORM_BASE_URLS.get(platform, "")
    if simulator and sign_in != registry.PLATFORMS[platform].sign_ins[0].name:
        simulator = f"{simulator}/{sign_in}"
    if simulator and (not host or host.rstrip("/") == simulator):
        return simulator
    try:
        return registry.sign_in(platform, sign_in).address_of(host)
    except Refused as refused:
        raise Invalid.field(field, f"invalid_{field}", _sentence(str(refused))) from None


def reach(
    platform: str, base_url: str, *, sign_in: str = "", at: datetime, field: str = "instance"
) -> tuple[PlatformHost, SignIn]:
    """Return the host and the way to talk to it; asks it who it is at most once in 24 h. Raises Invalid, Unreachable.

    A host is stored only once it has answered as one of this platform. One that does not answer now, but did before,
    is taken as it was. `sign_in` and `base_url` as `named_host` gives them; `field` is where a person named it.
    """
    known = PlatformHost.objects.filter(platform=platform, host=host_name(base_url)).first()
    if known is not None and known.info_at is not None and known.info_at > at - INFO_LIFETIME:
        return known, sign_in_for(platform, base_url, known.info, name=sign_in)
    try:
        info = sign_in_for(platform, base_url, {}, name=sign_in).host_info()
        if moved_to := info.get("base_url"):
            base_url = str(moved_to)
    except CallFailed as error:
        if known is not None and known.info:
            return known, sign_in_for(platform, base_url, known.info, name=sign_in)
        raise refused_host(error, field=field) from error
    host, is_new = PlatformHost.objects.update_or_create(
        platform=platform,
        host=host_name(base_url),
        defaults={"sign_in": sign_in, "base_url": base_url, "info": _with_learned(info, known), "info_at": at},
    )
    if is_new:
        global_pause.pause_new_host(host.id)
    return host, sign_in_for(platform, base_url, host.info, name=sign_in)


def our_app(host: PlatformHost, flow: OAuthFlow, *, redirect_uri: str, at: datetime) -> ClientApp:
    """Return our registration at the host, by which a person can be sent there now.

    It is the operator's, or our own: made again when redirect URI or scopes changed, and when the host has forgotten
    it. One that does not answer to that question is taken to know it. Of several that register at once the first one
    counts for all. Raises Invalid (also platform_not_configured), Unreachable.
    """
    if (app := operators_app(host.platform, host.sign_in)) is not None:
        if not app.client_id:
            raise _not_configured(host)
        return app
    scopes = " ".join(flow.scopes)
    if _is_registered(host, redirect_uri, scopes) and _is_known(host, flow):
        return app_of(host)
    try:
        app = flow.register(redirect_uri=redirect_uri)
    except CallFailed as error:
        if learn(host, flow, error.code, at=at):
            return our_app(host, flow_at(host), redirect_uri=redirect_uri, at=at)
        raise refused_host(error) from error
    is_first = PlatformHost.objects.filter(id=host.id, client_id=host.client_id).update(
        client_id=app.client_id,
        client_secret_enc=app.client_secret,
        client_redirect_uri=redirect_uri,
        client_scopes=scopes,
        updated_at=at,
    )
    if is_first:
        return app
    host.refresh_from_db()
    return app_of(host) if _is_registered(host, redirect_uri, scopes) else app


def learn(host: PlatformHost, flow: OAuthFlow, refusal_code: str, *, at: datetime) -> bool:
    """Keep what a refused sign-in showed of the host, for the next one; False = nothing new."""
    known = dict(host.info.get("learned", {}))
    learned = {**known, **flow.learned_from(refusal_code)}
    if learned == known:
        return False
    host.info = {**host.info, "learned": learned}
    PlatformHost.objects.filter(id=host.id).update(info=host.info, updated_at=at)
    log.info("host_learned", platform=host.platform, host=host.host, learned=sorted(learned))
    return True


def app_of(host: PlatformHost) -> ClientApp:
    """Our registration at the host, as it is now; empty = we have none. Without its secret where that is lost."""
    secret = host.client_secret_enc
    own = "" if isinstance(secret, Unreadable) else str(secret or "")
    return operators_app(host.platform, host.sign_in) or ClientApp(host.client_id, own)


def forget_app(host_id: UUID, *, client_id: str, at: datetime) -> None:
    """The host no longer knows our app: the next sign-in registers again."""
    PlatformHost.objects.filter(id=host_id, client_id=client_id).update(
        client_id="", client_secret_enc=None, updated_at=at
    )


def refresh_host_info(*, at: datetime, most: int = 20) -> int:
    """Ask hosts with accounts that last said what they allow a day ago or longer; returns how many answered."""
    stale = PlatformHost.objects.filter(Q(info_at=None) | Q(info_at__lte=at - INFO_LIFETIME), accounts__isnull=False)
    answered = 0
    for host in stale.distinct().order_by("info_at")[:most]:
        if not registry.is_built(host.platform):
            continue
        try:
            info = sign_in_for(host.platform, host.base_url, host.info, name=host.sign_in).host_info()
        except CallFailed:
            # Tried: the next is a day later, so that a dead host does not stand before the others for ever.
            PlatformHost.objects.filter(id=host.id).update(info_at=at)
            continue
        except Exception:  # nor may what is wrong with one keep the others from being asked
            log.exception("host_not_understood", platform=host.platform, host=host.host)
            PlatformHost.objects.filter(id=host.id).update(info_at=at)
            continue
        PlatformHost.objects.filter(id=host.id).update(info=_with_learned(info, host), info_at=at, updated_at=at)
        answered += 1
    return answered


def pause_host(platform: str, host: str, *, reason: str, at: datetime) -> bool:
    """Stop all publishing to this host; False = it is paused already."""
    rows = PlatformHost.objects.filter(platform=platform, host=host, paused_at=None)
    changes = {"paused_at": at, "paused_reason": reason[:500], "is_paused_globally": False}
    return _switch("paused", rows, changes, reason=reason, at=at)


def resume_host(platform: str, host: str, *, at: datetime) -> bool:
    """Publish to this host again; False = it was not paused, or is paused with everything."""
    rows = PlatformHost.objects.filter(platform=platform, host=host).exclude(paused_at=None)
    rows = rows.exclude(Exists(GlobalPause.objects.all()), is_paused_globally=True)
    changes = {"paused_at": None, "paused_reason": "", "is_paused_globally": False}
    return _switch("resumed", rows, changes, reason="", at=at)


def _switch(
    action: str, rows: QuerySet[PlatformHost], changes: Mapping[str, Any], *, reason: str, at: datetime
) -> bool:
    with transaction.atomic():
        told = [subject_of(row, name=row.host, changes={"reason": (None, reason)}) for row in rows.only("id", "host")]
        is_done = bool(rows.update(**changes, updated_at=at))
        record(action, told if is_done else [], at=at)
    return is_done


def host_name(base_url: str) -> str:
    """What people call a host: its name, with port and path where it has them."""
    parts = urlsplit(base_url)
    return f"{parts.netloc}{parts.path}"[:255]


def redirect_uri_of(platform: str) -> str:
    return f"{settings.PUBLIC_URL}/api/v2/oauth/{platform}/callback"


def refused_host(error: CallFailed, *, field: str = "instance") -> DomainError:
    """What a person is told when the host that they named in `field` cannot be used."""
    if error.code in _MISTYPED:
        return Invalid.field(field, error.code, _sentence(error.message))
    if isinstance(error, OperatorProblem):
        return Unreachable(error.code, error.message)
    return Unreachable("instance_unreachable", f"The server cannot be used right now: {error.message}")


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:].rstrip('.')}."


def _not_configured(host: PlatformHost) -> Invalid:
    label = registry.PLATFORMS[host.platform].label
    names = " and ".join(registry.sign_in_entry(host.platform, host.sign_in).app_settings or ())
    sentence = f"{label} is not set up on this server; its operator has to set {names}."
    return Invalid("platform_not_configured", sentence)


def _with_learned(info: Mapping[str, Any], known: PlatformHost | None) -> dict[str, Any]:
    """What a host says now, with what refused sign-ins showed of it."""
    learned = known.info.get("learned") if known is not None else None
    return {**info, "learned": learned} if learned else dict(info)


def _is_known(host: PlatformHost, flow: OAuthFlow) -> bool:
    try:
        is_known = flow.knows_app(app_of(host))
    except CallFailed as failure:
        log.info("app_not_checked", platform=host.platform, host=host.host, code=failure.code)
        return True
    if not is_known:
        log.warning("app_forgotten", platform=host.platform, host=host.host)
    return is_known


def _is_registered(host: PlatformHost, redirect_uri: str, scopes: str) -> bool:
    is_whole = bool(host.client_id) and not isinstance(host.client_secret_enc, Unreadable)
    return is_whole and (host.client_redirect_uri, host.client_scopes) == (redirect_uri, scopes)
