"""Secrets of one data directory: made once, readable by their owner only."""

import os
import secrets
from pathlib import Path

from marketbell.core.primitives.errors import InvalidSettingError

OWNER_TOKEN = "owner.token"  # noqa: S105 — the file's name
SIGNING_KEY = "secret.key"
WEBHOOK_SECRET = "webhook.secret"  # noqa: S105 — the file's name


def _made_once(path: Path) -> str:
    """The file's content; where there is no file, a new secret, written so that two makers agree on one."""
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise InvalidSettingError(f"cannot read {path}: {error.strerror}") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # fails where another process was first: then its secret counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise InvalidSettingError(f"cannot write {path}: {error.strerror}") from error


def owner_token(data_dir: Path) -> str:
    """The local owner's API token, DATA_DIR/owner.token."""
    return _made_once(data_dir / OWNER_TOKEN)


def signing_key(data_dir: Path) -> bytes:
    """The key that signs live tokens, DATA_DIR/secret.key: one for api and live."""
    return _made_once(data_dir / SIGNING_KEY).encode()


def webhook_secret(data_dir: Path) -> bytes:
    """What signs webhooks whose channel has no secret of its own, DATA_DIR/webhook.secret."""
    return _made_once(data_dir / WEBHOOK_SECRET).encode()


def required(url: str | None, name: str) -> str:
    """A URL that `up` fills in; somebody who starts a process alone must give it."""
    if not url:
        raise InvalidSettingError(f"{name} is not set: start with `marketbell up`, or give the server's URL")
    return url
