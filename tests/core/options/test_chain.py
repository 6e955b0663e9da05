"""A chain as plain values and back; what is none is refused."""

import json
import math
from typing import Any

import numpy as np
import pytest
from tests.core.options.chains import chain, theory

from marketbell.core.options.chain import Chain, Side
from marketbell.core.primitives.errors import InvalidSourceError


def test_plain_values_come_back_and_unknown_is_null() -> None:
    for made in (theory(half_spread=0.5), chain([1.0], {"last": [math.nan]}, {}, spot=math.nan, as_of=0)):
        values = json.loads(json.dumps(made.as_dict(), allow_nan=False))
        back = Chain.from_dict(values)
        assert back.as_dict() == made.as_dict()
        np.testing.assert_array_equal(back.call.last, made.call.last)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("strikes", [100.0, 90.0, *range(101, 140)], "strikes are above zero and rise, each once"),
        ("strikes", [100.0, 100.0, *range(101, 140)], "each once"),
        ("strikes", [0.0, *range(101, 141)], "above zero"),
        ("strikes", [math.inf] * 41, "above zero"),
        ("strikes", [1.0], r"last has \(41,\) entries, not one for each of 1 strikes"),
        ("spot", 1e400, "a number is infinite or beyond 1e15"),
        ("spot", 10**400, "too large"),
        ("spot", "dear", "could not convert"),
        ("as_of", 2**70, "a time is nanoseconds"),
        ("expires_at", -1, "a time is nanoseconds"),
        ("expiry", "soon", "Invalid isoformat"),
        ("call", {"lust": [1.0]}, "an option's quote has no lust"),
        ("call", {"oi": [1e400] * 41}, "infinite"),
        ("call", 7, "incomplete"),
    ],
)
def test_what_no_chain_can_be_is_one_error(name: str, value: Any, words: str) -> None:
    with pytest.raises(InvalidSourceError, match=words):
        Chain.from_dict({**theory().as_dict(), name: value})


def test_a_missing_part_is_named() -> None:
    values = theory().as_dict()
    del values["put"]
    with pytest.raises(InvalidSourceError, match="'put'"):
        Chain.from_dict(values)


def test_a_side_has_one_entry_a_strike() -> None:
    with pytest.raises(InvalidSourceError, match=r"oi has \(2,\) entries"):
        Side.of(3, oi=[1.0, 2.0])
