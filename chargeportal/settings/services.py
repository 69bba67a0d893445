"""The database, the broker and what uses them: cache, Celery, Channels."""

from kombu.entity import Queue

from chargeportal.runtime.published import published_services
from chargeportal.settings import environment
from chargeportal.settings.base import VAR_DIR

_published = published_services(VAR_DIR)
DATABASE_URL = environment.text("DATABASE_URL", _published.get("database_url", "postgresql:///chargeportal"))
REDIS_URL = environment.text("REDIS_URL", _published.get("redis_url", "redis://127.0.0.1:6379/0"))

_database = environment.database(DATABASE_URL)
# Under ASGI every request runs in a thread of its own, so connections are kept by a pool, not by the thread.
# One process holds at most this many; PostgreSQL's max_connections must allow for all processes together.
_database["OPTIONS"]["pool"] = {
    "min_size": 1,
    "max_size": environment.number("DATABASE_POOL_MAX", 20),
    "timeout": 10,
}
DATABASES = {"default": _database | {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True}}

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "chargeportal",
    },
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"  # pages work without the cache

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # redis-py's default socket time-out (5 s) would end every browser socket that is idle that long
        "CONFIG": {
            "hosts": [{"address": REDIS_URL, "socket_timeout": None}],
            "prefix": "chargeportal",
        },
    },
}

CELERY_BROKER_URL = environment.celery_broker(REDIS_URL)
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
#: Every queue a task may name; a worker consumes all of them unless told otherwise (`celery worker -Q`).
CELERY_TASK_QUEUES = [Queue(name) for name in ("default", "billing", "stations", "mail")]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600, "global_keyprefix": "celery:"}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE: dict[str, dict] = {}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
