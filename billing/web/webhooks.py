"""Where Stripe tells us what happened: `POST /webhooks/stripe/`."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing.payments import webhooks
from billing.payments.stripe_api import BadSignature
from billing.tasks import handle_webhook


@csrf_exempt  # the signature says who it is from
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """400 unless Stripe signed it; else the message is stored and 200 said, and work on it begins."""
    signature = request.headers.get("stripe-signature", "")
    try:
        event = webhooks.take_in(request.body, signature=signature, now=timezone.now())
    except BadSignature:
        return HttpResponse("bad signature", status=400, content_type="text/plain")
    if event is not None:
        handle_webhook.delay_on_commit(event_id=event.pk)
    return HttpResponse("ok", content_type="text/plain")
