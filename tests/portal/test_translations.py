"""Every text is there in Swedish, in the catalogue that is used and nowhere half done."""

import datetime as dt

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

from chargeportal.quality import messages


def test_every_text_of_the_source_is_translated_and_compiled():
    assert messages.catalogue_problems() == ""


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("sv", "12,3 kWh | 11,0 kW | 1 234,50 kr | 1 h 23 min | 34 s | 25 % | 2026-11-20 15:05 | 2 dagar"),
        ("en", "12.3 kWh | 11.0 kW | SEK 1,234.50 | 1 h 23 min | 34 s | 25% | 2026-11-20 15:05 | 2 days"),
    ],
)
def test_amounts_and_times_are_written_as_the_language_does(language, shown):
    at = dt.datetime.fromisoformat("2026-11-20T14:05:00+00:00")
    template = Template(
        "{% load chargeportal_formats %}{{ 12345|kwh }} | {{ 11000.0|kw }} | {{ '1234.5'|money:'SEK' }} |"
        " {{ 4980|duration }} | {{ 34.2|duration }} | {{ 25|percent }} | {{ at|local:'Europe/Stockholm' }} |"
        " {{ since|age }}"
    )
    since = timezone.now() - dt.timedelta(days=2, hours=3)
    with translation.override(language):
        text = template.render(Context({"at": at, "since": since}))
    assert text.replace("\u00a0", " ") == shown


@pytest.mark.parametrize(
    ("status", "is_online", "tone", "word"),
    [
        ("available", True, "available", "Ledig"),
        ("charging", True, "charging", "Laddar"),
        ("suspended_ev", True, "suspended", "Pausad av bilen"),
        ("faulted", True, "faulted", "Trasig"),
        ("something new", True, "unavailable", "Okänt läge"),
        ("charging", False, "offline", "Ej ansluten"),
    ],
)
def test_a_state_has_a_colour_an_icon_and_a_word(status, is_online, tone, word):
    with translation.override("sv"):
        chip = Template("{% load chargeportal_formats %}{% status_chip status is_online %}").render(
            Context({"status": status, "is_online": is_online})
        )
    assert f"status--{tone}" in chip
    assert "<svg" in chip
    assert f"<span>{word}</span>" in chip
