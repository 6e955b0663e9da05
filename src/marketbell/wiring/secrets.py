"""Secrets of one data directory, made once and readable by their owner only; and where channels find theirs."""

import os
import secrets
from pathlib import Path

from marketbell.core.primitives.errors import InvalidSettingError
from marketbell.ports.clock import Clock
from marketbell.ports.secrets import Secrets, SecretSource
from marketbell.settings import Settings

OWNER_TOKEN = "owner.token"  # noqa: S105 — the file's name
SIGNING_KEY = "secret.key"
WEBHOOK_SECRET = "webhook.secret"  # noqa: S105 — the file's name
PUSH_KEY = "push.key"


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


def push_secret(data_dir: Path) -> bytes:
    """The 32 bytes that the key of web push is made of, DATA_DIR/push.key. A new one loses every subscription."""
    from base64 import urlsafe_b64decode

    text = _made_once(data_dir / PUSH_KEY)
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise InvalidSettingError(f"{data_dir / PUSH_KEY} is not what was written there") from error


def build_secrets(settings: Settings, clock: Clock) -> Secrets:
    """The places of `secrets.sources`, in their order. Nothing connects before its first use."""
    from marketbell.adapters.secrets.in_order import InOrder

    makers = {"file": _folder, "env": _environment, "vault": _vault}
    return InOrder({name: makers[name](settings, clock) for name in settings.secrets.sources})


def _folder(settings: Settings, _: Clock) -> SecretSource:
    from marketbell.adapters.secrets.folder import FolderSecrets

    folder = settings.secrets.folder
    return FolderSecrets(Path(folder).expanduser() if folder else settings.data_dir / "secrets")


def _environment(_: Settings, __: Clock) -> SecretSource:
    from marketbell.adapters.secrets.environment import EnvironmentSecrets

    return EnvironmentSecrets(os.environ)


def _vault(settings: Settings, clock: Clock) -> SecretSource:
    from marketbell.adapters.secrets.vault.login import Login
    from marketbell.adapters.secrets.vault.source import Place, VaultSecrets

    said = settings.secrets
    if not said.vault_url:
        raise InvalidSettingError("secrets.sources names vault: secrets.vault_url (or VAULT_ADDR) says where it is")
    if not (said.vault_token or said.vault_token_file or said.vault_role_id):
        raise InvalidSettingError(
            "secrets.sources names vault: set secrets.vault_token_file, secrets.vault_role_id or secrets.vault_token"
        )
    if said.vault_ca_file and not Path(said.vault_ca_file).expanduser().is_file():
        raise InvalidSettingError(f"secrets.vault_ca_file: there is no file {said.vault_ca_file}")
    place = Place(said.vault_url, said.vault_mount, said.vault_prefix, said.vault_namespace, said.vault_ca_file)
    login = Login(
        said.vault_token,
        said.vault_token_file,
        said.vault_role_id,
        said.vault_secret_id,
        said.vault_secret_id_file,
        said.vault_approle_mount,
    )
    return VaultSecrets(place, login, clock, said.cache_s)
