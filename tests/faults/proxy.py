"""A TCP proxy that breaks the line on command: between our processes and their servers."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Self

CHUNK = 65_536


class FaultProxy:
    """Listens on a port of its own and forwards to `target` on 127.0.0.1. All methods may be called by any thread.

    ok          forwards
    cut()       ends every connection with a reset and refuses new ones
    delay(s)    each piece of data waits so long
    hole()      accepts connections and data, and forwards nothing: neither data nor ends
    half_open() connections that exist are dead without a word, new ones work
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._delay_s = 0.0
        self._is_hole = False
        self._is_cut = False
        self._open = asyncio.Event()
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._dead: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="proxy", daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        assert self._ready.wait(10.0)

    def stop(self) -> None:
        """End, with every connection."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10.0)

    def cut(self) -> None:
        """End everything with a reset, and refuse what comes."""

        def act() -> None:
            self._is_cut = True
            for writers in list(self._pairs):
                for writer in writers:
                    _reset(writer)

        self._do(act)

    def delay(self, seconds: float) -> None:
        """Let each piece of data wait."""
        self._do(lambda: setattr(self, "_delay_s", seconds))

    def hole(self) -> None:
        """Swallow everything."""

        def act() -> None:
            self._is_hole = True
            self._open.clear()

        self._do(act)

    def half_open(self) -> None:
        """Let the connections of this moment die without telling anybody."""
        self._do(lambda: self._dead.update(writer for writers in self._pairs for writer in writers))

    def mend(self) -> None:
        """Forward again. What a hole swallowed comes late, as after a network's outage."""

        def act() -> None:
            self._is_cut, self._is_hole, self._delay_s = False, False, 0.0
            self._open.set()

        self._do(act)

    @property
    def connections(self) -> int:
        """Those that are forwarded now."""
        return len(self._pairs)

    def _do(self, act: Callable[[], None]) -> None:
        done = threading.Event()

        def run() -> None:
            act()
            done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(5.0)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)

        async def begin() -> asyncio.Server:
            server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            return server

        server = self._loop.run_until_complete(begin())
        self._open.set()
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # the proxy's end
            await self._joined(reader, writer)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            _reset(writer)
            return
        await self._open.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            _reset(writer)
            return
        pair = (writer, far_writer)
        self._pairs.add(pair)
        try:
            await asyncio.gather(self._forward(reader, far_writer), self._forward(far_reader, writer))
        finally:
            self._pairs.discard(pair)
            for one in pair:
                self._dead.discard(one)
                one.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                data = await reader.read(CHUNK)
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._open.wait()
                if writer in self._dead:
                    if not data:
                        return
                    continue
                if not data:
                    # the other direction may still be under way
                    with contextlib.suppress(OSError):
                        writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset, as a server that died does."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
