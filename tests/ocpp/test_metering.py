"""Sampled values become one reading a time and context, in Wh, W, A, V, °C and percent."""

import time
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from stations.ocpp import framing, translation
from stations.ocpp.messages import MeterReading

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
REGISTER, POWER = "Energy.Active.Import.Register", "Power.Active.Import"


def read_16(*values: dict[str, Any]) -> tuple[tuple[MeterReading, ...], tuple[str, ...]]:
    payload = {
        "connectorId": 1,
        "meterValue": [{"timestamp": "2026-11-20T12:00:00Z", "sampledValue": list(values)}],
    }
    call = framing.Call("1", "MeterValues", payload, b"{}", [])
    message = translation.BY_VERSION["1.6"].read_call(call, now=NOON)
    return message.readings, message.flags


def read_201(*values: dict[str, Any], version: str = "2.0.1") -> tuple[MeterReading, ...]:
    payload = {
        "evseId": 1,
        "meterValue": [{"timestamp": "2026-11-20T13:00:00+01:00", "sampledValue": list(values)}],
    }
    call = framing.Call("1", "MeterValues", payload, b"{}", [])
    readings: tuple[MeterReading, ...] = translation.BY_VERSION[version].read_call(call, now=NOON).readings
    return readings


ONE_READING: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "a bare value is the register in Wh": ([{"value": "1234"}], {"energy_wh": 1234.0}),
    "kWh become Wh": ([{"value": "12.345", "unit": "kWh"}], {"energy_wh": 12_345.0}),
    "kW become W": ([{"value": "7.4", "measurand": POWER, "unit": "kW"}], {"power_w": 7_400.0}),
    "Fahrenheit becomes Celsius": (
        [{"value": "212", "measurand": "Temperature", "unit": "Fahrenheit"}], {"temperature_c": 100.0},
    ),
    "kelvin becomes Celsius": (
        [{"value": "293.15", "measurand": "Temperature", "unit": "K"}], {"temperature_c": 20.0},
    ),
    "phases of power are added up": (
        [{"value": str(n), "measurand": POWER, "phase": f"L{n}"} for n in (1, 2, 3)],
        {"power_w": 6.0, "extra": {f"{POWER}/L{n}": float(n) for n in (1, 2, 3)}},
    ),
    "phases to neutral are the same phases, counted once": (
        [{"value": "5", "measurand": POWER, "phase": phase} for phase in ("L1", "L1-N")],
        {"power_w": 5.0, "extra": {f"{POWER}/L1": 5.0, f"{POWER}/L1-N": 5.0}},
    ),
    "a total is not added to its phases": (
        [{"value": "10", "measurand": POWER}, {"value": "4", "measurand": POWER, "phase": "L1"}],
        {"power_w": 10.0, "extra": {f"{POWER}/L1": 4.0}},
    ),
    "voltages are never added; line to line is kept apart": (
        [
            {"value": "230", "measurand": "Voltage", "phase": "L1-N"},
            {"value": "231", "measurand": "Voltage", "phase": "L2"},
            {"value": "400", "measurand": "Voltage", "phase": "L1-L2"},
        ],
        {"voltage_l1_v": 230.0, "voltage_l2_v": 231.0, "extra": {"Voltage/L1-L2": 400.0}},
    ),
    "the outlet counts, whichever comes first": (
        [{"value": "110", "location": "Inlet"}, {"value": "100", "location": "Outlet"}],
        {"energy_wh": 100.0, "extra": {f"{REGISTER}@Inlet": 110.0}},
    ),
    "the inlet is used where the outlet says nothing": (
        [{"value": "110", "location": "Inlet"}], {"energy_wh": 110.0},
    ),
    "intervals and exports are kept apart": (
        [
            {"value": "3", "measurand": "Energy.Active.Import.Interval"},
            {"value": "1", "measurand": "Energy.Active.Export.Register", "unit": "kWh"},
        ],
        {"extra": {"Energy.Active.Import.Interval": 3.0, "Energy.Active.Export.Register": 1000.0}},
    ),
    "signed data is kept to the byte and is no number": (
        [{"value": 'OCMF|{"FV":"1.0"}|{}', "format": "SignedData"}, {"value": "7"}],
        {
            "energy_wh": 7.0,
            "extra": {
                "signed": [{"measurand": REGISTER, "data": 'OCMF|{"FV":"1.0"}|{}', "format": "SignedData"}]
            },
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", ONE_READING)
def test_a_rule_of_1_6(rule: str) -> None:
    values, expected = ONE_READING[rule]
    readings, flags = read_16(*values)
    assert readings == (MeterReading(sampled_at=NOON, **expected),)
    assert flags == ()


def test_each_context_is_a_reading_of_its_own() -> None:
    readings, _ = read_16(
        {"value": "1", "context": "Transaction.Begin"}, {"value": "2", "context": "Transaction.End"}
    )
    assert [(each.context, each.energy_wh) for each in readings] == [
        ("transaction_begin", 1.0),
        ("transaction_end", 2.0),
    ]


@pytest.mark.parametrize("value", ["NaN", "inf", "1e300", "full", ""])
def test_what_is_no_number_is_left_out_and_flagged(value: str) -> None:
    readings, flags = read_16({"value": value}, {"value": "50", "measurand": "SoC"})
    assert readings == (MeterReading(sampled_at=NOON, soc_percent=50.0),)
    assert flags == ("bad_sample",)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_2_x_units_have_a_power_of_ten_and_times_an_offset(version: str) -> None:
    readings = read_201(
        {"value": 12.5, "unitOfMeasure": {"unit": "Wh", "multiplier": 3}},
        {"value": 7.0, "measurand": POWER, "unitOfMeasure": {"unit": "kW"}},
        version=version,
    )
    assert readings == (MeterReading(sampled_at=NOON, energy_wh=12_500.0, power_w=7_000.0),)


def test_2_x_signed_values_are_kept_beside_the_number() -> None:
    signed = {"signedMeterData": "YWJj", "signingMethod": "ECDSA", "encodingMethod": "OCMF", "publicKey": "k"}
    (reading,) = read_201({"value": 9.0, "signedMeterValue": signed})
    assert reading.energy_wh == 9.0
    assert reading.extra == {"signed": [{"measurand": REGISTER, **signed}]}


@pytest.mark.parametrize(
    ("measurand", "value", "field"),
    [
        (POWER, "1e9", "power_w"),
        ("Power.Offered", "-1e9", "offered_w"),
        ("Current.Import", "2e5", "current_l1_a"),
        ("Voltage", "2e5", "voltage_l1_v"),
        ("SoC", "101", "soc_percent"),
        ("SoC", "-1", "soc_percent"),
        ("Temperature", "-300", "temperature_c"),
    ],
)
def test_what_no_meter_shows_is_flagged_and_kept_apart(measurand: str, value: str, field: str) -> None:
    (reading,), flags = read_16({"value": value, "measurand": measurand})
    assert getattr(reading, field) is None
    assert reading.extra == {measurand: float(value)}
    assert flags == ("bad_sample",)


def test_phases_whose_sum_no_register_shows_are_not_added_up() -> None:
    values = [{"value": "99999999998", "phase": phase} for phase in ("L1", "L2", "L3")]
    (reading,), flags = read_16(*values)
    assert reading.energy_wh is None
    assert flags == ("bad_sample",)


def test_a_number_of_hundreds_of_digits_is_a_bad_sample() -> None:
    frame = '[2,"1","StartTransaction",{"connectorId":1,"idTag":"A","meterStart":"' + "1" * 350 + '"}]'
    call = framing.read(frame, version="1.6")
    assert isinstance(call, framing.Call)
    message = translation.BY_VERSION["1.6"].read_call(call, now=NOON)
    assert message.meter_start_wh is None
    assert "bad_sample" in message.flags


def big(sampled: Any, count: int, **fields: Any) -> framing.Call:
    value = {"timestamp": "2026-11-20T12:00:00Z", "sampledValue": [sampled] * count}
    payload = {"connectorId": 1, "meterValue": [value]} | fields
    call = framing.read(orjson.dumps([2, "1", "MeterValues", payload]).decode(), version="1.6")
    assert isinstance(call, framing.Call)
    return call


@pytest.mark.parametrize("sampled", [{"value": 1}, {"value": "1"}, {"value": "1", "context": "x", "z": 1}])
def test_the_worst_frame_does_not_hold_up_the_others(sampled: dict[str, Any]) -> None:
    call = big(sampled, 240_000 // len(orjson.dumps(sampled)))
    began = time.thread_time()
    message = translation.BY_VERSION["1.6"].read_call(call, now=NOON)
    assert time.thread_time() - began < 0.2  # 50 ms on a machine of its own
    assert message.readings


def test_a_large_message_with_much_wrong_is_read_all_the_same() -> None:
    """Mended one by one these would be thousands of repairs; a unit in the wrong case still counts."""
    call = big({"value": 12.5, "unit": "kwh", "colour": "green"}, 300, transactionId="7", junk=["x"] * 2000)
    message = translation.BY_VERSION["1.6"].read_call(call, now=NOON)
    assert message.readings[0].energy_wh == 12_500.0
    assert message.transaction_ref == "7"
    assert {"schema_violation", "number_as_string"} <= set(message.flags)


@pytest.mark.parametrize("sampled", [1, {}, {"unit": 1}, {"value": 1}, {"value": "1", "phase": "x"}])
def test_a_message_that_is_mended_one_by_one_is_small_enough_for_that(sampled: Any) -> None:
    call = big(sampled, 4_800 // (len(orjson.dumps(sampled)) + 1))
    began = time.thread_time()
    message = translation.BY_VERSION["1.6"].read_call(call, now=NOON)
    assert time.thread_time() - began < 0.2
    assert message.flags
