"""The translation catalogues, made without GNU gettext: `make messages`.

Texts are found in Python and in templates, merged into `chargeportal/locale/<language>/LC_MESSAGES/django.po`
and compiled to the `django.mo` beside it. Both files are committed, so that a checkout runs as it is.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

from chargeportal.runtime.published import PROJECT_ROOT

LOCALE = PROJECT_ROOT / "chargeportal" / "locale"
TRANSLATED = ("sv",)
SOURCES = ("accounts", "stations", "sessions", "billing", "chargeportal")
PLAIN, PLURAL, CONTEXT = (1,), (1, 2), ((1, "c"), 2)
KEYWORDS: dict[str, Any] = {
    "_": PLAIN,
    "gettext": PLAIN,
    "gettext_lazy": PLAIN,
    "gettext_noop": PLAIN,
    "ngettext": PLURAL,
    "ngettext_lazy": PLURAL,
    "pgettext": CONTEXT,
    "pgettext_lazy": CONTEXT,
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}


def main() -> int:
    """Leave every catalogue with exactly the texts of the source, compiled; say what is untranslated."""
    found = source_catalogue()
    for language in TRANSLATED:
        path = po_path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        catalogue = _read(path, language)
        catalogue.update(found, no_fuzzy_matching=True, update_creation_date=False)
        catalogue.obsolete.clear()
        path.write_bytes(po_bytes(catalogue))
        path.with_suffix(".mo").write_bytes(mo_bytes(catalogue))
        open_texts = [message.id for message in catalogue if message.id and not _is_translated(message)]
        print(f"{language}: {len(catalogue)} texts, {len(open_texts)} not translated")
    return 0


def catalogue_problems() -> str:
    """Return what is wrong with the catalogues, one problem a line; nothing when they are complete."""
    found = {(message.id, message.context) for message in source_catalogue() if message.id}
    return "\n".join(problem for language in TRANSLATED for problem in _problems(language, found))


def source_catalogue() -> Catalog:
    """Return every text that the product marks for translation."""
    catalogue = Catalog(domain="django", fuzzy=False)
    for path in _source_files():
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(PROJECT_ROOT).as_posix()
        if path.suffix != ".py":
            # Line by line without indentation, because what is left of a template is not indented like Python
            text = "\n".join(line.strip() for line in templatize(text, origin=name).splitlines())
        stream = io.BytesIO(text.encode())
        for _line, function, messages, comments in extract_python(
            stream, KEYWORDS, ["Translators:"], {"encoding": "utf-8"}
        ):
            _add(catalogue, str(function), messages, comments=list(comments or ()), name=name)
    return catalogue


def po_path(language: str) -> Path:
    """Return where a language's catalogue is."""
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def po_bytes(catalogue: Catalog) -> bytes:
    """Return the catalogue as text, in an order that changes little from one edit to the next."""
    stream = io.BytesIO()
    write_po(stream, catalogue, width=110, sort_by_file=True, include_lineno=False, ignore_obsolete=True)
    return stream.getvalue()


def mo_bytes(catalogue: Catalog) -> bytes:
    """Return the catalogue compiled for gettext."""
    stream = io.BytesIO()
    write_mo(stream, catalogue)
    return stream.getvalue()


def _source_files() -> Iterator[Path]:
    for package in SOURCES:
        for path in sorted((PROJECT_ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts and "quality" not in path.parts:
                yield path
    yield from sorted(
        path for path in (PROJECT_ROOT / "templates").rglob("*") if path.suffix in {".html", ".txt"}
    )


def _add(catalogue: Catalog, function: str, messages: object, *, comments: list[str], name: str) -> None:
    """Add one call of a gettext function, unless its text is not written out in the source."""
    parts = list(messages) if isinstance(messages, tuple) else [messages]
    context = parts.pop(0) if function.startswith(("pgettext", "npgettext")) else None
    wanted = 2 if "ngettext" in function or "npgettext" in function else 1
    parts = parts[:wanted]
    if len(parts) < wanted or not all(isinstance(part, str) and part for part in parts):
        return
    identity = parts[0] if wanted == 1 else tuple(parts)
    catalogue.add(identity, None, [(name, 0)], auto_comments=comments, context=context)  # type: ignore[arg-type]


def _read(path: Path, language: str) -> Catalog:
    if not path.exists():
        header = "# The texts of ChargePortal. Run `make messages` after editing this file."
        return Catalog(
            locale=language, domain="django", project="ChargePortal", header_comment=header, fuzzy=False
        )
    with path.open("rb") as stream:
        return read_po(stream, locale=language, domain="django")


def _problems(language: str, found: set) -> Iterator[str]:
    path = po_path(language)
    if not path.exists():
        yield f"{language}: there is no {path.relative_to(PROJECT_ROOT)}; run `make messages`"
        return
    catalogue = _read(path, language)
    present = {(message.id, message.context) for message in catalogue if message.id}
    for identity, _context in sorted(found - present, key=str):
        yield f"{language}: missing, run `make messages`: {identity!r}"
    for identity, _context in sorted(present - found, key=str):
        yield f"{language}: no longer in the source, run `make messages`: {identity!r}"
    for message in catalogue:
        if message.id and not _is_translated(message):
            yield f"{language}: not translated: {message.id!r}"
        for error in message.check(catalogue) if message.id else ():
            yield f"{language}: {error}: {message.id!r}"
    compiled = path.with_suffix(".mo")
    if not compiled.exists() or compiled.read_bytes() != mo_bytes(catalogue):
        yield f"{language}: the .mo file is older than the .po file; run `make messages`"


def _is_translated(message: Message) -> bool:
    texts = message.string if isinstance(message.string, (list, tuple)) else [message.string]
    return not message.fuzzy and all(texts)


if not settings.configured:
    settings.configure(USE_I18N=False)

if __name__ == "__main__":
    sys.exit(main())
