"""Typed settings, read once; nothing else reads the environment.

The order is flags > environment (`MARKETBELL_…`, parts joined by `__`) > TOML file > defaults. Each value
remembers where it came from, so that `config show --origin` and every error can say it.
"""

import difflib
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
)

from marketbell.core.primitives.errors import InvalidSettingError
from marketbell.core.primitives.shards import Shards

ENV_PREFIX = "MARKETBELL_"
CONFIG_NAME = "marketbell.toml"
NOT_SETTINGS = frozenset({"MARKETBELL_CONFIG", "MARKETBELL_DEBUG", "MARKETBELL_PYTHON"})
"""Words with our prefix that mean something else: the file to read, tracebacks, the interpreter of ./dev."""
FOREIGN_NAMES = {
    "DATABASE_URL": "database_url",
    "REDIS_URL": "redis_url",
    "CACHE_URL": "cache_url",
    "MONGODB_URL": "mongodb_url",
    "VAULT_ADDR": "secrets.vault_url",
    "VAULT_TOKEN": "secrets.vault_token",
    "VAULT_NAMESPACE": "secrets.vault_namespace",
}
SECRET_URLS = frozenset({"database_url", "redis_url", "cache_url", "mongodb_url", "secrets.vault_url"})
_SECRET_OPTIONS = re.compile(r"([?&](?:[^=&]*password|authMechanismProperties)=)[^&]*", re.IGNORECASE)
LAST_PORT = 65_535
SECRET_WORDS = frozenset({
    "finnhub.api_key", "watch.heartbeat_url", "notify.smtp_password", "secrets.vault_token", "secrets.vault_secret_id",
})  # fmt: skip
"""Settings that are shown as *** only."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

Port = Annotated[int, Field(ge=0, le=LAST_PORT, description="TCP port; 0 picks a free one")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


def default_data_dir() -> Path:
    """Where this person's data lives when nothing else is said."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "marketbell"
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "marketbell"


def _url_of(*schemes: str) -> AfterValidator:
    def check(value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in schemes or not (parts.hostname or parts.path.strip("/")):
            allowed = ", ".join(f"{scheme}://…" for scheme in schemes)
            raise ValueError(f"a URL must begin with {allowed} and name a host")
        return value

    return AfterValidator(check)


PostgresUrl = Annotated[str | None, _url_of("postgresql", "postgres")]
HttpUrl = Annotated[str, _url_of("https", "http")]
HttpUrlOrNone = Annotated[str | None, _url_of("https", "http")]
MongoUrl = Annotated[str | None, _url_of("mongodb", "mongodb+srv")]
RedisUrl = Annotated[str | None, _url_of("redis", "rediss", "unix", "valkey", "valkeys")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)


class BusSettings(_Part):
    """The ordered log and what is kept of it."""

    partitions: int = Field(default=1, ge=1, le=64)
    retention_frames: int = Field(default=200_000, ge=1_000)


class StreamSettings(_Part):
    """The engine's own pace."""

    late_s: Seconds = 2.0
    checkpoint_every_s: Seconds = 5.0
    publish_every_s: Seconds = 0.1
    shards: str = Field(default="0-63", description="the shards of a process that is started alone, a-b or a-b/64")
    processes: int = Field(default=1, ge=1, le=64, description="how many of them `up` starts, the shards split evenly")

    @field_validator("shards")
    @classmethod
    def _range(cls, value: str) -> str:
        try:
            return str(Shards.parse(value))
        except InvalidSettingError as error:
            raise ValueError(error.message) from None


class LiveSettings(_Part):
    """Frames for browsers."""

    frame_every_s: Seconds = 0.1


class DemoSettings(_Part):
    """The simulated market."""

    seed: int = Field(default=7, ge=0)
    dirty: bool = False


class FinnhubSettings(_Part):
    """The connector to Finnhub: a key of your own, and what to subscribe to."""

    api_key: str = Field(default="", description="from your account at the provider; never shown")
    symbols: tuple[str, ...] = Field(
        default=("AAPL", "MSFT", "BINANCE:BTCUSDT"), description="the provider's symbols; also --feed finnhub:A,B"
    )

    @field_validator("symbols", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class UndervaluedSettings(_Part):
    """When a company is an undervalued pick: all of these must hold (core/fundamentals/valuation)."""

    sector_pe: float = Field(default=1.0, gt=0, le=100, description="share of the sector's median P/E to stay under")
    max_pb: float = Field(default=3.0, gt=0, le=1_000)
    min_roe: float = Field(default=15.0, ge=-1_000, le=1_000, description="percentage points")
    max_debt_to_equity: float = Field(default=1.0, gt=0, le=1_000)


class NotifySettings(_Part):
    """Messages to people: where they may go, how old they get, where their link leads."""

    allow_private: tuple[str, ...] = Field(
        default=(), description="hosts, addresses or networks that webhooks may reach though they are not public"
    )
    max_age_s: Seconds = Field(default=600.0, description="a message that leaves later than this says LATE")
    attempts: int = Field(default=14, ge=1, le=100)
    lease_s: float = Field(
        default=10.0, ge=0.5, le=600, description="how long a claimed message is one sender's; longer than an attempt"
    )
    link_base: str | None = Field(default=None, description="what links begin with; else http://host:port")
    operator: tuple[str, ...] = Field(
        default=(), description="channels (slack, slack:ops …) that hear of what is not well here, beside the inbox"
    )
    contact: str = Field(
        default="", description="mailto: or https: address that push services may write to; Apple's asks for one"
    )
    smtp_host: str = Field(default="", description="the installation's own mail server; people then give only To")
    smtp_port: int = Field(default=0, ge=0, le=LAST_PORT, description="0: 587 for starttls, 465 for tls, 25 for none")
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str = ""
    smtp_password: str = Field(default="", description="or secret:NAME, looked up when a mail is sent; never shown")
    smtp_from: str = Field(default="", description="what mails are sent as; needed beside smtp_host")
    smtp_ca_file: str = Field(default="", description="PEM file of an authority to trust beside the system's")
    sms_segments: int = Field(default=3, ge=1, le=10, description="how many SMS one message may take")
    apprise_services: tuple[str, ...] = Field(
        default=(), description="services of Apprise that channels may name (ntfys, pover …); they bypass our guard"
    )
    slack_url: HttpUrl = "https://slack.com"
    telegram_url: HttpUrl = "https://api.telegram.org"
    twilio_url: HttpUrl = "https://api.twilio.com"
    sendgrid_url: HttpUrl = "https://api.sendgrid.com"

    @field_validator("allow_private", "apprise_services", "operator", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("contact")
    @classmethod
    def _reachable(cls, value: str) -> str:
        if value and not value.startswith(("mailto:", "https://")):
            raise ValueError("a contact begins with mailto: or https://")
        return value


class SecretsSettings(_Part):
    """Where `{"secret": NAME}` of a channel is looked up, in this order."""

    sources: tuple[str, ...] = Field(default=("file", "env"), description="of: file, env, vault; the first that has it")
    folder: str = Field(default="", description="files that only their owner can read; else DATA_DIR/secrets")
    vault_url: HttpUrlOrNone = Field(default=None, description="Vault or OpenBao: https://vault.example.com:8200")
    vault_token: str = Field(default="", description="never shown; a file or an AppRole is better")
    vault_token_file: str = Field(default="", description="read again whenever the token is refused")
    vault_role_id: str = Field(default="", description="log in as an AppRole")
    vault_secret_id: str = Field(default="", description="of the AppRole; never shown")
    vault_secret_id_file: str = ""
    vault_approle_mount: str = Field(default="approle", min_length=1)
    vault_mount: str = Field(default="secret", min_length=1, description="mount of a KV engine, version 2")
    vault_prefix: str = Field(default="marketbell", description="folder of our entries in it")
    vault_namespace: str = ""
    vault_ca_file: str = ""
    cache_s: float = Field(default=30.0, ge=0, le=3_600, description="how long a value from Vault is kept")

    @field_validator("sources", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("sources")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        strange = [one for one in value if one not in {"file", "env", "vault"}]
        if strange or len(set(value)) != len(value):
            raise ValueError("places of secrets are file, env and vault, each once")
        return value


class ServerSettings(_Part):
    """The embedded servers."""

    shared_buffers_mb: int = Field(default=32, ge=8, le=65_536)
    max_connections: int = Field(default=40, ge=10, le=1_000)
    bus_memory_mb: int = Field(default=384, ge=16)
    cache_memory_mb: int = Field(default=128, ge=16)


class RetentionSettings(_Part):
    """How long minutes are kept, and when told firings go to the archive; nothing else is ever forgotten."""

    bars_1m_days: Annotated[int, Field(ge=1)] | None = None
    chains_days: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="option chains by their moment; each day's last of an expiry stays for good"
    )
    archive_after_days: int = Field(default=365, ge=1, description="firings with their deliveries; they keep their ids")


class WatchSettings(_Part):
    """When something is not well, and the operator is told (notify.operator says where)."""

    every_s: Seconds = Field(default=5.0, description="how often the sender looks")
    feed_silence_s: Seconds = Field(default=60.0, description="without an event while the venue is open")
    stuck_s: Seconds = Field(default=30.0, description="an evaluator that stands while frames come")
    unsent_s: Seconds = Field(default=60.0, description="age of the oldest message that should have gone")
    process_silent_s: Seconds = Field(default=30.0, description="without a word of a process")
    disk_free_mb: int = Field(default=1_024, ge=1, description="least free space where data are kept")
    dead_letters: int = Field(default=0, ge=0, description="messages and runs given up in a day, more are told of")
    calm_s: Seconds = Field(default=30.0, description="well for so long, it is over")
    heartbeat_url: str = Field(
        default="", description="address that gets a sign of life and raises the alarm where none comes; never shown"
    )
    heartbeat_every_s: Seconds = 60.0

    @field_validator("heartbeat_url")
    @classmethod
    def _http(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("an address begins with https://")
        return value


class JobsSettings(_Part):
    """Scheduled work."""

    pulse_every_s: int = Field(
        default=5, ge=1, le=60, description="how often a small job proves that scheduled work is done"
    )


class LogSettings(_Part):
    """Log files of `up`: how large each grows and how many older ones are kept."""

    file_mb: int = Field(default=16, ge=1)
    files: int = Field(default=3, ge=1, le=100)


class Settings(_Part):
    """Everything that can be set. Times in seconds, sizes in MB; None where the built-in part is used."""

    data_dir: Path = Field(default_factory=default_data_dir)
    host: str = Field(default="127.0.0.1", min_length=1)
    allow_remote: bool = Field(default=False, description="lets `host` be another address than this machine's own")
    port: Port = 8700
    live_port: Port = 8701
    ingest_port: Port = 8702
    database_url: PostgresUrl = None
    redis_url: RedisUrl = None
    cache_url: RedisUrl = None
    mongodb_url: MongoUrl = Field(default=None, description="keeps option chains there; else the database does")
    feed: str = "demo"
    speed: Literal["max"] | Annotated[float, Field(gt=0, le=1_000_000)] = 1.0
    loop: bool = False
    gaps: Literal["drop", "keep"] = Field(
        default="drop", description="what a replay without receive times does with rows behind a gap of over 60 s"
    )
    calendar: str | None = None
    cors_origins: tuple[str, ...] = ()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    bus: BusSettings = BusSettings()
    stream: StreamSettings = StreamSettings()
    live: LiveSettings = LiveSettings()
    demo: DemoSettings = DemoSettings()
    finnhub: FinnhubSettings = FinnhubSettings()
    undervalued: UndervaluedSettings = UndervaluedSettings()
    notify: NotifySettings = NotifySettings()
    secrets: SecretsSettings = SecretsSettings()
    servers: ServerSettings = ServerSettings()
    retention: RetentionSettings = RetentionSettings()
    watch: WatchSettings = WatchSettings()
    jobs: JobsSettings = JobsSettings()
    logs: LogSettings = LogSettings()

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @field_validator("feed")
    @classmethod
    def _feed_is_named(cls, value: str) -> str:
        kind, _, rest = value.partition(":")
        if not kind or (kind == "replay" and not rest):
            raise ValueError("a feed is demo, replay:PATH or a connector's name")
        return value

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 — links stay as the person wrote them

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    def origins(self) -> dict[str, str]:
        """Where each value came from, by dotted name: flag, environment variable, file, or default."""
        return {name: self._origins.get(name, "default") for name, _ in self.items()}

    def items(self) -> Iterator[tuple[str, Any]]:
        """Every value by its dotted name."""
        yield from _flatten(self.model_dump())

    def shown(self) -> dict[str, Any]:
        """The values for eyes and logs: passwords inside URLs are covered."""
        return {name: _covered(name, value) for name, value in self.items()}

    def environment(self) -> dict[str, str]:
        """The variables that give a child process exactly these settings."""
        env = {}
        for name, value in self.items():
            if value is not None:
                text = ",".join(value) if isinstance(value, tuple) else str(value)
                env[ENV_PREFIX + name.upper().replace(".", "__")] = text
        return env

    def replaced(self, **values: object) -> Self:
        """The same with some top-level values fixed later (ports that were picked, servers that were started)."""
        data = self.model_dump() | values
        changed = type(self).model_validate(data)
        changed._origins.update(self._origins | dict.fromkeys(values, "up"))  # noqa: SLF001 — our own kind
        return changed

    def runs_elsewhere(self) -> bool:
        """True where the chosen host can be reached from other machines."""
        return self.host not in LOOPBACK


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _covered(name: str, value: object) -> object:
    if name in SECRET_WORDS:
        return "***" if value else ""
    if name in SECRET_URLS and isinstance(value, str):
        value = _SECRET_OPTIONS.sub(r"\1***", value)
    if name in SECRET_URLS and isinstance(value, str) and "@" in value:
        before, _, after = value.rpartition("@")
        scheme, _, user = before.partition("://")
        return f"{scheme}://{user.partition(':')[0]}:***@{after}"
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _known_names() -> list[str]:
    names = []
    for name, field in Settings.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names += [f"{name}.{part}" for part in inner.model_fields]
        else:
            names.append(name)
    return names


def _unknown(name: str, where: str) -> InvalidSettingError:
    close = difflib.get_close_matches(name, _known_names(), n=1)
    hint = f"; did you mean {close[0]}?" if close else "; `marketbell config show` lists them all"
    return InvalidSettingError(f"unknown setting {name} (from {where}){hint}", setting=name, origin=where)


def _from_environment(env: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    known = set(_known_names())
    layer: dict[str, tuple[Any, str]] = {}
    for variable, name in FOREIGN_NAMES.items():
        if env.get(variable):
            layer[name] = (env[variable], f"environment variable {variable}")
    for variable, text in env.items():
        if not variable.startswith(ENV_PREFIX) or variable in NOT_SETTINGS:
            continue
        name = variable.removeprefix(ENV_PREFIX).lower().replace("__", ".")
        if name not in known:
            raise _unknown(name, f"environment variable {variable}")
        layer[name] = (text, f"environment variable {variable}")
    return layer


def _from_file(path: Path, *, must_exist: bool) -> dict[str, tuple[Any, str]]:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if must_exist:
            raise InvalidSettingError(f"the settings file {path} does not exist") from None
        return {}
    except OSError as error:
        raise InvalidSettingError(f"the settings file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettingError(f"the settings file {path} is not TOML: {error}") from None
    known = set(_known_names())
    layer = {}
    for name, value in _flatten(tree):
        if name not in known:
            raise _unknown(name, f"file {path}")
        layer[name] = (value, f"file {path}")
    return layer


def _from_flags(flags: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    known = set(_known_names())
    layer = {}
    for key, value in flags.items():
        if value is None:
            continue
        name = key.replace("__", ".")
        if name not in known:
            raise _unknown(name, "flag")
        layer[name] = (value, f"flag --{name.rpartition('.')[2].replace('_', '-')}")
    return layer


def load(config: str | Path | None = None, env: Mapping[str, str] | None = None, **flags: Any) -> Settings:
    """Read all layers once. Flags that are None were not given; nested ones are written `stream__late_s`.

    Raises InvalidSettingError naming the setting, where the value came from and what is allowed.
    """
    env = os.environ if env is None else env
    given = _from_environment(env) | _from_flags(flags)
    named = config or env.get("MARKETBELL_CONFIG")
    if named:
        layer = _from_file(Path(named).expanduser(), must_exist=True)
    else:
        base = Path(given["data_dir"][0]) if "data_dir" in given else default_data_dir()
        layer = _from_file(base.expanduser() / CONFIG_NAME, must_exist=False)
    merged = layer | given
    _follow_port(merged)
    tree: dict[str, Any] = {}
    for name, (value, _) in merged.items():
        part, dot, leaf = name.rpartition(".")
        (tree.setdefault(part, {}) if dot else tree)[leaf] = value
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        raise _explained(error, merged) from None
    settings._origins.update({name: origin for name, (_, origin) in merged.items()})  # noqa: SLF001 — filled here only
    return settings


def _follow_port(merged: dict[str, tuple[Any, str]]) -> None:
    """Let the two inner ports stand beside a chosen web port, so that one option moves all three."""
    try:
        port = int(merged["port"][0])
    except (KeyError, TypeError, ValueError):
        return
    for step, name in enumerate(("live_port", "ingest_port"), start=1):
        if name not in merged:
            beside = port + step
            merged[name] = (beside if port and beside <= LAST_PORT else 0, f"next to port {port}")


def _explained(error: ValidationError, merged: Mapping[str, tuple[Any, str]]) -> InvalidSettingError:
    """One line for the first thing that is wrong."""
    known = set(_known_names())
    first = error.errors(include_url=False)[0]
    name = ""
    for part in first["loc"]:
        longer = f"{name}.{part}" if name else str(part)
        if name in known:
            break
        name = longer
    value, origin = merged.get(name, (first.get("input"), "default"))
    reason = str(first["msg"]).removeprefix("Value error, ")
    reason = reason[:1].lower() + reason[1:]
    if name == "speed":
        reason = "a speed is a number above 0, or max"
    shown = _covered(name, str(value))
    return InvalidSettingError(f"{name} = {shown} (from {origin}): {reason}", setting=name, origin=origin)
