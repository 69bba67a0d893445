"""Secrets, hosts, cookies and security headers."""

from chargeportal.settings import environment
from chargeportal.settings.base import DEBUG, VAR_DIR

SECRET_KEY = environment.secret_key(VAR_DIR)
ALLOWED_HOSTS = environment.items("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]", ".localhost"])
CSRF_TRUSTED_ORIGINS = environment.items("CSRF_TRUSTED_ORIGINS", [])

HTTPS = environment.flag("HTTPS")
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz/$", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = environment.number("HSTS_SECONDS", 3600) if HTTPS else 0
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "chargeportal_session"
CSRF_COOKIE_NAME = "chargeportal_csrf"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Whether subdomains are https too, and whether browsers shall know it in advance, is the operator's to say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
#: Who may read /metrics without a login: this machine; others need this token as `Authorization: Bearer`.
METRICS_TOKEN = environment.text("METRICS_TOKEN")

#: Pages load nothing from other hosts. The admin's Alpine needs inline and evaluated scripts.
CONTENT_SECURITY_POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob: https://tile.openstreetmap.org",
    "connect-src": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "object-src": "'none'",
}
CONTENT_SECURITY_POLICY_LOOSE_SCRIPTS = "'self' 'unsafe-inline' 'unsafe-eval'"
CONTENT_SECURITY_POLICY_LOOSE_PATHS = ("/",) if DEBUG else ("/admin/", "/api/docs/")
