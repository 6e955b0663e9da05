"""What completion and `/api/fields` are told is all there is, and all of it can be written."""

import json

from marketbell.core.indicators.catalogue import SIGNATURES
from marketbell.core.language.declared import DECLARED, DERIVED
from marketbell.core.language.expression_reader import parse_expression
from marketbell.core.language.fields import FIELDS
from marketbell.core.language.functions import NAMES
from marketbell.core.language.reference import describe_fields, describe_functions


def test_every_field_is_described_and_can_be_written() -> None:
    items = json.loads(json.dumps(describe_fields()))
    names = [item["name"] for item in items]
    assert len(set(names)) == len(names)
    assert {field.name for field in (*FIELDS, *DERIVED, *DECLARED)} | {"open", "high", "low"} == set(names)
    absent = {item["name"] for item in items if not item["is_live"]}
    assert absent == {field.name for field in DECLARED if not field.name.startswith(("opt.", "fut."))}
    for item in items:
        for name in (item["usage"], *item["aliases"]):
            parse_expression(f"{name} is known")
    (close,) = (item for item in items if item["name"] == "close")
    assert close["aliases"] == ["last_price", "ltp"]
    (skew,) = (item for item in items if item["name"] == "opt.skew")
    assert skew["usage"] == 'opt.skew(delta: 25, expiry: "nearest")'
    assert skew["settings"][0] == {"name": "delta", "kind": "number", "default": "25", "choices": []}


def test_every_function_is_described_and_can_be_called_as_described() -> None:
    items = json.loads(json.dumps(describe_functions(), allow_nan=False))
    assert [item["name"] for item in items] == list(NAMES)
    by_name = {item["name"]: item for item in items}
    assert by_name["rsi"]["usage"] == "rsi(x = close, n = 14)"
    assert by_name["rsi"]["arguments"] == [{"name": "x", "is_condition": False, "default": "close"}]
    assert by_name["bb"]["members"][3] == {"name": "width", "type": "percent"}
    assert (by_name["adx"]["main"], by_name["macd"]["main"], by_name["rank"]["kind"]) == ("value", "", "universe")
    for signature in SIGNATURES:
        item = by_name[signature.name]
        given = [
            "close > open" if one["is_condition"] else one["default"] or "close"
            for one in item["arguments"]
            if one["default"] != "typical"
        ]
        given += [
            f"{one['name']}: {'15m' if one['kind'] == 'duration' else one['default'] or one['least']}"
            for one in item["parameters"]
        ]
        for member in [f".{one['name']}" for one in item["members"]] or [""]:
            parse_expression(f"{item['name']}({', '.join(given)}){member}")
