"""The same Idempotency-Key again, twenty times at once, with another body, and after a crash: row 16 of the matrix."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from kill_house import House
from report import Tally

from marketbell.adapters.stores.postgres import PostgresStores, migrate
from marketbell.core.market.instrument import Instrument
from marketbell.ports.stores import LOCAL_OWNER

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

SHORT, FULL = (8, 1), (160, 40)
"""Keys; and keys whose request dies with its process."""
AT_ONCE = 20
PATH = "/api/watchlists"


@pytest.fixture
def house(house_dir: Path) -> Iterator[House]:
    made = House(house_dir, "demo", 1.0)
    try:
        yield made
    finally:
        made.close()


class Desk:
    """A person's client."""

    def __init__(self, house: House) -> None:
        token = (house.data_dir / "owner.token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{house.port}", headers=headers, timeout=20.0)

    def post(self, key: str, name: str) -> int:
        """The status; 0 where the line broke."""
        body = {"name": name, "instruments": ["NSE:RELIANCE"]}
        try:
            return self.http.post(PATH, json=body, headers={"Idempotency-Key": key}).status_code
        except httpx.TransportError:
            return 0


def up(house: House) -> Desk:
    house.start("api")
    house.wait(lambda: house.is_ready("api"), 60.0, "the API is ready")
    return Desk(house)


def test_a_key_has_one_effect(house: House, tally: Tally, request: pytest.FixtureRequest) -> None:
    tally.fault = "key"
    plain, crashes = FULL if request.config.getoption("full", default=False) else SHORT
    house.start("postgres", "bus", "cache")
    migrate.upgrade(house.database_url)
    stores = PostgresStores(house.database_url)
    stores.instruments.put([Instrument("NSE:RELIANCE", "Reliance Industries")])
    desk = up(house)
    try:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for number in range(plain):
                key = name = f"key {number}"
                tally.times += 1
                found = list(threads.map(lambda _: desk.post(key, name), range(AT_ONCE)))  # noqa: B023 — used at once
                assert set(found) <= {201, 409}, found
                assert 201 in found
                assert desk.post(key, name) == 201
                assert desk.post(key, "another body") == 409
            for number in range(crashes):
                key = name = f"crash {number}"
                tally.times += 1
                asked = [threads.submit(desk.post, key, name) for _ in range(AT_ONCE)]
                time.sleep(0.002 * number % 0.05)
                began = time.monotonic()
                house.children["api"].kill()
                assert {one.result() for one in asked} <= {0, 201, 409}
                desk.http.close()
                desk = up(house)
                house.wait(lambda: desk.post(key, name) == 201, 40.0, "the request is done")  # noqa: B023
                tally.recoveries.append(time.monotonic() - began)
        names = [one.name for one in stores.watchlists.all(LOCAL_OWNER)]
        tally.lost = plain + crashes - len(set(names))
        tally.doubled = len(names) - len(set(names))
        assert (tally.lost, tally.doubled) == (0, 0)
        assert house.children["api"].stop(20.0) == 0
    finally:
        desk.http.close()
        stores.close()
