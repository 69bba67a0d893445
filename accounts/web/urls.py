"""Profile, cards and the language switch."""

from django.urls import path

from accounts.web import cards, language, profile

urlpatterns = [
    path("profile/", profile.ProfileView.as_view(), name="profile"),
    path("cards/", cards.card_list, name="card-list"),
    path("cards/add/", cards.card_add, name="card-add"),
    path("cards/<int:pk>/name/", cards.card_rename, name="card-rename"),
    path("cards/<int:pk>/block/", cards.card_block, name="card-block"),
    path("cards/<int:pk>/unblock/", cards.card_unblock, name="card-unblock"),
    path("i18n/setlang/", language.switch_language, name="set_language"),
]
