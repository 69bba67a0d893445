"""Exports of the finance desk.

| variable | meaning | default |
|---|---|---|
| `EXPORT_OUTBOX_DIR` | where scheduled exports are laid for an SFTP server to serve | `$VAR/outbox` |
| `EXPORT_MAIL_LIMIT_BYTES` | the largest file that goes along with a mail; larger ones are linked to | 8 MB |
"""

from chargeportal.settings import environment
from chargeportal.settings.base import VAR_DIR

EXPORT_OUTBOX_DIR = environment.text("EXPORT_OUTBOX_DIR", str(VAR_DIR / "outbox"))
EXPORT_MAIL_LIMIT_BYTES = environment.number("EXPORT_MAIL_LIMIT_BYTES", 8_000_000)
