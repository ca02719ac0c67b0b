"""Django's settings, from our configuration: `certwright.toml` and CERTWRIGHT_* (see configuration.py)."""

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from .configuration import DJANGO_SECRET, Configuration
from .languages import languages
from .secret_files import read_secret_file
from .surroundings import surroundings

CONFIGURATION = Configuration.load()
PAGES = Path(__file__).parent / "pages"
CONSOLE = Path(__file__).parents[1] / "console"
BUSY_SECONDS = 5
KEEP_CONNECTIONS_SECONDS = 300


def database_settings(url: str) -> dict[str, object]:
    """Django's words for `sqlite:///path` or `postgresql://user:password@host:port/name?option=value`."""
    if url.startswith("sqlite:///"):
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": url.removeprefix("sqlite:///"),
            "OPTIONS": {
                "timeout": BUSY_SECONDS,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            },
        }
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.removeprefix("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": {"options": "-c jit=off", **dict(parse_qsl(parts.query))},  # pages ask short questions
        "CONN_MAX_AGE": KEEP_CONNECTIONS_SECONDS,
        "CONN_HEALTH_CHECKS": True,
    }


SECRET_KEY = read_secret_file(
    CONFIGURATION.home / DJANGO_SECRET, "the key that signs sessions, which `certwright init` makes,"
)
DEBUG = False
ALLOWED_HOSTS = ["*"]  # the dispatcher has looked at the Host field before Django sees it
DATABASES = {"default": database_settings(CONFIGURATION.database_url)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LOCALE_PATHS = [CONFIGURATION.home / "locale", CONSOLE / "locale"]
LANGUAGES = languages(LOCALE_PATHS)
USE_I18N = True

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "certwright.store",
]
AUTH_USER_MODEL = "store.User"
AUTHENTICATION_BACKENDS = [
    "certwright.console.login.backend.ExpiringPasswords",
    "certwright.console.login.backend.DirectoryPasswords",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("name", "display_name", "email")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

ROOT_URLCONF = "certwright.site.urls"
WSGI_APPLICATION = "certwright.site.wsgi.application"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "certwright.site.pages.middleware.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "certwright.console.login.session_limits.SessionLimits",
    "django_htmx.middleware.HtmxMiddleware",
    "certwright.console.login.guard.Guard",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [CONSOLE / "templates", PAGES / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "libraries": {
                "assets": "certwright.console.assets",
                "certificates": "certwright.console.certificates.told",
                "configuration": "certwright.console.told",
                "fields": "certwright.console.fields",
                "findings": "certwright.console.findings.words",
                "requests": "certwright.console.requests.told",
            },
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

STATIC_URL = "/static/"
STATICFILES_DIRS = [CONSOLE / "static", PAGES / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600
WHITENOISE_IMMUTABLE_FILE_TEST = r"/built/.+-[0-9A-Z]{8}\.(css|js|svg)$"  # named by what is in them

# A name that only this machine resolves must not carry HSTS: it would bind every other port of localhost.
SECURE_HSTS_SECONDS = 0 if CONFIGURATION.embedded else 365 * 24 * 3600
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_NAME = "__Host-certwright"
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = CONFIGURATION.login.session_seconds
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CSRF_COOKIE_NAME = "__Host-certwright-csrf"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
DATA_UPLOAD_MAX_MEMORY_SIZE = CONFIGURATION.limits.console_body_octets
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
# documents stay in memory, where the whole body is already: nothing of them comes to a disk in clear
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = CONFIGURATION.limits.console_body_octets
DATA_UPLOAD_MAX_NUMBER_FILES = 20

# -- logging in: django-allauth, in the hands of console/login --

CERTWRIGHT_LOGIN = CONFIGURATION.login
CERTWRIGHT_SERVICE_URL = CONFIGURATION.service_url
CERTWRIGHT_MTLS_PORT = CONFIGURATION.mtls.port if CONFIGURATION.mtls else 0
CERTWRIGHT_SURROUNDINGS = surroundings(CONFIGURATION)
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "console"
CACHES = {"default": {"BACKEND": "certwright.console.login.cache.SharedCache"}}
ACCOUNT_ADAPTER = "certwright.console.login.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = "name"
ACCOUNT_USER_MODEL_EMAIL_FIELD = None  # mail addresses are data here, never a proof
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_REDIRECT_URL = "start"
ACCOUNT_REAUTHENTICATION_TIMEOUT = CONFIGURATION.login.fresh_seconds
ACCOUNT_FORMS = {
    "login": "certwright.console.login.forms.LoginForm",
    "change_password": "certwright.console.login.forms.ChangePasswordForm",
}
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",
    "login_failed": "20/m/ip,5/5m/key,30/d/key",  # of second factors; passwords are counted by ourselves
    "change_password": "10/m/user",
    "reauthenticate": "20/m/user",
}
MFA_ADAPTER = "certwright.console.login.adapters.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_TOLERANCE = 1
MFA_FORMS = {
    "authenticate": "certwright.console.login.forms.AuthenticateForm",
    "reauthenticate": "certwright.console.login.forms.ReauthenticateForm",
    "authenticate_webauthn": "certwright.console.login.forms.AuthenticatePasskeyForm",
    "reauthenticate_webauthn": "certwright.console.login.forms.ReauthenticatePasskeyForm",
    "login_webauthn": "certwright.console.login.forms.LoginPasskeyForm",
}
USERSESSIONS_ADAPTER = "certwright.console.login.adapters.SessionsAdapter"
USERSESSIONS_TRACK_ACTIVITY = True

LOGGING_CONFIG = None  # logs.py has set it up for the whole process
