"""The card processor's messages in plain words."""

from django.utils.translation import gettext_lazy as _

EVENT_WORDS = {
    "checkout.session.completed": _("The payment page was filled in"),
    "checkout.session.expired": _("The payment page was left until its time was over"),
    "payment_intent.created": _("The payment was begun"),
    "payment_intent.amount_capturable_updated": _("The amount is reserved"),
    "payment_intent.requires_action": _("The bank asks the customer"),
    "payment_intent.payment_failed": _("The card was declined"),
    "payment_intent.processing": _("The payment is on its way"),
    "payment_intent.succeeded": _("The payment was made"),
    "payment_intent.canceled": _("The amount was released"),
    "charge.succeeded": _("The card was charged"),
    "charge.captured": _("The reserved amount was taken"),
    "charge.refunded": _("Money was paid back"),
    "refund.created": _("A refund was begun"),
    "refund.updated": _("A refund has changed"),
    "charge.dispute.created": _("The cardholder contests the payment"),
    "charge.dispute.closed": _("The dispute was decided"),
    "charge.dispute.funds_withdrawn": _("The contested amount was taken back"),
    "charge.dispute.funds_reinstated": _("The contested amount came back to us"),
}
