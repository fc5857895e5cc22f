"""Settings that are well-formed each for itself and wrong all the same: in production, or beside one another.

Used by settings.py only; every fault is one line with its remedy (mastablasta/environment.py).
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from mastablasta.environment import Environment

LEAST_CHARACTERS = 4  # different ones: a key of fewer was typed, not drawn
EXAMPLES = re.compile(r"change.?me|your[-_ ](secret|key|jwt)|insecure", re.IGNORECASE)
HOST = re.compile(r"\.?([a-z0-9-]+\.)*[a-z0-9-]+|\[[0-9a-f:]+\]", re.IGNORECASE)
PAIRS = (
    ("TWITTER_CLIENT_ID", "TWITTER_CLIENT_SECRET"),
    ("META_APP_ID", "META_APP_SECRET"),
    ("INSTAGRAM_APP_ID", "INSTAGRAM_APP_SECRET"),
    ("LINKEDIN_CLIENT_ID", "LINKEDIN_CLIENT_SECRET"),
    ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"),
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
)


def judge(env: Environment, given: Mapping[str, Any], *, platforms: Iterable[str], is_development: bool) -> None:
    """Add to `env.faults` what is wrong. `given`: the values of settings.py by name."""
    _files(env)
    _addresses(env, given)
    if given["DB_POOL_MIN"] > given["DB_POOL_MAX"]:
        env.fault("E003", "DB_POOL_MIN", f"is above DB_POOL_MAX ({given['DB_POOL_MAX']}); lower it, or raise the other")
    if is_development:
        return
    _pairs(env)
    _keys(env, given)
    _doors(env, given)
    for slug in platforms:
        if env.text(name := f"{slug.upper()}_BASE_URL"):
            env.fault("E013", name, "is for development: production calls the platform itself; leave it out")


def _files(env: Environment) -> None:
    for name in sorted(env.source):
        other = name.removesuffix("_FILE")
        if other != name and other in SECRETS and env.source[name] and env.source.get(other):
            env.fault("E010", name, f"and {other} are both set, and only one can count; leave one out")


SECRETS = frozenset({"DATABASE_URL", "REDIS_URL", "EMAIL_URL", "SECRET_KEY", "JWT_SECRET_KEY", "ENCRYPTION_KEY",
                     "METRICS_TOKEN", *(name for pair in PAIRS for name in pair)})  # fmt: skip


def _addresses(env: Environment, given: Mapping[str, Any]) -> None:
    public = urlsplit(given["PUBLIC_URL"])
    if public.scheme not in {"http", "https"} or not public.hostname or public.query or public.fragment:
        env.fault("E011", "PUBLIC_URL", "is not the address of this server; write https://social.example.org")
    for host in env.items("ALLOWED_HOSTS"):
        if host != "*" and not HOST.fullmatch(host):
            env.fault("E003", "ALLOWED_HOSTS", f"{host!r} is not a host name; write it without scheme, port and path")
    for host in env.items("OUTBOUND_ALLOW_HOSTS"):
        if not HOST.fullmatch(host):
            env.fault("E003", "OUTBOUND_ALLOW_HOSTS", f"{host!r} is not a host name; name each host by itself")
    for name, schemes in (("REDIS_URL", ("redis", "rediss", "unix")), ("AWS_S3_ENDPOINT_URL", ("http", "https"))):
        if (url := env.text(name)) and (urlsplit(url).scheme not in schemes or urlsplit(url)[1:3] == ("", "")):
            env.fault("E003", name, f"is not an address of its kind; it begins with {schemes[0]}://")
    for name in ("PORT", "SANDBOX_PORT"):
        if given[name] > 65_535:
            env.fault("E003", name, f"{given[name]} is above 65535, the highest port; name another one")
    if given["PORT"] == given["SANDBOX_PORT"] and given["IS_DEVELOPMENT"]:
        env.fault("E003", "SANDBOX_PORT", f"is {given['PORT']}, as PORT is; name another one")


def _pairs(env: Environment) -> None:
    for names in PAIRS:
        missing = [name for name in names if not env.text(name)]
        if len(missing) == 1:
            (other,) = set(names) - set(missing)
            env.fault("E014", missing[0], f"is not set, and {other} is of no use alone; set both, or neither")


def _keys(env: Environment, given: Mapping[str, Any]) -> None:
    drawn = {"JWT_SECRET_KEY": given["JWT_KEYS"], "ENCRYPTION_KEY": given["ENCRYPTION_KEYS"]}
    drawn["SECRET_KEY"] = [env.text("SECRET_KEY")] if env.text("SECRET_KEY") else []
    ids = {"JWT_SECRET_KEY": "E005", "ENCRYPTION_KEY": "E006", "SECRET_KEY": "E005"}
    for name, keys in drawn.items():
        is_told = any(fault.name in {name, f"{name}_FILE"} for fault in env.faults)
        if not is_told and any(_is_made_up(key) for key in keys):
            env.fault(ids[name], name, "can be guessed; draw one, as .env.example says")
    if len(env.text("SECRET_KEY")) in range(1, 32):
        env.fault(
            "E005", "SECRET_KEY", "is shorter than 32 characters; leave it out, or draw one: openssl rand -base64 48"
        )
    if len(set().union(*drawn.values())) < sum(len(set(keys)) for keys in drawn.values()):
        env.fault("E010", "JWT_SECRET_KEY", "is a key of ENCRYPTION_KEY or SECRET_KEY too; draw one for each")
    if len(env.text("METRICS_TOKEN")) in range(1, 16):
        env.fault("E005", "METRICS_TOKEN", "is shorter than 16 characters; draw one: openssl rand -hex 32")
    if len(env.text("INSTANCE_ID")) in range(1, 16):
        env.fault("E005", "INSTANCE_ID", "is shorter than 16 characters; draw one: openssl rand -hex 16")


def _is_made_up(key: str) -> bool:
    try:
        plain = base64.urlsafe_b64decode(key)
    except ValueError:
        plain = b""
    is_dull = len(set(plain if len(plain) == 32 else key.encode())) < LEAST_CHARACTERS
    return is_dull or EXAMPLES.search(key) is not None


def _doors(env: Environment, given: Mapping[str, Any]) -> None:
    host, hosts = given["PUBLIC_HOST"], given["ALLOWED_HOSTS"]
    if given["PUBLIC_URL"].startswith("http://") and not _is_private(host):
        env.fault("E011", "PUBLIC_URL", "is http: passwords and tokens would be read on the way; write https://")
    if "*" in hosts:
        env.fault("E012", "ALLOWED_HOSTS", "* lets whoever asks choose this server's name; name its hosts")
    elif not any(host == one or (one.startswith(".") and f".{host}".endswith(one)) for one in hosts):
        env.fault("E012", "ALLOWED_HOSTS", f"lacks {host}, the host of PUBLIC_URL; add it, or leave ALLOWED_HOSTS out")
    for network in given["TRUSTED_PROXIES"]:
        if ipaddress.ip_network(network, strict=False).prefixlen == 0:
            env.fault("E012", "TRUSTED_PROXIES", f"{network} lets anybody say who they are; name your proxies")


def _is_private(host: str) -> bool:
    """Loopback and the own network, where a proxy may speak http to us and nobody else can."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost"
