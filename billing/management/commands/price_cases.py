"""Price sessions from a file: for checking a partner's CDR, and our engine against someone's examples."""

from __future__ import annotations

import json
import logging
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from billing.rating.cases import InvalidCase, price_case

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Reads JSON Lines and prints one JSON line for each."""

    help = (
        'Price the cases of a JSON Lines file, {"id", "tariff", "session"} each, with an OCPI tariff and the '
        "session form of docs/pricing.md. Prints one JSON line a case; a case that cannot be priced gives "
        '{"id", "error"} and the run goes on.'
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="JSON Lines file, - for standard input")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        if file == "-":
            self._price(sys.stdin)
            return
        try:
            lines = Path(file).open(encoding="utf-8-sig", errors="replace")  # noqa: SIM115 - closed just below
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        with lines:
            self._price(lines)

    def _price(self, lines: TextIO) -> None:
        try:
            for answer in answers(lines):
                self.stdout.write(answer)
            self.stdout.flush()
        except BrokenPipeError:
            # The reader has seen enough (`| head`); what is still buffered must not complain at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def answers(lines: Iterable[str]) -> Iterator[str]:
    """Yield one line of JSON for every line that is not blank."""
    for line in lines:
        if line.strip():
            yield _answer(line)


def _answer(line: str) -> str:
    identity = None
    try:
        case = json.loads(line, parse_float=Decimal, parse_constant=_no_number)
        identity = case.get("id") if isinstance(case, dict) else None
        return json.dumps(price_case(case), allow_nan=False)
    except json.JSONDecodeError as error:
        reason = f"not JSON: {error}"
    except InvalidCase as error:
        reason = str(error)
    except Exception:
        logger.exception("a case could not be priced: %.2000s", line)
        reason = _("this case cannot be priced; the log says why")
    return json.dumps({"id": identity, "error": reason}, default=str)


def _no_number(constant: str) -> None:
    raise InvalidCase(f"{constant} is not a number")
