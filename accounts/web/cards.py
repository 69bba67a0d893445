"""A driver's cards."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import cards
from accounts.models import IdToken
from accounts.web.people import person

#: Enough for a family's cards, too few for guessing other people's numbers.
CLAIMS_PER_HOUR = 15


class CardForm(forms.Form):
    """A card's number and the name its owner gives it."""

    number = forms.CharField(
        label=_("Card number"),
        max_length=60,
        help_text=_("It is printed on the card, often after “ID” or “UID”."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )
    label = forms.CharField(
        label=_("Name of the card"),
        max_length=80,
        required=False,
        help_text=_("For example “Key ring” or “Anna’s car”."),
    )


class LabelForm(forms.ModelForm):
    """The name of a card."""

    class Meta:
        model = IdToken
        fields = ("label",)
        labels = {"label": _("Name of the card")}


@login_required
def card_list(request: HttpRequest) -> HttpResponse:
    """The person's cards."""
    return render(request, "accounts/cards.html", _page(cards=_cards(request)))


@login_required
@require_http_methods(["GET", "POST"])
def card_add(request: HttpRequest) -> HttpResponse:
    """Adds a card by its number."""
    form = CardForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            card = _claim(request, form)
        except cards.CardRefused as refusal:
            form.add_error("number", str(refusal))
        else:
            messages.success(request, gettext("%(card)s has been added.") % {"card": card})
            return redirect("card-list")
    return render(request, "accounts/card_add.html", _page(form=form))


@login_required
@require_http_methods(["GET", "POST"])
def card_rename(request: HttpRequest, pk: int) -> HttpResponse:
    """Gives a card another name."""
    card = get_object_or_404(_cards(request), pk=pk)
    form = LabelForm(request.POST or None, instance=card)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, gettext("Saved."))
        return redirect("card-list")
    return render(request, "accounts/card_rename.html", _page(form=form, card=card))


@login_required
@require_POST
def card_block(request: HttpRequest, pk: int) -> HttpResponse:
    """Blocks a lost card; it can be taken back on the list."""
    card = get_object_or_404(_cards(request), pk=pk)
    if cards.block(card, actor=person(request), now=timezone.now()):
        messages.success(
            request, gettext("%(card)s is blocked. Nobody can start charging with it.") % {"card": card}
        )
    return redirect("card-list")


@login_required
@require_POST
def card_unblock(request: HttpRequest, pk: int) -> HttpResponse:
    """Takes back the block of a card that was found again."""
    card = get_object_or_404(_cards(request), pk=pk)
    if cards.unblock(card, actor=person(request)):
        messages.success(request, gettext("%(card)s works again.") % {"card": card})
    else:
        messages.error(request, gettext("This card cannot be unblocked here. Contact our support."))
    return redirect("card-list")


def _claim(request: HttpRequest, form: CardForm) -> IdToken:
    if not _may_try(person(request).pk):
        raise cards.CardRefused(gettext("You have tried many numbers. Try again in an hour."))
    return cards.claim(
        person(request), number=form.cleaned_data["number"], label=form.cleaned_data["label"].strip()
    )


def _may_try(user_id: int) -> bool:
    key = f"card-claims:{user_id}"
    cache.add(key, 0, timeout=3600)
    return cache.incr(key) <= CLAIMS_PER_HOUR


def _cards(request: HttpRequest):
    return cards.cards_of(person(request)).order_by("blocked_at", "label", "uid")


def _page(**context: Any) -> dict[str, Any]:
    return {"section": "cards", "reported_lost": cards.REPORTED_LOST, **context}
