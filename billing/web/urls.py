"""Charging without an account, and what drivers see of paying."""

from django.urls import path

from billing.web import guest, payments, stickers

urlpatterns = [
    path("q/live/<str:token>/", guest.session, name="guest-session"),
    path("q/live/<str:token>/stop/", guest.stop, name="guest-stop"),
    path("q/live/<str:token>/receipt.pdf", guest.receipt, name="guest-receipt"),
    path("q/live/<str:token>/receipt/", guest.receipt_email, name="guest-receipt-email"),
    path("q/<str:code>/", guest.outlet, name="guest-outlet"),
    path("pay/<uuid:public_id>/", payments.pay_invoice, name="pay-invoice"),
    path("stickers/<int:station_id>/", stickers.sheet, name="stickers"),
    path("stickers/<int:station_id>/<int:number>.png", stickers.picture, name="sticker-picture"),
]
