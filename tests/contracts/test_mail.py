"""Mail against a real SMTP server (aiosmtpd): TLS, login, refusals of each kind, and lines that break."""

import asyncio
import datetime as dt
import email
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.notifiers.email.channel import Email, House
from marketbell.adapters.notifiers.email.smtp import Conversation, Server
from marketbell.adapters.outgoing.guarded import GuardedHttp
from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.notifiers import Message

CLOCK = ManualClock(1_700_000_000 * 10**9)
MESSAGE = Message(
    "d" * 32, "RELIANCE close > 1500: 1500.05 at 10:15:03 IST", "Rule: Ünïcode\n.a line that begins with a dot",
    "http://127.0.0.1:8700/alerts", {}, link_mute="https://bell.example.com/m/abc",
)  # fmt: skip
TO, FROM = "asha@example.com", "bell@example.com"


@dataclass
class Mailbox:
    """What the server says at each step, and what it took."""

    answers: dict[str, str] = field(default_factory=dict)
    taken: list[Any] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    port: int = 0
    context: ssl.SSLContext | None = None

    async def handle_MAIL(  # noqa: N802 — the name that aiosmtpd looks for
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802 — the name that aiosmtpd looks for
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if "RCPT" in self.answers:
            return self.answers["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        said = self.answers.get("DATA", "250 OK id=1")
        if said == "drop":
            self.taken.append(envelope)
            server.transport.abort()
            return "250 OK"
        if said == "wait":
            await asyncio.sleep(2.0)
        if said.startswith("250"):
            self.taken.append(envelope)
        return said if said != "wait" else "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"hush-hush", handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of this machine, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One loop in a thread of its own for all servers of this file."""
    made = asyncio.new_event_loop()
    thread = threading.Thread(target=made.run_forever)
    thread.start()
    yield made

    async def end() -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(end(), made).result(10)
    made.call_soon_threadsafe(made.stop)
    thread.join()
    made.close()


def _serving(loop: asyncio.AbstractEventLoop, certificate: Path, *, tls: str, needs_login: bool) -> Iterator[Mailbox]:
    box = Mailbox(context=ssl.create_default_context(cafile=str(certificate)))
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate)

    def factory() -> SMTP:
        with warnings.catch_warnings():  # it takes a line that is TLS from the start for a plain one
            warnings.simplefilter("ignore")
            return made()

    def made() -> SMTP:
        return SMTP(
            box,
            hostname="localhost",
            tls_context=serving if tls == "starttls" else None,
            require_starttls=tls == "starttls",
            authenticator=box.authenticate if needs_login else None,
            auth_required=needs_login,
            auth_require_tls=not tls,
            loop=loop,
        )

    async def start() -> asyncio.Server:
        return await loop.create_server(factory, "127.0.0.1", 0, ssl=serving if tls == "tls" else None)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    box.port = server.sockets[0].getsockname()[1]
    yield box
    loop.call_soon_threadsafe(server.close)


@pytest.fixture(scope="module")
def plain_server(loop: asyncio.AbstractEventLoop, certificate: Path) -> Iterator[Mailbox]:
    yield from _serving(loop, certificate, tls="", needs_login=False)


@pytest.fixture(scope="module")
def starttls_server(loop: asyncio.AbstractEventLoop, certificate: Path) -> Iterator[Mailbox]:
    yield from _serving(loop, certificate, tls="starttls", needs_login=True)


@pytest.fixture(scope="module")
def tls_server(loop: asyncio.AbstractEventLoop, certificate: Path) -> Iterator[Mailbox]:
    yield from _serving(loop, certificate, tls="tls", needs_login=True)


def emptied(box: Mailbox) -> Mailbox:
    box.answers.clear()
    box.taken.clear()
    box.logins.clear()
    return box


@pytest.fixture
def mailbox(plain_server: Mailbox) -> Mailbox:
    return emptied(plain_server)


def through(box: Mailbox, http: GuardedHttp, *, timeout_s: float = 8.0, **server: Any) -> Email:
    """The house's server is the one under test."""
    house = House(Server("localhost", box.port, address="127.0.0.1", **server), FROM)
    return Email(http, CLOCK, house=lambda: house, context=box.context, timeout_s=timeout_s)


def refused(notifier: Email, config: dict[str, Any] | None = None) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        notifier.send(config or {"to": TO}, MESSAGE)
    return caught.value


def test_a_mail_arrives_with_its_headers_and_both_texts(mailbox: Mailbox, http: GuardedHttp) -> None:
    notifier = through(mailbox, http, security="none")
    assert notifier.send({"to": TO}, MESSAGE) == notifier.send({"to": TO}, MESSAGE)
    first, second = mailbox.taken
    assert first.content == second.content
    assert (first.mail_from, first.rcpt_tos) == (FROM, [TO])
    read = email.message_from_bytes(first.content, policy=default)
    assert read["Subject"] == MESSAGE.title
    assert read["Message-ID"] == f"<{MESSAGE.delivery_id}@example.com>"
    assert str(read["From"]) == f"Marketbell <{FROM}>"
    assert read["Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    text = read.get_body(("plain",)).get_content()
    assert "Rule: Ünïcode" in text
    assert "\n.a line that begins with a dot" in text.replace("\r\n", "\n")
    assert "Mute this rule" in read.get_body(("html",)).get_content()


@pytest.mark.parametrize("kind", ["starttls", "tls"])
def test_tls_and_login(kind: str, request: pytest.FixtureRequest) -> None:
    box = emptied(request.getfixturevalue(f"{kind}_server"))
    config = {"way": "smtp", "to": TO, "sender": FROM, "host": "localhost", "port": box.port, "user": "bell"}
    config["security"] = kind
    strict, door = GuardedHttp(), GuardedHttp(["localhost"])
    allowed = Email(door, CLOCK, context=box.context)
    assert allowed.send(config | {"password": "hush-hush"}, MESSAGE).startswith("<ddd")
    assert box.logins == [(b"bell", b"hush-hush")]
    error = refused(allowed, config | {"password": "wrong-word"})
    assert error.permanent
    assert "535" in error.message
    assert "wrong-word" not in error.message
    assert "not a public address" in refused(Email(strict, CLOCK), config | {"port": 587}).message
    assert len(box.taken) == 1
    for one in (strict, door):
        one.close()


def test_a_certificate_that_nobody_signed_stops_it(starttls_server: Mailbox, http: GuardedHttp) -> None:
    box = replace(emptied(starttls_server), context=ssl.create_default_context())
    error = refused(through(box, http, user="bell", password="hush-hush"))
    assert "certificate that cannot be trusted" in error.message
    assert not error.permanent
    assert not starttls_server.logins


def test_nothing_is_sent_in_the_clear_where_starttls_is_wanted(mailbox: Mailbox, http: GuardedHttp) -> None:
    error = refused(through(mailbox, http, security="starttls"))
    assert (error.permanent, error.message) == (True, "localhost offers no STARTTLS")
    error = refused(through(mailbox, http, security="none", user="bell", password="hush-hush"))
    assert (error.permanent, error.message) == (True, "localhost offers no login")
    assert not mailbox.taken


@pytest.mark.parametrize(
    ("step", "said", "is_permanent"),
    [
        ("MAIL", "550 5.7.1 sender refused", True),
        ("MAIL", "421 4.3.2 closing", False),
        ("RCPT", "550 5.1.1 <asha@example.com> no such user", True),
        ("RCPT", "450 4.2.0 greylisted, come back later", False),
        ("RCPT", "452 4.2.2 mailbox full", False),
        ("DATA", "552 5.3.4 too big", True),
        ("DATA", "554 5.7.1 spam", True),
        ("DATA", "451 4.3.0 try again later", False),
    ],
)
def test_refusals_say_whether_they_pass(
    mailbox: Mailbox, http: GuardedHttp, step: str, said: str, *, is_permanent: bool
) -> None:
    mailbox.answers[step] = said
    error = refused(through(mailbox, http, security="none"))
    assert (error.permanent, error.facts.get("outcome")) == (is_permanent, None)
    assert said[:3] in error.message
    assert not mailbox.taken


def test_a_line_that_breaks_after_the_last_dot_is_an_unknown_outcome(mailbox: Mailbox, http: GuardedHttp) -> None:
    mailbox.answers["DATA"] = "drop"
    error = refused(through(mailbox, http, security="none"))
    assert (error.permanent, error.facts["outcome"]) == (False, "unknown")
    assert len(mailbox.taken) == 1


def test_a_server_that_is_slow_to_answer_is_left(mailbox: Mailbox, http: GuardedHttp) -> None:
    mailbox.answers["DATA"] = "wait"
    error = refused(through(mailbox, http, security="none", timeout_s=1.0))
    assert (error.permanent, error.facts["outcome"]) == (False, "unknown")
    assert "did not answer within" in error.message


async def _dripping(writer: asyncio.StreamWriter) -> None:
    """220-…, for ever: every single answer is in time, the conversation is not."""
    while True:
        writer.write(b"220-wait\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _mute(writer: asyncio.StreamWriter) -> None:
    del writer
    await asyncio.sleep(3_600)


def _speaking(loop: asyncio.AbstractEventLoop, act: Callable[[asyncio.StreamWriter], Any]) -> Iterator[int]:
    """A server that does not speak SMTP."""

    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await act(writer)
        except (ConnectionError, asyncio.CancelledError):
            writer.transport.abort()

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(handle, "127.0.0.1", 0), loop).result(10)
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(server.close)


@pytest.fixture
def dripping(loop: asyncio.AbstractEventLoop) -> Iterator[int]:
    yield from _speaking(loop, _dripping)


@pytest.fixture
def mute(loop: asyncio.AbstractEventLoop) -> Iterator[int]:
    yield from _speaking(loop, _mute)


@pytest.mark.parametrize("kind", ["dripping", "mute"])
def test_no_server_holds_an_attempt_for_longer_than_its_time(
    kind: str, http: GuardedHttp, request: pytest.FixtureRequest
) -> None:
    port = request.getfixturevalue(kind)
    error = refused(through(Mailbox(port=port), http, security="none", timeout_s=0.2))
    assert (error.permanent, error.facts["outcome"]) == (False, "refused")
    assert "did not answer within" in error.message


def test_the_lines_own_time_is_a_silence_too(mute: int, http: GuardedHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    """The socket's time may end before the watch has run: smtplib then calls the same silence a closed line."""
    monkeypatch.setattr(Conversation, "_end", lambda _: None)
    error = refused(through(Mailbox(port=mute), http, security="none", timeout_s=0.2))
    assert "did not answer within" in error.message


def test_nobody_there_is_worth_another_try(http: GuardedHttp) -> None:
    error = refused(through(Mailbox(port=1), http, security="none"))
    assert (error.permanent, error.facts["outcome"]) == (False, "refused")
    assert refused(Email(http, CLOCK)).permanent  # no server of the house is set
    assert refused(Email(http, CLOCK), {"sender": FROM}).permanent
