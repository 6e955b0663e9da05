"""Writes docs/screenshots/PAGE-MODE-THEME.png of every page: `./dev run python tests/e2e/screenshots.py [PAGE…]`.

The pages show the simulated market, so that nobody takes the numbers for real ones; the symbol page of
RELIANCE and the option chain of NIFTY show recorded NSE days.
"""

import sys
import tempfile
from pathlib import Path

import httpx
from harness import MODES, RELIANCE_DAY, ROOT, THEMES, System, choose, chromium, signed_in, system, until
from playwright.sync_api import BrowserContext, Page

OUT = ROOT / "docs" / "screenshots"
DATA = ROOT.parent / "shared" / "data"
WIDTH = 1440
TALLEST = 2200
SETTLES_MS = 2_500
NIFTY_CHAINS = "options/nse_nifty_chain_snapshots_20260819_am.parquet"
RULES = (
    'alert "Volume doubles" on ${key} when day.volume > 2 * sma(volume, 20)@1d at 5m close fire once per day',
    'alert "Fast move, any company" on ALL when close moves by 1% within 10m at tick cooldown 30m per symbol',
    'alert "Crosses its open" on ${key} when close > 1 at tick fire once severity high notify webhook:"Ops desk"',
    'alert "RSI low" on ${key} when rsi(close, 14) crosses below 30 and close > vwap at 15m close severity high',
)


def arrange(running: System) -> str:
    """A watchlist, an armed alert and a fired one, made through the API as a person would; gives an instrument."""
    active = running.active(8)
    first = active[0]
    with running.api as client:
        # A private address is refused at once: the pictures show what a lost message looks like.
        channel = {"kind": "webhook", "name": "Ops desk", "config": {"url": "http://10.0.0.1/hook"}}
        client.post("/api/channels", json=channel).raise_for_status()
        keys = [stock["instrument"] for stock in active]
        client.post("/api/watchlists", json={"name": "Morning", "instruments": keys}).raise_for_status()
        price, tick = float(first["close"]), float(first["tick_size"])
        for direction, level in (("above", price + tick), ("below", price - tick), ("above", price * 1.02)):
            client.post(
                "/api/rules",
                json={
                    "name": f"{first['symbol']} {direction} {level:.2f}",
                    "instrument": first["instrument"],
                    "direction": direction,
                    "level": f"{round(level / tick) * tick:.2f}",
                    "notify": ["in_app"],
                },
            ).raise_for_status()
        for rule in RULES:
            client.post("/api/rules", json={"text": rule.format(key=first["instrument"])}).raise_for_status()
    until(lambda: running.get("/api/alerts")["items"] or None, 120, "the first alert")
    return str(first["instrument"])


def shoot(context: BrowserContext, page: Page, name: str, url: str) -> None:
    """One PNG, as tall as the page, so that what sticks to the window stands where it belongs."""
    del context
    page.set_viewport_size({"width": WIDTH, "height": 900})
    page.goto(url)
    page.wait_for_timeout(SETTLES_MS)
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": WIDTH, "height": min(TALLEST, max(700, height))})
    page.wait_for_timeout(700)
    page.screenshot(path=OUT / f"{name}.png")
    sys.stdout.write(f"{OUT / name}.png\n")


def shoot_all(running: System, pages: dict[str, str]) -> None:
    """Each page in three modes and two themes."""
    with chromium() as browser:
        context = signed_in(browser, running)
        page = context.new_page()
        for theme in THEMES:
            for mode in MODES:
                choose(page, running.url, mode=mode, theme=theme, motion="off", recent=[])
                for name, path in pages.items():
                    shoot(context, page, f"{name}-{mode}-{theme}", running.url + path)


def main(wanted: list[str]) -> None:
    """Demo first, then the recorded day."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="marketbell-shots-") as folder:
        with system(Path(folder) / "demo", "--feed", "demo", "--dirty", "--speed", "20") as running:
            instrument = arrange(running)
            until(lambda: len(minutes(running, instrument)) > 24 or None, 240, "half an hour of the market")
            # Slower, until the evaluator has caught up: pictures show the usual, not a race.
            with running.api as client:
                client.post("/api/feeds/control", json={"speed": 1}).raise_for_status()
            until(lambda: lag(running) < 50 or None, 240, "an evaluator without a backlog")
            pages = {
                "overview": "/",
                "symbol": f"/symbol/{instrument}?studies=sma~20|rsi~14",
                "watchlists": "/watchlists",
                "screener": "/screener?screen=value-picks",
                "alerts": "/alerts",
                "rules": f"/rules/new?on={instrument}&template=rsi-oversold",
                "rules-list": "/alerts?show=rules",
                "health": "/health",
                "settings": "/settings",
                "states": "/dev/ui",
                "options": chain_of(running),
            }
            shoot_all(running, {name: path for name, path in pages.items() if not wanted or name in wanted})
        if DATA.is_dir() and (not wanted or "reliance" in wanted):
            feed = f"replay:{DATA / RELIANCE_DAY}"
            with system(Path(folder) / "replay", "--feed", feed, "--speed", "max") as running:
                until(
                    lambda: [feed for feed in running.get("/api/feeds")["items"] if feed["state"] == "ended"] or None,
                    240,
                    "the end of the day",
                )
                shoot_all(running, {"reliance": "/symbol/NSE:RELIANCE?interval=5m&studies=bb~20~2|macd~12~26~9"})
        if DATA.is_dir() and (not wanted or "nifty-chain" in wanted):
            feed = f"replay:{DATA / NIFTY_CHAINS}"
            with system(Path(folder) / "chains", "--feed", feed, "--speed", "max") as running:
                until(
                    lambda: [feed for feed in running.get("/api/feeds")["items"] if feed["state"] == "ended"] or None,
                    240,
                    "the end of the morning",
                )
                until(lambda: running.get("/api/options")["items"] or None, 60, "the chain of NIFTY")
                shoot_all(running, {"nifty-chain": chain_of(running)})


def chain_of(running: System) -> str:
    """The page of the first option chain with a spread about the money."""
    with running.api as client:
        return chain_page(client, client.get("/api/options").raise_for_status().json()["items"][0]["underlying"])


def chain_page(client: httpx.Client, underlying: str) -> str:
    """An iron condor that the chain's contracts make, as an address carries it."""
    built = client.get(f"/api/options/{underlying}/presets/iron_condor").raise_for_status().json()
    legs = "~".join(f"{one['side'][0]}1{one['kind'][0]}{one['strike']:g}" for one in built["legs"])
    return f"/options/{underlying}?outlook=flat&legs={legs}"


def minutes(running: System, instrument: str) -> list[dict[str, object]]:
    """Today's minutes so far."""
    opens = running.get("/api/market")["session"]["opens_at"]
    query = {"timeframe": "1m", "limit": 400, "from": opens}
    items: list[dict[str, object]] = running.get(f"/api/stocks/{instrument}/bars", **query)["items"]
    return items


def lag(running: System) -> int:
    """How many frames the engine is behind."""
    return max((row["lag"] or 0 for row in running.get("/api/status")["partitions"]), default=0)


if __name__ == "__main__":
    main(sys.argv[1:])
