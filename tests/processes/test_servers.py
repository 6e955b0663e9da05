"""The embedded servers: real ones, started and stopped by us."""

import os
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest
import redis

from marketbell.adapters.servers import is_free
from marketbell.adapters.servers.postgres import EmbeddedPostgres
from marketbell.adapters.servers.valkey import EmbeddedValkey
from marketbell.core.primitives.errors import UserError
from marketbell.ports.servers import EmbeddedServer


def test_postgres_asks_for_its_password_and_never_runs_as_root(postgres_server: EmbeddedServer) -> None:
    with psycopg.connect(postgres_server.url) as connection:
        encoding, version = connection.execute(
            "select current_setting('server_encoding'), current_setting('server_version_num')::int"
        ).fetchone() or ("", 0)
    assert encoding == "UTF8"
    assert version >= 150_000
    wrong = f"postgresql://marketbell:wrong@127.0.0.1:{postgres_server.port}/marketbell"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_postgres_listens_on_this_machine_only(postgres_server: EmbeddedServer) -> None:
    with psycopg.connect(postgres_server.url) as connection:
        row = connection.execute("select current_setting('listen_addresses')").fetchone()
    assert row == ("127.0.0.1",)


def test_valkey_asks_for_its_password_and_never_evicts(valkey_server: EmbeddedServer) -> None:
    with redis.Redis.from_url(valkey_server.url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    with redis.Redis(port=valkey_server.port) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def _start(server: EmbeddedServer, log: Path) -> subprocess.Popen[bytes]:
    import time

    launch = server.launch()
    with log.open("ab") as out:
        child = subprocess.Popen(
            launch.argv,
            env=dict(launch.env),
            cwd=launch.cwd,
            user=launch.uid,
            group=launch.gid,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    deadline = time.monotonic() + 20
    while not server.is_ready():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    return child


@pytest.mark.faults
@pytest.mark.parametrize("kind", ["postgres", "bus"])
def test_what_a_crashed_run_left_is_stopped_and_its_data_served_again(data_dir: Path, kind: str) -> None:
    tmp_path = data_dir.parent

    def make() -> EmbeddedServer:
        if kind == "postgres":
            return EmbeddedPostgres(tmp_path / "postgres")
        return EmbeddedValkey("bus", tmp_path / "bus", memory_mb=32, is_durable=True)

    first = make()
    first.prepare()
    left_over = _start(first, tmp_path / "log")
    if kind == "postgres":
        with psycopg.connect(first.url) as connection:
            connection.execute("create table kept as select 42 as answer")
    else:
        with redis.Redis.from_url(first.url) as client:
            client.set("answer", 42)

    second = make()
    second.prepare()
    assert left_over.wait(5) is not None
    assert second.port == first.port
    child = _start(second, tmp_path / "log")
    try:
        if kind == "postgres":
            with psycopg.connect(second.url) as connection:
                assert connection.execute("select answer from kept").fetchone() == (42,)
        else:
            with redis.Redis.from_url(second.url) as client:
                assert client.get("answer") == b"42"
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()


def test_a_pid_file_that_names_somebody_else_harms_nobody(tmp_path: Path) -> None:
    server = EmbeddedValkey("bus", tmp_path / "bus", memory_mb=32, is_durable=True)
    server.prepare()
    (tmp_path / "bus" / "server.pid").write_text(f"{os.getpid()}\n")
    server.prepare()
    assert not (tmp_path / "bus" / "server.pid").exists()


def test_a_taken_port_is_replaced_by_a_free_one(tmp_path: Path, valkey_server: EmbeddedServer) -> None:
    (tmp_path / "bus.port").write_text(str(valkey_server.port))
    server = EmbeddedValkey("bus", tmp_path / "bus", memory_mb=32, is_durable=True)
    server.prepare()
    assert server.port != valkey_server.port
    assert is_free(server.port)


def test_a_file_in_the_path_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    server = EmbeddedValkey("bus", tmp_path / "file" / "bus", memory_mb=32, is_durable=True)
    with pytest.raises(UserError, match="a part of that path is a file"):
        server.prepare()


def test_passwords_are_for_their_owner_only(tmp_path: Path) -> None:
    server = EmbeddedValkey("bus", tmp_path / "bus", memory_mb=32, is_durable=True)
    server.prepare()
    for name in ("bus.password", "bus/server.conf"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert all("requirepass" not in part for part in server.launch().argv)
