"""All test vectors of a file kept elsewhere, when the environment names one."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from billing.rating.cases import price_case

VECTORS = os.environ.get("CHARGEPORTAL_TARIFF_VECTORS", "")

pytestmark = pytest.mark.skipif(not VECTORS, reason="CHARGEPORTAL_TARIFF_VECTORS names no file of vectors")


def vectors() -> list[dict]:
    if not VECTORS:
        return []
    return json.loads(Path(VECTORS).read_text(encoding="utf-8"), parse_float=Decimal)["vectors"]


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector["id"])
def test_a_vector_is_priced_to_four_decimals(vector):
    expected = vector["expected"]
    priced = price_case({"id": vector["id"], "tariff": vector["tariff"], "session": vector})
    for side in ("excl", "incl"):
        wanted = expected.get(f"exact_{side}", expected[side])
        if wanted is None:
            assert priced[side] is None
        else:
            assert abs(
                Fraction(str(priced[side])) - Fraction(str(wanted) if "/" not in str(wanted) else wanted)
            ) <= (Fraction(1, 20_000))
    for name, quantity in expected.get("billed", {}).items():
        kwh = name == "ENERGY_kWh"
        assert priced["billed"]["ENERGY_Wh" if kwh else name] == (quantity * 1000 if kwh else quantity)
    if "lines" in expected:
        assert sorted(
            (line["dimension"], line["quantity"], line["cost_excl"]) for line in priced["lines"]
        ) == sorted(
            (line["dimension"], float(line["quantity"]), float(line["cost_excl"]))
            for line in expected["lines"]
        )
