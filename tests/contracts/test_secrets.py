"""Every place of secrets, one suite; Vault against a real OpenBao, and its outages against a scripted one."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.notifiers.sealed import Sealed
from marketbell.adapters.secrets.environment import EnvironmentSecrets, variable
from marketbell.adapters.secrets.folder import FolderSecrets
from marketbell.adapters.secrets.in_order import InOrder
from marketbell.adapters.secrets.vault.login import Login
from marketbell.adapters.secrets.vault.source import Place, VaultSecrets
from marketbell.core.alerts.cards import Card, Field
from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.notifiers import Message
from marketbell.ports.secrets import SecretSource

ROOT = "root-token-of-the-test"
READY_WITHIN_S = 20.0
POLICY = 'path "secret/data/marketbell/*" { capabilities = ["read"] }'


class Bao:
    """A development server of OpenBao, and what an administrator does with it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, headers={"X-Vault-Token": ROOT}, trust_env=False)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        reply = self._client.request(method, f"/v1/{path}", json=body)
        assert reply.is_success, reply.text
        return dict(reply.json()) if reply.content else {}

    def put(self, name: str, **fields: object) -> None:
        self.ask("POST", f"secret/data/marketbell/{name}", {"data": fields})

    def close(self) -> None:
        self._client.close()


@pytest.fixture(scope="session")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("bao") / "log"
    program = str(Path(sys.executable).with_name("bao"))
    arguments = [
        "server",
        "-dev",
        f"-dev-root-token-id={ROOT}",
        f"-dev-listen-address=127.0.0.1:{port}",
        "-dev-no-store-token",
    ]
    with log.open("wb") as out:
        child = subprocess.Popen(
            [program, *arguments], stdout=out, stderr=out, env=os.environ | {"HOME": str(log.parent)}
        )
    made = Bao(f"http://127.0.0.1:{port}")
    try:
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            if child.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"OpenBao did not start:\n{log.read_text()[-2_000:]}")
            try:
                if httpx.get(f"{made.url}/v1/sys/health", trust_env=False).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.05)
        made.ask("PUT", "sys/policies/acl/marketbell", {"policy": POLICY})
        yield made
    finally:
        made.close()
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


Put = Callable[[str, str], None]


@pytest.fixture(params=["file", "env", "vault"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[SecretSource, Put]]:
    """A place of secrets, and how its administrator puts one there."""
    if request.param == "file":

        def write(name: str, value: str) -> None:
            path = tmp_path / name.replace("#", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(value + "\n")
            path.chmod(0o600)

        yield FolderSecrets(tmp_path), write
    elif request.param == "env":
        variables: dict[str, str] = {}
        yield EnvironmentSecrets(variables), lambda name, value: variables.__setitem__(variable(name), value)
    else:
        server: Bao = request.getfixturevalue("bao")

        def put(name: str, value: str) -> None:
            entry, _, part = name.partition("#")
            server.put(entry, **{part or "value": value})

        source = VaultSecrets(Place(server.url), Login(token=ROOT), ManualClock(0), cache_s=0.0)
        yield source, put
        source.close()


def test_what_was_put_is_found(place: tuple[SecretSource, Put]) -> None:
    source, put = place
    assert source.find("nobody-put-this") is None
    assert source.find("nor/that#field") is None
    put("smtp", "hush")
    put("desk/slack#token", "xoxb-1 with = and ünïcode")
    assert source.find("smtp") == "hush"
    assert source.find("desk/slack#token") == "xoxb-1 with = and ünïcode"
    assert source.find("desk/slack#other") is None
    put("smtp", "changed")
    assert source.find("smtp") == "changed"


# --- files --------------------------------------------------------------------------------------------------------


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "smtp"
    path.write_text("hush")
    for mode in (0o640, 0o604, 0o644, 0o660):
        path.chmod(mode)
        with pytest.raises(DeliveryError, match="chmod 600") as caught:
            FolderSecrets(tmp_path).find("smtp")
        assert caught.value.permanent
        assert "hush" not in caught.value.message
    path.chmod(0o400)
    assert FolderSecrets(tmp_path).find("smtp") == "hush"


def test_odd_files_are_no_secrets(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "empty").touch(0o600)
    source = FolderSecrets(tmp_path)
    assert [source.find(name) for name in ("folder", "pipe", "empty", "empty/below")] == [None] * 4
    for name, content in (("raw", b"\xff\xfe"), ("large", b"x" * 70_000)):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
        with pytest.raises(DeliveryError) as caught:
            source.find(name)
        assert caught.value.permanent


# --- in their order -----------------------------------------------------------------------------------------------


class Broken:
    def find(self, name: str) -> str | None:
        raise DeliveryError("the place does not answer")

    def close(self) -> None:
        pass


def test_the_first_place_that_has_it_counts_and_an_outage_hides_nothing() -> None:
    first, second = (
        EnvironmentSecrets({"MB_SECRET_A": "1"}),
        EnvironmentSecrets({"MB_SECRET_A": "2", "MB_SECRET_B": "3"}),
    )
    both = InOrder({"file": first, "env": second})
    assert (both.get("a"), both.get("b")) == ("1", "3")
    with pytest.raises(DeliveryError, match=r"no secret c \(looked in file, env\)") as caught:
        both.get("c")
    assert caught.value.permanent
    for name in ("../b", "", "b b"):
        with pytest.raises(DeliveryError) as caught:
            both.get(name)
        assert caught.value.permanent
    with pytest.raises(DeliveryError) as caught:
        InOrder({"vault": Broken(), "env": second}).get("b")
    assert not caught.value.permanent


# --- Vault --------------------------------------------------------------------------------------------------------


def role(bao: Bao, **terms: object) -> Login:
    """An AppRole that may read our folder."""
    if "approle/" not in bao.ask("GET", "sys/auth")["data"]:
        bao.ask("POST", "sys/auth/approle", {"type": "approle"})
    bao.ask("POST", "auth/approle/role/bell", {"token_policies": ["marketbell"], "token_ttl": "1h"} | terms)
    role_id = bao.ask("GET", "auth/approle/role/bell/role-id")["data"]["role_id"]
    secret_id = bao.ask("POST", "auth/approle/role/bell/secret-id")["data"]["secret_id"]
    return Login(role_id=role_id, secret_id=secret_id)


def test_an_approle_reads_its_folder_and_no_other(bao: Bao) -> None:
    bao.put("desk", value="hush")
    bao.ask("POST", "secret/data/others/thing", {"data": {"value": "not ours"}})
    login = role(bao)
    source = VaultSecrets(Place(bao.url), login, ManualClock(0))
    assert source.find("desk") == "hush"
    elsewhere = VaultSecrets(Place(bao.url, prefix="others"), login, ManualClock(0))
    with pytest.raises(DeliveryError, match="does not let us read") as caught:
        elsewhere.find("thing")
    assert caught.value.permanent
    wrong = VaultSecrets(Place(bao.url), Login(role_id=login.role_id, secret_id="nonsense-id"), ManualClock(0))
    with pytest.raises(DeliveryError, match="refused the login") as caught:
        wrong.find("desk")
    assert caught.value.permanent
    assert "nonsense-id" not in caught.value.message
    for one in (source, elsewhere, wrong):
        one.close()


def test_a_token_that_was_revoked_is_asked_for_anew(bao: Bao) -> None:
    bao.put("desk", value="hush")
    source = VaultSecrets(Place(bao.url), role(bao), ManualClock(0), cache_s=0.0)
    assert source.find("desk") == "hush"
    bao.ask("POST", "auth/token/revoke", {"token": source._token})
    assert source.find("desk") == "hush"
    source.close()


def test_a_tokens_file_is_read_again_when_it_is_refused(bao: Bao, tmp_path: Path) -> None:
    bao.put("desk", value="hush")
    given = [
        bao.ask("POST", "auth/token/create", {"policies": ["marketbell"]})["auth"]["client_token"] for _ in range(2)
    ]
    path = tmp_path / "token"
    path.write_text(given[0])
    source = VaultSecrets(Place(bao.url), Login(token_file=str(path)), ManualClock(0), cache_s=0.0)
    assert source.find("desk") == "hush"
    bao.ask("POST", "auth/token/revoke", {"token": given[0]})
    path.write_text(given[1] + "\n")
    assert source.find("desk") == "hush"
    path.unlink()
    bao.ask("POST", "auth/token/revoke", {"token": given[1]})
    with pytest.raises(DeliveryError, match="vault_token_file cannot be read") as caught:
        source.find("desk")
    assert not caught.value.permanent
    source.close()


def test_deleted_versions_and_other_types(bao: Bao) -> None:
    bao.put("odd", value=7, other="text")
    bao.put("gone", value="x")
    bao.ask("DELETE", "secret/data/marketbell/gone")
    source = VaultSecrets(Place(bao.url), Login(token=ROOT), ManualClock(0))
    assert (source.find("odd#other"), source.find("gone")) == ("text", None)
    with pytest.raises(DeliveryError, match="not a text") as caught:
        source.find("odd")
    assert caught.value.permanent
    source.close()


class Scripted:
    """Answers in turn, and counts."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, object]] = []
        self.asked: list[str] = []
        self.url = ""


@pytest.fixture(scope="module")
def scripted_server() -> Iterator[Scripted]:
    told = Scripted()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append(f"{self.command} {self.path} {self.headers.get('X-Vault-Token', '')}")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = told.answers.pop(0)
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_POST = do_GET  # noqa: N815 — the name that the base class looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield told
        server.shutdown()
        thread.join()


@pytest.fixture
def scripted(scripted_server: Scripted) -> Scripted:
    scripted_server.answers.clear()
    scripted_server.asked.clear()
    return scripted_server


FOUND = (200, {"data": {"data": {"value": "hush"}, "metadata": {"version": 1}}})


def test_what_was_read_is_kept_for_a_moment_and_no_longer(scripted: Scripted) -> None:
    clock = ManualClock(0)
    source = VaultSecrets(Place(scripted.url), Login(token="t"), clock, cache_s=30.0)
    scripted.answers += [FOUND, (503, {"errors": ["Vault is sealed"]}), FOUND]
    assert [source.find("a"), source.find("a"), source.find("a#other")] == ["hush", "hush", None]
    assert len(scripted.asked) == 1
    clock.move(31.0)
    with pytest.raises(DeliveryError, match="HTTP 503") as caught:
        source.find("a")
    assert not caught.value.permanent
    with pytest.raises(DeliveryError, match="HTTP 503"):
        source.find("b")
    assert len(scripted.asked) == 2  # nobody waits for the same outage twice
    clock.move(1.1)
    assert source.find("a") == "hush"
    source.close()


@pytest.mark.parametrize(
    ("status", "body", "is_permanent"),
    [
        (429, {"errors": ["rate limit"]}, False),
        (472, {"errors": []}, False),
        (473, {"errors": []}, False),
        (500, {"errors": ["internal"]}, False),
        (502, b"<html>proxy</html>", False),
        (503, {"errors": ["sealed"]}, False),
        (307, b"", False),
        (200, b"<html>hello</html>", False),
        (400, {"errors": ["bad"]}, True),
        (403, {"errors": ["permission denied"]}, True),
    ],
)
def test_outages_pass_and_refusals_do_not(scripted: Scripted, status: int, body: object, *, is_permanent: bool) -> None:
    source = VaultSecrets(Place(scripted.url, namespace="team"), Login(token="very-secret-token"), ManualClock(0))
    scripted.answers.append((status, body))
    with pytest.raises(DeliveryError) as caught:
        source.find("a")
    assert caught.value.permanent == is_permanent
    assert "very-secret-token" not in caught.value.message
    assert scripted.asked == ["GET /v1/secret/data/marketbell/a very-secret-token"]
    source.close()


def test_an_approles_token_is_renewed_before_it_ends(scripted: Scripted) -> None:
    clock = ManualClock(0)
    source = VaultSecrets(Place(scripted.url), Login(role_id="r", secret_id="s"), clock, cache_s=0.0)
    scripted.answers += [
        (200, {"auth": {"client_token": "one", "lease_duration": 100}}), FOUND, FOUND,
        (200, {"auth": {"client_token": "two", "lease_duration": 100}}), FOUND,
    ]  # fmt: skip
    source.find("a")
    clock.move(79.0)
    source.find("a")
    clock.move(2.0)
    source.find("a")
    assert [line.rpartition(" ")[2] for line in scripted.asked] == ["", "one", "one", "", "two"]
    source.close()


def test_nobody_there_is_an_outage() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        source = VaultSecrets(Place(url), Login(token="very-secret-token"), ManualClock(0))
        with pytest.raises(DeliveryError, match="Vault does not answer: ConnectError") as caught:
            source.find("a")
    assert not caught.value.permanent
    assert "very-secret-token" not in repr(caught.value.__cause__) + repr(Login(token="very-secret-token"))
    source.close()


# --- in a channel -------------------------------------------------------------------------------------------------

CARD = Card("x", "X", (Field("url", "U", "secret"), Field("to", "To", is_address=True), Field("room", "Room")))


class Careless:
    """A notifier that tells everything."""

    kind = "x"
    honours_key = True

    def send(self, config: dict[str, Any], message: Message) -> str:
        if config["room"] == "lobby":
            return f"sent by {config['url']} to {config['to']} in {config['room']}"
        raise DeliveryError(f"no {config['url']} {config['to']} {config['room']}", retry_after_s=4.0, outcome="unknown")


def test_secrets_are_looked_up_at_the_last_moment_and_never_told() -> None:
    sealed = Sealed(Careless(), CARD, InOrder({"env": EnvironmentSecrets({"MB_SECRET_HOOK": "https://very-secret"})}))
    message = Message("d" * 32, "t", "b", "", {})
    config = {"url": {"secret": "hook"}, "to": "+919876543210", "room": "lobby"}
    assert (sealed.kind, sealed.honours_key) == ("x", True)
    assert sealed.send(config, message) == "sent by *** to *** in lobby"
    with pytest.raises(DeliveryError, match=r"no \*\*\* \*\*\* attic") as caught:
        sealed.send(config | {"room": "attic"}, message)
    assert caught.value.facts == {"retry_after_s": 4.0, "outcome": "unknown"}
    assert caught.value.__cause__ is None
    with pytest.raises(DeliveryError, match="no secret lost"):
        sealed.send(config | {"url": {"secret": "lost"}}, message)
