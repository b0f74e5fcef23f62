"""
All settings, read from the environment (.env.example explains each). A bad one stops the start with a sentence.

Three modes. `demo` needs nothing: SQLite, keys made on the first start, all in DATA_DIR. `production` makes up nothing.
`test` is what pytest runs in.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.utils.translation import gettext_lazy as _

from .databases import EXAMPLES, database
from .env import BadSetting, Environment
from .keys import NAMES as KEY_NAMES
from .keys import demo_keys
from .theme import UNFOLD as UNFOLD

BASE_DIR = Path(__file__).resolve().parent.parent
TESTING = "PYTEST_VERSION" in os.environ

env = Environment(dotenv=None if TESTING else BASE_DIR / ".env")

MODE = env.choice("BACKOFFICE_MODE", ("demo", "production", "test"), default="test" if TESTING else "demo")
PRODUCTION = MODE == "production"
DEBUG = env.flag("DEBUG", default=False)
if PRODUCTION and DEBUG:
    raise BadSetting("DEBUG", why="is on in production, and would show secrets to strangers", write="Write DEBUG=no.")

# --------------------------------------------------------------------------------------- where things are

DATA_DIR = Path(env.text("DATA_DIR", mkdtemp(prefix="backoffice-test-") if MODE == "test" else str(BASE_DIR / "var")))
try:
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
except OSError as error:
    raise BadSetting(
        "DATA_DIR", why=f"cannot be made ({error})", write="Write a folder that this user may write."
    ) from error
MEDIA_ROOT = DATA_DIR / "media"  # uploads and files to download; never served as they lie
ROOT_URLCONF = "backoffice.urls"
WSGI_APPLICATION = "backoffice.wsgi.application"

PORT = env.number("PORT", 8000, low=1, high=65535)
PUBLIC_URL = env.origin("PUBLIC_URL", None if PRODUCTION else f"http://localhost:{PORT}")
HTTPS = PUBLIC_URL.startswith("https://")
if PRODUCTION and not HTTPS:
    raise BadSetting(
        "PUBLIC_URL",
        why=f"is “{PUBLIC_URL}”, and sign-in and payments need https",
        write="Write the https address that your proxy answers, as in PUBLIC_URL=https://shop.example.com",
    )
PUBLIC_HOST = urlsplit(PUBLIC_URL).hostname or ""
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")  # for health checks; links are built from PUBLIC_URL alone
ALLOWED_HOSTS = [PUBLIC_HOST, *LOOPBACK, *env.words("ALLOWED_HOSTS")]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")

# --------------------------------------------------------------------------------------- database

DATABASE_URL = env.text(
    "DATABASE_URL", None if PRODUCTION else f"sqlite:///{DATA_DIR / 'backoffice.sqlite3'}", write=EXAMPLES
)
DATABASES = {"default": database(DATABASE_URL, pool_size=env.number("DATABASE_POOL_SIZE", 8, low=0, high=1000))}
SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --------------------------------------------------------------------------------------- secrets

_made: dict[str, str] = {}
if MODE == "demo" and not all(env.text(name, "") for name in KEY_NAMES):
    _made = demo_keys(DATA_DIR, database=Path(DATABASES["default"]["NAME"]) if SQLITE else None)
if MODE == "test":
    _made = {"SECRET_KEY": "s" * 50, "LOOKUP_KEY": "l" * 50, "ENCRYPTION_KEYS": f"test:{'QUJD' * 10}QUI="}

SECRET_KEY = env.secret("SECRET_KEY", _made.get("SECRET_KEY"))  # signs sessions and links
LOOKUP_KEY = env.secret("LOOKUP_KEY", _made.get("LOOKUP_KEY"))  # finds encrypted values; changing it loses them
ENCRYPTION_KEYS = env.key_ring("ENCRYPTION_KEYS", _made.get("ENCRYPTION_KEYS"))  # encrypts; newest first

# --------------------------------------------------------------------------------------- applications

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "auditlog",
    "django_celery_beat",
    "import_export",
    # Ours come last, each above the ones it knows: so its admin may replace what stands before it.
    "kernel",
    "customers",
    "orders",
    "payments",
    "backoffice",
    "backoffice.staff",
    "backoffice.console",
    "sandbox",
]

MIDDLEWARE = [
    "backoffice.middleware.RealClient",
    "kernel.http.TraceMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "backoffice.middleware.ChosenLanguage",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "backoffice.errors.Refusals",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ]
        },
    }
]

# --------------------------------------------------------------------------------------- people

AUTH_USER_MODEL = "kernel.User"
AUTHENTICATION_BACKENDS = ["backoffice.staff.backend.StaffBackend"]  # rights come from roles alone
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
ACCOUNT_ADAPTER = "backoffice.staff.adapter.StaffAdapter"
ACCOUNT_FORMS = {"login": "backoffice.staff.forms.SignInForm"}
ACCOUNT_SESSION_REMEMBER = True  # no box to tick: everybody stays signed in for SESSION_COOKIE_AGE
LOGIN_REDIRECT_URL = "admin:index"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # staff are invited, they do not sign up
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"

# --------------------------------------------------------------------------------------- language and time

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True

# --------------------------------------------------------------------------------------- bell and cache

REDIS_URL = env.redis("REDIS_URL")  # "" = embedded: the same workers, woken through files in DATA_DIR
EMBEDDED = not REDIS_URL
BROKER_DIR = DATA_DIR / "broker"
CELERY_BROKER_URL = REDIS_URL or ("memory://" if MODE == "test" else "folder://localhost")
BELL = "off" if MODE == "test" and EMBEDDED else "celery"  # tests listen to it where they mean to
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    # A dead Redis must not hold a request up: the row is committed, and the sweeper finds it.
    {"socket_connect_timeout": 1, "socket_timeout": 5, "retry_on_timeout": False, "visibility_timeout": 600}
    if REDIS_URL
    else {
        "data_folder_in": str(BROKER_DIR / "messages"),
        "data_folder_out": str(BROKER_DIR / "messages"),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.5,
    }
)
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker outlives Redis
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 600
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = not EMBEDDED
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = {  # one ring for all: which timer is due, the rows know
    "run timers": {"task": "kernel.run_timers", "schedule": 5.0, "options": {"expires": 10.0}}
}

CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "backoffice.caching.PatientRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "backoffice",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
    if REDIS_URL
    # Files, so that the processes of one machine share it without a query.
    else {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": DATA_DIR / "cache"}
}

# --------------------------------------------------------------------------------------- mail

globals().update(env.mail("EMAIL_URL", None if PRODUCTION else "consolemail://"))
EMAIL_TIMEOUT = 10
SMS_BACKEND = env.text("SMS_BACKEND", "kernel.transports.ConsoleSms")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("DEFAULT_FROM_EMAIL", f"noreply@{PUBLIC_HOST}")

# --------------------------------------------------------------------------------------- files we serve

STATIC_URL = "static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(BASE_DIR / "staticfiles"))) if PRODUCTION else None
STATICFILES_DIRS = [path for path in (BASE_DIR / "static",) if path.is_dir()]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION  # `collectstatic` is for production
FILE_UPLOAD_PERMISSIONS = 0o600  # they hold phones and addresses: for the service's user alone, and not for long
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
PARKED_DAYS = env.number("PARKED_DAYS", 30, low=2, high=3650)
JOB_FILE_DAYS = env.number("JOB_FILE_DAYS", 30, low=1, high=3650)

# --------------------------------------------------------------------------------------- browsers

SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 12 * 3600
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"  # no query for every page; the rows stay the truth
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]  # asked by the machine itself, over http
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # RealClient removes it from strangers
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE, UNSAFE_EVAL],  # the admin theme's Alpine evaluates its attributes
        "style-src": [SELF, UNSAFE_INLINE],  # and sets styles on elements
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # whether every other name under the shop's domain speaks https is not ours to promise
    "security.W021",  # nor is the browsers' preload list
    "models.W036",  # MariaDB drops conditional unique constraints; ours rest on none, allauth guards its own
    "models.W043",  # MariaDB drops indexes on expressions; they are only for speed
]

# --------------------------------------------------------------------------------------- logs

LOG_LEVEL = env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "backoffice.logs.LineFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "django.server": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "celery": {"level": LOG_LEVEL},
        "httpx": {"level": "WARNING"},  # it would log addresses with signatures in them
    },
}
