"""Sets documents with typst: data in, PDF/A-3 out, the same bytes whenever and wherever it is asked again.

The fonts are those of the templates and those inside typst itself; no font of the machine is ever used.
Data reach the template as JSON, so no text of a customer can be read as markup.
"""

import datetime as dt
import re
import threading
from pathlib import Path
from typing import Any

import orjson
import typst
from django.conf import settings

PDF_STANDARD = "a-3b"

#: Letters of which the fonts have no picture would make a document that is not PDF/A.
_UNDRAWABLE = re.compile(
    "[^\t\n\u0020-\u007e\u00a0-\u024f\u02c6-\u02dd\u0370-\u0377\u037a-\u037f\u0384-\u038a\u038c\u038e-\u03a1\u03a3-\u03ff\u0400-\u045f\u0490\u0491"
    "\u05d0-\u05ea\u0621-\u063a\u0641-\u064a\u1e80-\u1e85\u1e9e\u1ef2\u1ef3\u2010-\u2015\u2018-\u201e\u2020-\u2022\u2026"
    "\u2030\u2039\u203a\u20ac\u2122\u2190-\u2193\u2212\u2248\u2260\u2264\u2265]"
)
_DIRECTION_MARKS = re.compile("[\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_threads = threading.local()


class CannotBeTypeset(RuntimeError):
    """The document could not be set; the text says where."""


def typeset(
    template: str, *, data: dict[str, Any], timestamp: dt.datetime, attachment: bytes | None = None
) -> bytes:
    """The PDF/A-3 of a template below ``templates/invoices`` with this data and, if given, an XML attached.

    Letters that no font of ours can draw stand as `?`. Raises: CannotBeTypeset.
    """
    inputs = {"data": orjson.dumps(_drawable(data)).decode()}
    if attachment is not None:
        inputs["attachment"] = attachment.decode()
    try:
        made = _compiler(template).compile(
            format="pdf",
            sys_inputs=inputs,
            pdf_standards=[PDF_STANDARD],
            timestamp=timestamp.astimezone(dt.UTC).replace(microsecond=0),
        )
    except typst.TypstError as error:
        raise CannotBeTypeset(str(error)) from error
    if not isinstance(made, bytes):
        raise CannotBeTypeset(f"{template} gave no PDF")
    return made


def drawable(text: str) -> str:
    """The text as a document can show it: marks of direction gone, letters without a picture as `?`."""
    return _UNDRAWABLE.sub("?", _DIRECTION_MARKS.sub("", text))


def _drawable(value: Any) -> Any:
    if isinstance(value, str):
        return drawable(value)
    if isinstance(value, dict):
        return {key: _drawable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_drawable(each) for each in value]
    return value


def _compiler(template: str) -> Any:
    """The compiler of the template that belongs to this thread: fonts are read once, not once a document."""
    compilers = _threads.__dict__.setdefault("compilers", {})
    if template not in compilers:
        folder = Path(settings.BASE_DIR) / "templates" / "invoices"
        fonts = typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=True, font_paths=[str(folder / "fonts")]
        )
        compilers[template] = typst.Compiler(
            str(folder / template), root=str(folder), font_paths=fonts, ignore_system_fonts=True
        )
    return compilers[template]
