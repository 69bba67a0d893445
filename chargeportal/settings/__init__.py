"""Settings of the whole product. One module a subject; environment variables are read in `environment`.

| variable | meaning | default |
|---|---|---|
| `DATABASE_URL`, `REDIS_URL` | PostgreSQL 16+ and Redis/Valkey 7+ | the embedded services that are running |
| `VAR` | folder for everything written | `./var` |
| `SECRET_KEY` | Django's secret | made once, kept in `$VAR/secret_key` |
| `DEBUG` | error pages with source, for developers | off |
| `ALLOWED_HOSTS`, `CSRF_TRUSTED_ORIGINS` | comma-separated | this machine |
| `HOST`, `PORT` | where `make run` listens | `127.0.0.1`, `8000` |
| `HTTPS` | the public address is https: secure cookies, HSTS, redirects | off |
"""

from chargeportal.settings.accounts import *  # noqa: F403
from chargeportal.settings.base import *  # noqa: F403
from chargeportal.settings.exports import *  # noqa: F403
from chargeportal.settings.invoicing import *  # noqa: F403
from chargeportal.settings.logs import *  # noqa: F403
from chargeportal.settings.ocpp import *  # noqa: F403
from chargeportal.settings.paying import *  # noqa: F403
from chargeportal.settings.payments import *  # noqa: F403
from chargeportal.settings.rest import *  # noqa: F403
from chargeportal.settings.security import *  # noqa: F403
from chargeportal.settings.services import *  # noqa: F403
from chargeportal.settings.spot_prices import *  # noqa: F403
from chargeportal.settings.unfold import *  # noqa: F403
