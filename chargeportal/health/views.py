"""`/healthz/` and `/metrics`."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from chargeportal.health.checks import examine

LOOPBACK = ("127.0.0.1", "::1")


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 with the state of each part; 503 when there is no database, without which nothing works."""
    report = examine()
    return JsonResponse(report.as_dict(), status=200 if report.serving else 503)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with our metrics in Prometheus' text format, to this machine or to a holder of METRICS_TOKEN."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    token = settings.METRICS_TOKEN
    by_token = bool(token) and hmac.compare_digest(given.encode(), token.encode())
    direct = request.META.get("REMOTE_ADDR") in LOOPBACK and "X-Forwarded-For" not in request.headers
    if not by_token and not direct:
        return HttpResponse(status=403)
    return ExportToDjangoView(request)
