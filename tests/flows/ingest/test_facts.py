"""Published values on their way into the store: both forms of the log's items, and their evidence."""

import math

from marketbell.adapters.stores.memory import MemoryStores
from marketbell.flows.ingest.library import facts_of
from marketbell.ports.stores import Fact


def test_both_forms_of_an_item_become_facts() -> None:
    entry = {"name": "fund.eps", "value": 5, "period_end": "2026-03-31", "published_at": 9, "version": 2, "source": "s"}
    payload = {
        "type": "fundamentals",
        "items": [
            {"instrument_id": 7, "facts": [entry]},
            {"instrument_id": 8, "values": {"fund.pe": 12.5}, "published_at": 3 * 86_400 * 10**9},
        ],
    }
    assert facts_of(payload, "feed") == [
        Fact(7, "fund.eps", "2026-03-31", 5.0, 9, "s", 2),
        Fact(8, "fund.pe", "1970-01-04", 12.5, 3 * 86_400 * 10**9, "feed", 1),
    ]
    assert facts_of({"type": "corporate_actions", "items": [{"instrument_id": 7}]}, "feed") == []


def test_a_value_that_was_withdrawn_is_kept_as_unknown() -> None:
    stores = MemoryStores()
    for version, value in ((1, 5.0), (2, None)):
        item = {"instrument_id": 7, "values": {"fund.eps": value}, "published_at": version, "version": version}
        stores.fundamentals.put(facts_of({"type": "fundamentals", "items": [item]}, "feed"))
    assert stores.fundamentals.as_of(1) == {7: {"fund.eps": 5.0}}
    assert math.isnan(stores.fundamentals.as_of(2)[7]["fund.eps"])
