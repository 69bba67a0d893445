"""Card payments by Stripe. Without a secret key they are off, and the pages say so.

| variable | meaning | default |
|---|---|---|
| `STRIPE_SECRET_KEY`, `STRIPE_PUBLISHABLE_KEY` | the keys of the Stripe account | none: payments are off |
| `STRIPE_WEBHOOK_SECRET` | what Stripe signs its webhooks with | none: every webhook is refused |
| `STRIPE_API_BASE` | where the API is | `https://api.stripe.com` |
| `STRIPE_CHECKOUT_ORIGIN` | where the payment page is (browser rule) | `https://checkout.stripe.com` |
| `SITE_ADDRESS` | our public address, for mails and the way back from Checkout | this machine |
"""

from chargeportal.settings import environment
from chargeportal.settings.security import CONTENT_SECURITY_POLICY

STRIPE_SECRET_KEY = environment.text("STRIPE_SECRET_KEY")
STRIPE_PUBLISHABLE_KEY = environment.text("STRIPE_PUBLISHABLE_KEY")
STRIPE_WEBHOOK_SECRET = environment.text("STRIPE_WEBHOOK_SECRET")
STRIPE_API_BASE = environment.text("STRIPE_API_BASE", "https://api.stripe.com")
STRIPE_CHECKOUT_ORIGIN = environment.text("STRIPE_CHECKOUT_ORIGIN", "https://checkout.stripe.com")
#: How long one attempt to reach Stripe may take: to connect, and to answer (seconds).
STRIPE_TIMEOUT_S = (5.0, 25.0)
#: How often a request is sent again, with the same idempotency key, when no answer came.
STRIPE_RETRIES = 2

SITE_ADDRESS = environment.text(
    "SITE_ADDRESS",
    f"http://{environment.text('HOST', '127.0.0.1').replace('0.0.0.0', '127.0.0.1')}"  # noqa: S104 - never bound
    f":{environment.number('PORT', 8000)}",
).rstrip("/")

# browsers hold a form's redirect against this too: "pay" is a form of ours that leads to the payment page
CONTENT_SECURITY_POLICY["form-action"] += f" {STRIPE_CHECKOUT_ORIGIN}"
