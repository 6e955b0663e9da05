"""Parts of `bench engine` that need a process of their own: `python -m … memory|share|start ARGUMENTS`."""

import gc
import json
import sys
import time

import psutil


def memory(instruments: int, levels: int) -> float:
    """Bytes by which the process grows for an engine with ten indicators and 200,000 ticks."""
    from marketbell.processes.cli.bench.engine_parts import make_engine, packed_frames, run
    from marketbell.processes.cli.bench.market import make_market

    small = make_market(50, 20_000, 50, 200)
    run(make_engine(small, has_indicators=True), packed_frames(small), tells_forming=True)
    market = make_market(instruments, 200_000, levels, 2_000)
    packed = packed_frames(market)
    gc.collect()
    before = psutil.Process().memory_info().rss
    engine = make_engine(market, has_indicators=True)
    run(engine, packed, tells_forming=True)
    gc.collect()
    return psutil.Process().memory_info().rss - before


def share(shards: str, ticks: int, *, is_alone: bool) -> float:
    """Seconds for a log of which this process owns some shards; begins when a line comes in.

    With `is_alone` the log's partition holds nothing of other shards.
    """
    import numpy as np

    from marketbell.core.columns.frame import decode
    from marketbell.core.market.homes import Homes
    from marketbell.core.primitives.shards import Shards
    from marketbell.flows.stream.own import own_part
    from marketbell.processes.cli.bench.engine_parts import FRAMES_PER_CALL, make_engine, packed_frames
    from marketbell.processes.cli.bench.market import make_market

    market = make_market(5_000, ticks, 100_000, 2_000)
    packed = packed_frames(market)
    mine = Shards.parse(shards)
    homes = Homes(mine)
    homes.learn(market.instruments)
    is_whole = len(mine) == 64
    if is_alone:
        market = market.only(homes.inside(np.array([int(i.instrument_id) for i in market.instruments]), mine))
        packed, is_whole = packed_frames(market), True

    def work() -> float:
        engine = make_engine(market, has_indicators=True)
        gc.collect()
        begun = time.perf_counter()
        for first in range(0, len(packed), FRAMES_PER_CALL):
            frames = [decode(data) for data in packed[first : first + FRAMES_PER_CALL]]
            if not is_whole:
                parts = (own_part(frame, homes, mine, None, lambda _: False) for frame in frames)
                frames = [part for part in parts if part is not None]
            engine.apply(frames)
            engine.take_changed()
        return time.perf_counter() - begun

    work()  # compile
    print("ready", flush=True)
    sys.stdin.readline()
    return work()


def start() -> float:
    """Import the engine and run every kernel once."""
    from marketbell.core.engine.warm import warm

    warm()
    return 0.0


def main(verb: str, *arguments: str) -> None:
    """Print one number as JSON."""
    if verb == "memory":
        found = memory(int(arguments[0]), int(arguments[1]))
    elif verb == "share":
        found = share(arguments[0], int(arguments[1]), is_alone=arguments[2] == "alone")
    else:
        found = start()
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
