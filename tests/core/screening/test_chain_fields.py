"""A screen reads option chains as they stand, and follows them."""

from tests.core.engine.chain_market import NEXT_WEEK, chain, chain_frame
from tests.core.rules.market import INSTRUMENTS, frame, heartbeat, screen, table, ticks

from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.screening.standing import StandingScreens

TEXT = 'screen "Puts" on ALL when opt.pcr_oi > 1.2 and opt.pcr_oi(expiry: "next") is known order by opt.pcr_oi desc'


def test_a_screen_follows_the_chains() -> None:
    engine = Engine(EngineConfig(), table, (StandingScreens,))
    engine.define(INSTRUMENTS)
    standing = next(one for one in engine.operators if isinstance(one, StandingScreens))
    command = {"type": "screen", "screen_id": "s", "owner_id": "me", "definition": screen(TEXT), "options": {}}
    prices = ticks([("NSE:A", 0, 1_000.0), ("NSE:B", 1, 50.0), ("NSE:C", 2, 9.0)])
    engine.apply(
        [
            frame(FrameKind.COMMAND, command),
            Frame(FrameKind.TRADE, 0, 0, 0, 0, 0, 0, 3, prices),
            *(chain_frame(chain(3, 1.0, key=key, expiry=NEXT_WEEK)) for key in ("NSE:A", "NSE:B")),
            *(chain_frame(chain(3, pcr, key=key)) for key, pcr in (("NSE:A", 1.5), ("NSE:B", 1.1), ("NSE:C", 2.0))),
            heartbeat(5),
        ]
    )
    assert standing.problems == {}
    assert standing.members("s").tolist() == [0]
    engine.apply([chain_frame(chain(10, 1.9, key="NSE:B")), heartbeat(12)])
    assert standing.members("s").tolist() == [1, 0]
    engine.apply([chain_frame(chain(20, 1.0)), heartbeat(22)])
    assert standing.members("s").tolist() == [1]
    assert [delta.events for delta in standing.take_deltas()][-1] == (("leave", 0),)
