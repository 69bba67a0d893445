"""What tests need different: fast password hashes, mail kept in memory, tasks run by the test itself."""

from chargeportal.settings import *  # noqa: F403
from chargeportal.settings import DATABASES, LOGGING, environment

DATABASES["default"]["OPTIONS"].pop("pool")  # a test has one connection, and its database comes and goes
DATABASES["default"]["TEST"] = {"TEMPLATE": environment.text("TEST_DATABASE_TEMPLATE") or None}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
ALLOWED_HOSTS = ["*"]
LANGUAGE_CODE = "en"
DEMO = False
ACCOUNT_RATE_LIMITS = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
LOGGING = LOGGING | {"root": {"handlers": [], "level": "INFO"}}
STRIPE_SECRET_KEY = ""  # a test that wants payments has its own; nobody's real key is used
STRIPE_WEBHOOK_SECRET = ""
