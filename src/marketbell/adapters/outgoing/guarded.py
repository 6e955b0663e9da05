"""HTTP to the outside, guarded: nobody reaches our own network through a webhook.

https only; every address that the name resolves to must be global; the connection goes to exactly the
address that was judged (so a second look-up cannot answer differently); no redirects, no proxies of
the environment; 5 s in all and 64 kB of answer. An administrator's allow-list opens single hosts or
networks, for these also plain http.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, urlsplit

import httpx

from marketbell.core.primitives.errors import DeliveryError, InvalidSettingError
from marketbell.ports.outgoing import Reply

TIMEOUT_S = 5.0
MAX_REPLY = 64 * 1024

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class GuardedHttp:
    """One client for the whole process; may be shared by threads."""

    def __init__(self, allow_private: Sequence[str] = (), timeout_s: float = TIMEOUT_S) -> None:
        self._networks: list[Network] = []
        self._hosts: set[str] = set()
        for entry in allow_private:
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                if not entry or any(character in entry for character in "/:@ "):
                    raise InvalidSettingError(
                        f"notify.allow_private: {entry!r} is neither a host, an address nor a network"
                    ) from None
                self._hosts.add(entry.lower())
        self._timeout_s = timeout_s
        self._client = httpx.Client(trust_env=False, follow_redirects=False, timeout=timeout_s)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send one POST. DeliveryError where the address is refused (permanent) or does not answer.

        Its fact `outcome` is "unknown" where the request was on its way when the answer failed to come.
        """
        deadline = time.monotonic() + self._timeout_s
        parts = _parts(url)
        host = parts.hostname or ""
        address = self._pin(host, parts.port or 443, is_safe=parts.scheme == "https")
        shown = f"[{address}]" if address.version == 6 else str(address)
        port = f":{parts.port}" if parts.port else ""
        target = parts._replace(netloc=f"{shown}{port}", fragment="").geturl()
        request = self._client.build_request(
            "POST",
            target,
            content=body,
            headers={**headers, "Host": parts.netloc.rpartition("@")[2], "Accept-Encoding": "identity"},
            extensions={"sni_hostname": host.encode("idna").decode() if host.isascii() is False else host},
        )
        try:
            reply = self._client.send(request, stream=True)
            try:
                text = _read(reply, deadline)
            finally:
                reply.close()
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            said = f"within {self._timeout_s:.0f} s" if isinstance(error, httpx.TimeoutException) else ""
            message = f"{host} did not answer {said}" if said else f"{host} did not answer: {type(error).__name__}"
            raise DeliveryError(message, outcome=_outcome(error)) from error
        return Reply(reply.status_code, text, {name.lower(): value for name, value in reply.headers.items()})

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def pinned(self, host: str, port: int, ports: Sequence[int]) -> str:
        """The address to connect to for another protocol than HTTP, at one of its usual ports.

        DeliveryError where the other end is not public; what is on the allow-list may be, and at any port.
        """
        return str(self._pin(host, port, is_safe=True, ports=ports))

    def _pin(self, name: str, port: int, *, is_safe: bool, ports: Sequence[int] = ()) -> Address:
        """The address to connect to, after every address of the name was judged."""
        host = name.rstrip(".").lower()
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise DeliveryError(f"{host} cannot be found") from error
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        if not addresses:
            raise DeliveryError(f"{host} cannot be found")
        listed = host in self._hosts or all(self._is_listed(address) for address in addresses)
        if not listed:
            if not is_safe:
                raise DeliveryError("only https addresses are allowed", permanent=True)
            if ports and port not in ports:
                raise DeliveryError(f"only the ports {', '.join(map(str, ports))} are allowed", permanent=True)
            if not all(_is_global(address) for address in addresses):
                raise DeliveryError(
                    f"{host} is not a public address; notify.allow_private can allow it", permanent=True
                )
        return addresses[0]

    def _is_listed(self, address: Address) -> bool:
        return any(address in network for network in self._networks if network.version == address.version)


_NOT_BEGUN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol)
"""What fails before the first byte of a request is written."""


def _outcome(error: Exception) -> str:
    return "refused" if isinstance(error, _NOT_BEGUN) else "unknown"


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise DeliveryError("the address cannot be read", permanent=True) from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise DeliveryError("only https addresses are allowed", permanent=True)
    if parts.username is not None or parts.password is not None:
        raise DeliveryError("an address must not carry a user or password", permanent=True)
    return parts


def _is_global(address: Address) -> bool:
    """True for a public unicast address; addresses that wrap an IPv4 address are judged by that one."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_global(inner)
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _read(reply: httpx.Response, deadline: float) -> str:
    """The body's beginning. A reply that drips or swells is cut, not waited for."""
    chunks: list[bytes] = []
    size = 0
    for chunk in reply.iter_raw():
        chunks.append(chunk)
        size += len(chunk)
        if size >= MAX_REPLY or time.monotonic() > deadline:
            break
    return b"".join(chunks)[:MAX_REPLY].decode("utf-8", "replace")
