"""Pushed fragments are in the language of the page that opened the socket."""

import pytest

from chargeportal.live.routing import page_language


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ([(b"cookie", b"django_language=sv"), (b"accept-language", b"en")], "sv"),
        ([(b"cookie", b"a=b"), (b"accept-language", b"sv-SE,sv;q=0.9,en;q=0.8")], "sv"),
        ([(b"accept-language", b"de,en;q=0.5")], "en"),
        ([(b"cookie", b"django_language=xx")], "en"),
        ([], "en"),
    ],
)
def test_the_cookie_comes_before_the_browser(headers, language):
    assert page_language({"headers": headers}) == language
