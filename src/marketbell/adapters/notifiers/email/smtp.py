"""SMTP with TLS, one message a connection, and an end to every attempt.

The dot that ends a mail is sent last and alone: what breaks before it was surely not delivered, what breaks
between it and the answer may have been.
"""

import re
import smtplib
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Any

from marketbell.core.primitives.errors import DeliveryError

TIMEOUT_S = 8.0
"""For the whole attempt; the lease of a delivery is longer."""
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_GO_ON = 354
_DONE = 250
_LONGEST_SAID = 160
_LEADING_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server. `security` is starttls, tls or none; `address` is where to connect, else the host's own."""

    host: str
    port: int = 0
    security: str = "starttls"
    user: str = ""
    password: str = ""
    address: str = ""

    @property
    def door(self) -> int:
        """The port."""
        return self.port or _PORTS[self.security]


class _Pinned(smtplib.SMTP):
    """Connects to an address that was judged, while names and certificates are those of the host."""

    def __init__(self, server: Server, context: ssl.SSLContext, timeout_s: float) -> None:
        self._server = server
        self._context = context
        super().__init__(local_hostname=socket.gethostname() or "localhost", timeout=timeout_s)
        self._host = server.host  # what STARTTLS checks the certificate against

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        line = socket.create_connection((self._server.address or host, port), timeout)
        if self._server.security != "tls":
            return line
        try:
            return self._context.wrap_socket(line, server_hostname=host)
        except BaseException:
            line.close()
            raise


class Conversation:
    """One attempt. `send` returns when the server has taken the mail, else it raises DeliveryError."""

    def __init__(self, server: Server, context: ssl.SSLContext, timeout_s: float = TIMEOUT_S) -> None:
        self._server = server
        self._context = context
        self._timeout_s = timeout_s
        self._smtp = _Pinned(server, context, timeout_s)
        self._is_over = False
        self._is_dotted = False

    def send(self, sender: str, to: str, letter: bytes) -> None:
        """Say everything that has to be said, within the time."""
        watch = threading.Timer(self._timeout_s, self._end)
        watch.daemon = True
        watch.start()
        try:
            self._talk(sender, to, letter)
        except smtplib.SMTPNotSupportedError as error:
            raise DeliveryError(f"{self._server.host} offers no {self._wanted(error)}", permanent=True) from None
        except smtplib.SMTPRecipientsRefused as error:
            raise self._refused(*next(iter(error.recipients.values()))) from None
        except smtplib.SMTPResponseException as error:
            raise self._refused(error.smtp_code, error.smtp_error) from None
        except (OSError, smtplib.SMTPException) as error:  # SMTPException is no OSError everywhere
            raise DeliveryError(self._silence(error), outcome="unknown" if self._is_dotted else "refused") from None
        finally:
            watch.cancel()
            self._smtp.close()

    def _talk(self, sender: str, to: str, letter: bytes) -> None:
        smtp, server = self._smtp, self._server
        code, said = smtp.connect(server.host, server.door)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)
        smtp.ehlo_or_helo_if_needed()
        if server.security == "starttls":
            smtp.starttls(context=self._context)
            smtp.ehlo_or_helo_if_needed()
        if server.user:
            self._log_in()
        self._expect(smtp.mail(sender), _DONE)
        self._expect(smtp.rcpt(to), _DONE, 251)
        self._expect(smtp.docmd("DATA"), _GO_ON)
        body = _LEADING_DOT.sub(b"..", letter)
        smtp.send(body if body.endswith(b"\r\n") else body + b"\r\n")
        self._is_dotted = True
        smtp.send(b".\r\n")
        self._expect(smtp.getreply(), _DONE)

    def _log_in(self) -> None:
        """By one mechanism, once: a wrong password must not count three times at the server."""
        smtp = self._smtp
        smtp.user, smtp.password = self._server.user, self._server.password
        offered = smtp.esmtp_features.get("auth", "").upper().split()
        ways: dict[str, Any] = {"PLAIN": smtp.auth_plain, "LOGIN": smtp.auth_login, "CRAM-MD5": smtp.auth_cram_md5}
        mechanism = next((name for name in ways if name in offered), None)
        if mechanism is None:
            raise smtplib.SMTPNotSupportedError("AUTH")
        smtp.auth(mechanism, ways[mechanism])

    def _expect(self, answer: tuple[int, bytes], *codes: int) -> None:
        if answer[0] not in codes:
            raise smtplib.SMTPResponseException(answer[0], answer[1])

    def _refused(self, code: int, said: bytes | str) -> DeliveryError:
        """4xx passes by itself, 5xx does not (RFC 5321 §4.2.1)."""
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        text = f"{self._server.host} said {code} {' '.join(words.split())[:_LONGEST_SAID]}".rstrip()
        return DeliveryError(text, permanent=code >= 500)

    def _silence(self, error: Exception) -> str:
        host = self._server.host
        # smtplib says of a silence, too, that the line is gone: what it met first tells them apart
        if self._is_over or isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            return f"{host} did not answer within {self._timeout_s:.0f} s"
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"{host} shows a certificate that cannot be trusted: {error.verify_message}"
        if isinstance(error, smtplib.SMTPServerDisconnected):
            return f"{host} broke off the conversation"
        return f"{host} did not answer: {type(error).__name__}"

    def _wanted(self, error: smtplib.SMTPNotSupportedError) -> str:
        return "login" if "AUTH" in str(error).upper() else "STARTTLS"

    def _end(self) -> None:
        """Time is over: whatever waits for the server finds the line dead."""
        self._is_over = True
        line = self._smtp.sock
        if line is not None:
            try:
                socket.socket.shutdown(line, socket.SHUT_RDWR)
            except OSError:
                return  # it was closed at this very moment
