"""How we prove to Vault who we are: a token, a token's file, or an AppRole."""

from dataclasses import dataclass
from pathlib import Path

from marketbell.core.primitives.errors import DeliveryError


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """What the administrator set. A file is read again whenever Vault refuses: agents renew it."""

    token: str = ""
    token_file: str = ""
    role_id: str = ""
    secret_id: str = ""
    secret_id_file: str = ""
    mount: str = "approle"

    @property
    def is_role(self) -> bool:
        """True where an AppRole logs in."""
        return bool(self.role_id)

    @property
    def can_change(self) -> bool:
        """True where asking again may give another token."""
        return self.is_role or bool(self.token_file)

    def fixed_token(self) -> str:
        """The token that was set, or the content of its file."""
        if self.token_file:
            return _read(self.token_file, "secrets.vault_token_file")
        if not self.token:
            raise DeliveryError("no token for Vault is set: secrets.vault_token_file", permanent=True)
        return self.token

    def role(self) -> dict[str, str]:
        """The body of an AppRole login."""
        secret = _read(self.secret_id_file, "secrets.vault_secret_id_file") if self.secret_id_file else self.secret_id
        return {"role_id": self.role_id} | ({"secret_id": secret} if secret else {})


def _read(path: str, setting: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise DeliveryError(f"the file of {setting} cannot be read: {reason}") from None
