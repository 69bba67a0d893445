"""A person's own name and language."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.urls import reverse_lazy
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _
from django.views.generic import UpdateView

from accounts.language import set_language_cookie
from accounts.models import User
from accounts.web.people import person


class ProfileForm(forms.ModelForm):
    """Name and language."""

    class Meta:
        model = User
        fields = ("name", "language")
        labels = {"name": _("Name"), "language": _("Language")}
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "name"}),
            "language": forms.RadioSelect,
        }


class ProfileView(LoginRequiredMixin, UpdateView):
    """Shows and changes the profile of who is logged in."""

    form_class = ProfileForm
    template_name = "accounts/profile.html"
    success_url = reverse_lazy("profile")
    extra_context = {"section": "profile"}

    def get_object(self, queryset: Any = None) -> User:
        """A copy of the person who is logged in: a refused form must not change the name in the header."""
        return User.objects.get(pk=person(self.request).pk)

    def form_valid(self, form: Any) -> Any:
        """The profile is stored and the page comes back in the language chosen."""
        response = super().form_valid(form)
        set_language_cookie(response, self.object.language)
        with override(self.object.language):
            messages.success(self.request, gettext("Saved."))
        return response
