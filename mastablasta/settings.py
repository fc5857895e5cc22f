"""All settings, for both modes; what can be set from outside is named in .env.example.

Development is the default: SQLite under MASTABLASTA_HOME, secrets made there once, the simulator as the world.
`DATABASE_URL` alone chooses production.
"""

from __future__ import annotations

import atexit
import base64
import gc
import logging
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from integrations.registry import PLATFORMS, app_settings
from mastablasta.core.logs import logging_config
from mastablasta.environment import Environment, development_secrets, fernet_key, private_file
from mastablasta.set_up import judge

# A process makes some 300,000 objects as it starts, which stay: to look for garbage among them every 700 objects is a
# seventh of its start, and to look through all of them at its end takes half a second more. Here, since this is read
# before the apps are, and by every process; core/memory.py has it look more often once all is loaded.
gc.set_threshold(50_000, 20, 100)
atexit.register(gc.freeze)

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment.of(BASE_DIR)
VERSION = "2.0.0.dev0"

# --- mode, home, addresses -------------------------------------------------------------------------------------------
DATABASE_URL = env.text("DATABASE_URL")
MODE = env.choice("MASTABLASTA_MODE", ("development", "production"), "production" if DATABASE_URL else "development")
IS_DEVELOPMENT = MODE == "development"
DEBUG = False  # error pages with source code help an attacker, never a user; development reads the log instead
HOME = env.home(BASE_DIR)
INSTANCE_ID = env.text("INSTANCE_ID")
BACKUP_DIR = Path(env.text("BACKUP_DIR") or HOME / "backups")
PORT = env.number("PORT", 33766, at_least=1)
SANDBOX_PORT = env.number("SANDBOX_PORT", 33767, at_least=1)
PUBLIC_URL = (env.text("PUBLIC_URL") or f"http://127.0.0.1:{PORT}").rstrip("/")
PUBLIC_HOST = urlsplit(PUBLIC_URL).hostname or "127.0.0.1"
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS") or sorted({PUBLIC_HOST, "127.0.0.1", "localhost", "[::1]"})
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES", env.items("TRUSTED_PROXIES"))
REDIS_URL = env.text("REDIS_URL")

# --- secrets ---------------------------------------------------------------------------------------------------------
if IS_DEVELOPMENT:
    try:
        _made = development_secrets(HOME)
    except OSError as error:
        env.fault("E004", "MASTABLASTA_HOME", f"{HOME} cannot be written ({error.strerror}); name a folder that can be")
        _made = {}
else:
    _made = {}


def _secret(name: str) -> str:
    given = env.text(name) or _made.get(name, "")
    is_told = any(fault.name == f"{name}_FILE" for fault in env.faults)
    if not given and not IS_DEVELOPMENT and not is_told:
        env.fault("E001", name, f"is not set; in production it comes from the environment ({name} or {name}_FILE)")
    return given


JWT_KEYS = [key.strip() for key in _secret("JWT_SECRET_KEY").split(",") if key.strip()] or [fernet_key()]
if any(len(key) < 32 for key in JWT_KEYS):
    env.fault("E005", "JWT_SECRET_KEY", "is shorter than 32 characters; make one with `openssl rand -base64 48`")
ENCRYPTION_KEYS = [key.strip() for key in _secret("ENCRYPTION_KEY").split(",") if key.strip()] or [fernet_key()]
for _key in ENCRYPTION_KEYS:
    try:
        _is_fernet = len(base64.urlsafe_b64decode(_key)) == 32
    except ValueError:
        _is_fernet = False
    if not _is_fernet:
        env.fault("E006", "ENCRYPTION_KEY", "is not a Fernet key; make one: `openssl rand -base64 32 | tr '+/' '-_'`")
SECRET_KEY = (
    env.text("SECRET_KEY")
    or _made.get("SECRET_KEY")
    or base64.urlsafe_b64encode(
        HKDF(SHA256(), 50, salt=None, info=b"mastablasta django SECRET_KEY").derive(JWT_KEYS[0].encode())
    ).decode()
)

# --- database --------------------------------------------------------------------------------------------------------
# Worker, clock and commands use a plain connection a thread, web processes a pool (mastablasta/web/database_pool.py).
DB_POOL_MIN = env.number("DB_POOL_MIN", 10)
DB_POOL_MAX = env.number("DB_POOL_MAX", 30, at_least=1)
WEB_WORKERS = env.number("WEB_WORKERS", 2 * (os.cpu_count() or 1), at_least=1)
WEB_THREADS = env.number("WEB_THREADS", 8, at_least=1)
WEB_FILE_THREADS = env.number("WEB_FILE_THREADS", 4, at_least=1)
WEB_CONNECTIONS_PER_CLIENT = env.number("WEB_CONNECTIONS_PER_CLIENT", 100, at_least=1)
DATABASES: dict[str, dict[str, Any]]
if DATABASE_URL:
    try:
        _database = dict(environ.Env.db_url_config(DATABASE_URL))
    except Exception:  # noqa: BLE001  django-environ raises whatever urlsplit and its casts raise
        _database = {}
    if _database.get("ENGINE") != "django.db.backends.postgresql" and not (
        IS_DEVELOPMENT and _database.get("ENGINE") == "django.db.backends.sqlite3"
    ):
        env.fault("E007", "DATABASE_URL", "is not a PostgreSQL address; write postgres://user:password@host:5432/name")
        _database = {"ENGINE": "django.db.backends.postgresql", "NAME": "not-configured"}
    DATABASES = {"default": _database}
else:
    if not IS_DEVELOPMENT:
        env.fault(
            "E008", "DATABASE_URL", "is not set and production does not run on SQLite; name a PostgreSQL database"
        )
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": private_file(HOME / "db.sqlite3")}}
_default = DATABASES["default"]
if _default["ENGINE"] == "django.db.backends.sqlite3":
    _default["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA foreign_keys=ON",
    }
    _default["CONN_MAX_AGE"] = 600  # opening one declares a hundred functions
    _default["TEST"] = {"NAME": HOME / "test.sqlite3"}  # a file: the engine's tests use several connections
else:
    _default["CONN_HEALTH_CHECKS"] = True
    _options = _default.setdefault("OPTIONS", {})
    _options.setdefault("connect_timeout", 5)
    # Only for cursors that bind on the server (core/compiled_queries.py); Django's own never prepare.
    _options.setdefault("prepare_threshold", 0)
    # A host that vanishes without a word (its power, its cable) keeps locks no longer than half a minute, and one whose
    # database vanished does not wait for its answer for hours: neither side's TCP would notice by itself.
    _patience = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}
    _of_server = {f"tcp_{_name.removeprefix('tcp_')}": _value for _name, _value in _patience.items()}
    _options.setdefault("options", " ".join(f"-c {_name}={_value}" for _name, _value in _of_server.items()))
    for _name, _value in _patience.items():
        _options.setdefault(_name, _value)
    _default["CONN_MAX_AGE"] = 600
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- applications ----------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "mastablasta.admin_config.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "axes",
    "django_q",
    "mastablasta.core",
    "mastablasta.core.audit",
    "mastablasta",
    "accounts",
    "webhooks",
    "media_library",
    "integrations",
    "posts",
    "analytics",
]
# What came of a request is told by its status; failures of the program have a line of their own (request_failed).
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # it believes any X-Forwarded-For; ProblemMiddleware says who asked
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG  # one line a request, at its end
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = DJANGO_STRUCTLOG_STATUS_5XX_LOG_LEVEL = logging.INFO
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "mastablasta.core.api.error_pages.ProblemMiddleware",
    "mastablasta.core.api.programs.BrowserSession",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "mastablasta.core.api.programs.BrowserUser",
    "accounts.acting.ActingMiddleware",
    "mastablasta.core.api.programs.BrowserMessages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "mastablasta.urls"
WSGI_APPLICATION = "mastablasta.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "static/"
STORAGES: dict[str, dict[str, Any]] = {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True  # no STATIC_ROOT to fill, no step to forget
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = ["mastablasta.formats"]
TIME_ZONE = "UTC"
USE_TZ = True

# --- media -----------------------------------------------------------------------------------------------------------
MEDIA_ROOT = Path(env.text("MEDIA_ROOT") or HOME / "media")
MEDIA_INCOMING = MEDIA_ROOT / ".incoming"  # beside the final place, so that what arrived whole is renamed, not copied
MEDIA_QUOTA_BYTES = env.number("MEDIA_QUOTA_BYTES", 0)
MEDIA_RESERVE_BYTES = env.number("MEDIA_RESERVE_BYTES", 512 * 1024 * 1024)
MEDIA_SERVING = env.choice("MEDIA_SERVING", ("stream", "accel", "redirect"), "stream")
MEDIA_ACCEL_PREFIX = env.text("MEDIA_ACCEL_PREFIX") or "/protected-media/"
AWS_STORAGE_BUCKET_NAME = env.text("AWS_STORAGE_BUCKET_NAME")
STORAGES["default"] = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": MEDIA_ROOT}}
S3_OPTIONS: dict[str, Any] = {
    "bucket_name": AWS_STORAGE_BUCKET_NAME,
    "access_key": env.text("AWS_ACCESS_KEY_ID") or None,
    "secret_key": env.text("AWS_SECRET_ACCESS_KEY") or None,
    "region_name": env.text("AWS_S3_REGION_NAME") or None,
    "endpoint_url": env.text("AWS_S3_ENDPOINT_URL") or None,
    "custom_domain": env.text("AWS_S3_CUSTOM_DOMAIN") or None,
    "location": "media",
    "file_overwrite": False,
    "default_acl": None,
}
if AWS_STORAGE_BUCKET_NAME:
    from mastablasta.object_storage import client_config, transfer_config  # boto3 takes its time

    S3_OPTIONS |= {"client_config": client_config(), "transfer_config": transfer_config()}
    STORAGES["default"] = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": S3_OPTIONS}

# --- people ----------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.BCryptSHA256PasswordHasher"]  # 12 rounds is its default
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "name"]},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "accounts.passwords.NoControlCharacters"},
]
AXES_CLIENT_IP_CALLABLE = "accounts.lockout.address"
PASSWORD_RESET_TIMEOUT = 3_600
REGISTRATION_OPEN = env.flag("REGISTRATION_OPEN", True)
SECOND_FACTOR_REQUIRED = env.flag("SECOND_FACTOR_REQUIRED", False)  # of site admins, in Django admin
AUDIT_KEEP_DAYS = env.number("AUDIT_KEEP_DAYS", 400)
ACCESS_TOKEN_LIFETIME = timedelta(minutes=15)
REFRESH_TOKEN_LIFETIME = timedelta(days=30)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=10)
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # else a guesser keeps the owner out for ever
AXES_LOCKOUT_CALLABLE = "accounts.lockout.answer"
AXES_DISABLE_ACCESS_LOG = True  # accounts.Session says who signed in when
AXES_ENABLE_ACCESS_FAILURE_LOG = False
AXES_USERNAME_FORM_FIELD = "username"  # as the admin's form and Django call the e-mail
AXES_USERNAME_CALLABLE = "accounts.lockout.username"

# How often somebody may ask. In development nobody is held back unless this says so.
USUAL_RATES = {
    "user": "600/min",
    "key": "1200/min",
    "anonymous": "60/min",
    "demo": "60/min",
    "sign_in": "10/min",
    "registration": "20/h",
}
THROTTLE_RATES = env.rates("THROTTLE_RATES", env.items("THROTTLE_RATES"), USUAL_RATES, is_on=not IS_DEVELOPMENT)

V1_ENABLED = env.flag("V1_ENABLED", True)

# --- e-mail ----------------------------------------------------------------------------------------------------------
EMAIL_URL = env.text("EMAIL_URL")
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM") or f"MastaBlasta <noreply@{PUBLIC_HOST}>"
EMAIL_TIMEOUT = 10
try:
    _email = environ.Env.email_url_config(EMAIL_URL or "dummymail://")
except (environ.ImproperlyConfigured, ValueError):
    env.fault(
        "E003", "EMAIL_URL", "is not the address of a server; write smtp+tls://user:password@mail.example.org:587"
    )
    _email = environ.Env.email_url_config("dummymail://")
EMAIL_BACKEND = _email["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = _email["EMAIL_HOST"] or "127.0.0.1", _email["EMAIL_PORT"] or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_USER"] or "", _email["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = bool(_email.get("EMAIL_USE_TLS")), bool(_email.get("EMAIL_USE_SSL"))
EMAIL_FILE_PATH = _email["EMAIL_FILE_PATH"]

# --- API -------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.BearerAuthentication",
        "accounts.api.authentication.ApiKeyAuthentication",
        "accounts.api.authentication.AdminSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.permissions.HasWorkspaceRole"],
    "DEFAULT_PAGINATION_CLASS": "mastablasta.core.api.pagination.EnvelopePagination",
    "DEFAULT_FILTER_BACKENDS": ["mastablasta.core.api.filters.ParameterBackend"],
    "DEFAULT_SCHEMA_CLASS": "mastablasta.core.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "mastablasta.core.api.errors.exception_handler",
    "DEFAULT_RENDERER_CLASSES": [
        "mastablasta.core.api.renderers.JsonRenderer",
        "accounts.api.renderers.WorkspacePage",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "mastablasta.core.api.pages.Negotiation",
    "DEFAULT_PARSER_CLASSES": ["mastablasta.core.api.parsers.JsonParser"],
    "DEFAULT_METADATA_CLASS": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "MastaBlasta API",
    "DESCRIPTION": (
        "Writes a post once and publishes it to every connected account: on time, once, in that platform's form. "
        "Where requests are limited, every answer says in RateLimit-Limit, RateLimit-Remaining and RateLimit-Reset "
        "(seconds) how the caller stands; one too many is 429 with Retry-After."
    ),
    "VERSION": "2",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v2",
    "COMPONENT_SPLIT_REQUEST": True,
    "GET_LIB_DOC_EXCLUDES": "mastablasta.core.api.schema.bases_without_words",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "mastablasta.core.api.schema.describe_headers",
        "webhooks.api.description.describe_events",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},  # its validator is a foreign host
    "ENUM_NAME_OVERRIDES": {  # fields of the same name with other choices: each set has its own name
        "SiteRole": "accounts.roles.SiteRole",
        "WorkspaceRole": "accounts.roles.Role",
        "PostStatus": "posts.states.PostStatus",
        "DeliveryStatus": "posts.api.answers.DELIVERY_STATUSES",
        "TrueOrFalse": "posts.api.import_export_views.TRUE_OR_FALSE",
        "RowStatus": "posts.import_export.importing.STORED",
        "MediaKind": "media_library.api.serializers.KINDS",
        "MediaStatus": "media_library.models.AssetStatus",
        "WebhookStatus": "webhooks.states.EndpointStatus",
        "WebhookDeliveryStatus": "webhooks.states.EndpointDeliveryState",
        "WebhookEvent": "webhooks.event_types.NAMES",
    },
}

# --- jobs ------------------------------------------------------------------------------------------------------------
WORKERS = env.number("WORKERS", 2, at_least=1)  # how many drains a cluster runs at once
Q_CLUSTER: dict[str, Any] = {
    "name": "mastablasta",
    # Drains may take all of WORKERS for 50 s, a sender of webhooks one more, a collector another, and a video
    # one for half an hour; the last keeps heartbeats and periodic tasks moving, and does bulk jobs in turns of 5 s. The
    # price: four processes, of about 5 MB of their own each.
    "workers": WORKERS + 4,
    "queue_limit": WORKERS + 4,
    "bulk": 1,
    "poll": 0,  # the broker waits by itself
    "guard_cycle": 1,  # seconds between two looks whether a worker died or takes too long
    "timeout": 120,
    "retry": 400,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": -1,
    "recycle": env.number("WORKER_RECYCLE", 500, at_least=1),  # tasks after which a worker process is a new one
    "label": "Jobs",
    "log_level": "WARNING",
}
if REDIS_URL:
    Q_CLUSTER["redis"] = REDIS_URL
    _redis = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    _impatient = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}
    CACHES: dict[str, dict[str, Any]] = {"default": _redis, "limits": {**_redis, "OPTIONS": _impatient}}
else:
    Q_CLUSTER |= {"orm": "default", "broker_class": "mastablasta.core.jobs.broker.DatabaseBroker"}
    _memory = "django.core.cache.backends.locmem.LocMemCache"
    CACHES = {
        "default": {"BACKEND": _memory},
        "limits": {"BACKEND": _memory, "LOCATION": "limits", "OPTIONS": {"MAX_ENTRIES": 50_000}},
    }

# --- publishing ------------------------------------------------------------------------------------------------------
PUBLISH_THREADS = env.number("PUBLISH_THREADS", 128, at_least=1)
PUBLISH_MAX_RETRIES = env.number("PUBLISH_MAX_RETRIES", 3)
MISSED_POST_POLICY = env.choice("MISSED_POST_POLICY", ("send", "hold"), "send")
MISSED_POST_HOURS = env.number("MISSED_POST_HOURS", 12)
ANALYTICS_KEEP_DAYS = env.number("ANALYTICS_KEEP_DAYS", 400)
ATTEMPTS_KEEP_DAYS = env.number("ATTEMPTS_KEEP_DAYS", 400)
OUTBOUND_ALLOW_HOSTS = env.items("OUTBOUND_ALLOW_HOSTS")
WEBHOOK_THREADS = env.number("WEBHOOK_THREADS", 64, at_least=4)
WEBHOOK_ALLOW_PRIVATE = env.flag("WEBHOOK_ALLOW_PRIVATE", False)
if WEBHOOK_ALLOW_PRIVATE and not IS_DEVELOPMENT:
    env.fault("E013", "WEBHOOK_ALLOW_PRIVATE", "is for development, and would open the own network; leave it out")
ANALYTICS_THREADS = env.number("ANALYTICS_THREADS", 8, at_least=2)
ANALYTICS_HOURLY_HOURS = env.number("ANALYTICS_HOURLY_HOURS", 48)
ANALYTICS_SIX_HOURLY_DAYS = env.number("ANALYTICS_SIX_HOURLY_DAYS", 14)
ANALYTICS_DAILY_DAYS = env.number("ANALYTICS_DAILY_DAYS", 90)
ANALYTICS_PAID_READS = env.number("ANALYTICS_PAID_READS", 200)
TIME_SCALE = env.fraction("TIME_SCALE", 1.0)
if TIME_SCALE != 1 and not IS_DEVELOPMENT:
    env.fault("E009", "TIME_SCALE", "is for tests, and would break what production promises; leave it out")


# What replaces the platforms' own addresses: in development the simulator.
PLATFORM_BASE_URLS = {
    slug: (env.text(f"{slug.upper()}_BASE_URL") or f"http://127.0.0.1:{SANDBOX_PORT}/{slug}").rstrip("/")
    for slug in (PLATFORMS if IS_DEVELOPMENT else ())
}


def _client(name: str, given: str) -> str:
    """What the operator gave, else in development what the simulator's own app is called."""
    return given or (name if IS_DEVELOPMENT else "")


# Our apps at the platforms where an operator registers them; without one a platform cannot be connected.
for _name, _slug in app_settings().items():
    _sandboxes = f"sandbox-{_slug}-secret" if _name.endswith("_SECRET") else f"sandbox-{_slug}"
    globals()[_name] = _client(_sandboxes, env.text(_name))
# What LinkedIn has approved our app for; without an answer what every app gets, and in development everything.
LINKEDIN_SCOPES = env.text("LINKEDIN_SCOPES") or ("" if IS_DEVELOPMENT else "openid profile w_member_social")

# --- security --------------------------------------------------------------------------------------------------------
IS_HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SECURE_SSL_REDIRECT = False  # the server in front redirects; loopback and the health probes stay on http
SILENCED_SYSTEM_CHECKS = ["security.W008"]  # which asks for that redirect
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CSRF_FAILURE_VIEW = "mastablasta.core.api.error_pages.csrf_failure"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
# Of bulk requests, and of the files that imports take: 100,000 ids are 4 MB.
BULK_BODY_MAX_BYTES = env.number("BULK_BODY_MAX_BYTES", 20 * 1024 * 1024, at_least=DATA_UPLOAD_MAX_MEMORY_SIZE)

METRICS_TOKEN = env.text("METRICS_TOKEN")

# --- logs ------------------------------------------------------------------------------------------------------------
LOG_FORMAT = env.choice("LOG_FORMAT", ("console", "json"), "console" if IS_DEVELOPMENT else "json")
LOG_FILE = env.text("LOG_FILE") or (str(HOME / "app.log") if IS_DEVELOPMENT else "")
SENTRY_DSN = env.text("SENTRY_DSN")
if SENTRY_DSN and not re.fullmatch(r"https://\w+(:\w+)?@[\w.:-]+(/[\w/.-]*)?/\d+", SENTRY_DSN):
    env.fault("E003", "SENTRY_DSN", "is not the DSN of a project; copy it from there: https://key@sentry.example.org/1")
    SENTRY_DSN = ""
LOGGING = logging_config(LOG_FORMAT, LOG_FILE, is_quiet=IS_DEVELOPMENT and bool(LOG_FILE), reports_to=SENTRY_DSN)

judge(env, globals(), platforms=PLATFORMS, is_development=IS_DEVELOPMENT)
SETUP_FAULTS = env.faults
