"""Charging without an account, and what drivers see of paying."""

from django.urls import path

from billing.web import guest, payment_section, payments, stickers, subscription, wallet

ACCOUNT = "payment/<uuid:public_id>/"

urlpatterns = [
    path("q/live/<str:token>/", guest.session, name="guest-session"),
    path("q/live/<str:token>/stop/", guest.stop, name="guest-stop"),
    path("q/live/<str:token>/receipt.pdf", guest.receipt, name="guest-receipt"),
    path("q/live/<str:token>/receipt/", guest.receipt_email, name="guest-receipt-email"),
    path("q/<str:code>/", guest.outlet, name="guest-outlet"),
    path("pay/<uuid:public_id>/", payments.pay_invoice, name="pay-invoice"),
    path("payment/", payment_section.home, name="payment-home"),
    path("payment/documents/<uuid:public_id>.pdf", payment_section.document_pdf, name="payment-document"),
    path(ACCOUNT, payment_section.account_page, name="payment"),
    path(f"{ACCOUNT}details/", payment_section.details, name="payment-details"),
    path(f"{ACCOUNT}method/", payment_section.choose_method, name="payment-method"),
    path(f"{ACCOUNT}documents/", payment_section.document_list, name="payment-documents"),
    path(f"{ACCOUNT}cards/add/", payment_section.add_card, name="payment-card-add"),
    path(f"{ACCOUNT}cards/<int:pk>/prefer/", payment_section.prefer_card, name="payment-card-prefer"),
    path(f"{ACCOUNT}cards/<int:pk>/remove/", payment_section.remove_card, name="payment-card-remove"),
    path(f"{ACCOUNT}wallet/", wallet.page, name="wallet"),
    path(f"{ACCOUNT}wallet/fill/", wallet.top_up, name="wallet-top-up"),
    path(f"{ACCOUNT}wallet/automatic/", wallet.automatic, name="wallet-automatic"),
    path(f"{ACCOUNT}wallet/back/", wallet.pay_back, name="wallet-pay-back"),
    path(f"{ACCOUNT}subscription/", subscription.page, name="subscription"),
    path(f"{ACCOUNT}subscription/end/", subscription.cancel, name="subscription-cancel"),
    path(f"{ACCOUNT}subscription/undo/", subscription.undo, name="subscription-undo"),
    path(f"{ACCOUNT}subscription/<uuid:plan_id>/", subscription.choose, name="subscription-choose"),
    path("stickers/<int:station_id>/", stickers.sheet, name="stickers"),
    path("stickers/<int:station_id>/<int:number>.png", stickers.picture, name="sticker-picture"),
]
