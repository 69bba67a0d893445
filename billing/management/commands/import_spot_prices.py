"""Import day-ahead prices from a CSV or JSON file, as often as one likes."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing.spot.importing import store, wanted
from billing.spot.reading import Unreadable, read_csv, read_json


class Command(BaseCommand):
    """Stores every price of the file and says which rows it refused."""

    help = (
        "Import day-ahead prices from a CSV file with the columns area, starts_at, ends_at and price_per_kwh "
        "(or SEK_per_kWh, EUR_per_MWh …), or from a JSON file of such objects. A price told again replaces "
        "the one that was there; CDRs keep the prices they were charged by."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="CSV or JSON file")
        parser.add_argument("--area", default="", help="bidding area of rows that name none")

    def handle(self, *args: Any, file: str, area: str, **options: Any) -> None:
        path = Path(file)
        read = read_json if path.suffix.lower() == ".json" else read_csv
        try:
            reading = read(path.read_text(encoding="utf-8-sig"), wanted=wanted(area=area))
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        except (Unreadable, UnicodeDecodeError) as error:
            raise CommandError(f"{file}: {error}") from error
        outcome = store(reading, source=path.name, now=timezone.now())
        for refused in outcome.refused:
            self.stderr.write(f"line {refused.line}: {refused.reason}")
        self.stdout.write(
            f"{outcome.added} added, {outcome.changed} changed, {outcome.same} already there, "
            f"{len(outcome.refused)} refused"
        )
