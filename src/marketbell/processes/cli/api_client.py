"""The running Marketbell's API, for commands: asked with its owner's token."""

from typing import Any
from uuid import uuid4

from marketbell.core.primitives.errors import ConflictError, NotFoundError, UnavailableError, UserError

TIMEOUT_S = 10.0


class Api:
    """The running Marketbell, by its owner's token."""

    def __init__(self, api: str | None, data_dir: str | None) -> None:
        from marketbell.processes.up import runfile
        from marketbell.settings import load
        from marketbell.wiring.sender import link_base

        settings = load(data_dir=data_dir)
        running = runfile.read(settings.data_dir) if api is None else None
        self._base = (api or (running["url"] if running else link_base(settings))).rstrip("/")
        path = settings.data_dir / "owner.token"
        try:
            self._token = path.read_text(encoding="ascii").strip()
        except OSError as error:
            message = f"cannot read {path} ({error.strerror}): is Marketbell running on this data directory?"
            raise UserError(message) from error

    def call(
        self, method: str, path: str, body: dict[str, Any] | None = None, timeout_s: float = TIMEOUT_S
    ) -> dict[str, Any]:
        """One request; errors of the API become errors of ours."""
        import httpx

        headers = {"Authorization": f"Bearer {self._token}"}
        if method == "POST":
            headers["Idempotency-Key"] = uuid4().hex
        try:
            reply = httpx.request(
                method, self._base + path, json=body, headers=headers, timeout=timeout_s, trust_env=False
            )
        except httpx.InvalidURL as error:
            raise UserError(f"{self._base} is not an address") from error
        except httpx.HTTPError as error:
            raise UserError(f"Marketbell does not answer at {self._base}: start it with `marketbell up`") from error
        try:
            answer = reply.json() if reply.content else {}
        except ValueError as error:
            raise UserError(f"what answers at {self._base} is not Marketbell (HTTP {reply.status_code})") from error
        if reply.is_success and isinstance(answer, dict):
            return answer
        raise _error(reply.status_code, answer if isinstance(answer, dict) else {})


def _error(status: int, answer: dict[str, Any]) -> Exception:
    message = str(answer.get("message") or f"the API answered HTTP {status}")
    if status >= 500:
        return UnavailableError(message)
    kinds: dict[int, type[UserError]] = {404: NotFoundError, 409: ConflictError}
    error = kinds.get(status, UserError)(message)
    error.code = str(answer.get("code", error.code))
    return error
