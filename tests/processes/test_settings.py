"""Settings: which layer wins, what is refused, and where everything came from."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbell.core.primitives.errors import InvalidSettingError
from marketbell.settings import Settings, default_data_dir, load


def values(settings: Settings) -> dict[str, object]:
    return dict(settings.items())


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "marketbell.toml").write_text("port = 1001\nspeed = 3\n[stream]\nlate_s = 5.0\n")
    env = {"MARKETBELL_DATA_DIR": str(tmp_path), "MARKETBELL_PORT": "1002", "MARKETBELL_SPEED": "4"}
    settings = load(env=env, port=1003)
    assert (settings.port, settings.speed, settings.stream.late_s) == (1003, 4.0, 5.0)
    origins = settings.origins()
    assert origins["port"] == "flag --port"
    assert origins["speed"] == "environment variable MARKETBELL_SPEED"
    assert origins["stream.late_s"] == f"file {tmp_path / 'marketbell.toml'}"
    assert origins["host"] == "default"
    assert origins.keys() == values(settings).keys()


@pytest.mark.parametrize(
    ("env", "flags", "words"),
    [
        ({}, {"port": "http"}, ("port = http", "flag --port", "integer")),
        ({"MARKETBELL_PORT": "70000"}, {}, ("port = 70000", "MARKETBELL_PORT", "65535")),
        ({"MARKETBELL_STREAM__LATE_S": "-1"}, {}, ("stream.late_s = -1", "greater than 0")),
        ({"MARKETBELL_SPEDE": "3"}, {}, ("unknown setting spede", "did you mean speed?")),
        ({}, {"speed": "quick"}, ("speed = quick", "a number above 0, or max")),
        ({}, {"speed": "0"}, ("speed = 0", "a number above 0, or max")),
        ({"DATABASE_URL": "mysql://h/d"}, {}, ("DATABASE_URL", "postgresql://")),
        ({"MONGODB_URL": "http://me:secret@h/d"}, {}, ("http://me:***@h/d", "MONGODB_URL", "mongodb+srv://")),
        ({}, {"feed": "replay:"}, ("feed = replay:", "replay:PATH")),
        ({"MARKETBELL_LOG_LEVEL": "loud"}, {}, ("log_level = loud", "'debug', 'info'")),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it_its_place_and_what_is_allowed(
    tmp_path: Path, env: dict[str, str], flags: dict[str, str], words: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidSettingError) as caught:
        load(env={"MARKETBELL_DATA_DIR": str(tmp_path), **env}, **flags)
    assert "\n" not in caught.value.message
    for word in words:
        assert word in caught.value.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prot = 1", "unknown setting prot (from file"),
        ("port = ", "is not TOML"),
        ("[stream]\nlate = 1", "did you mean stream.late_s?"),
        ("stream = 3", "unknown setting stream"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "other.toml"
    path.write_text(text)
    with pytest.raises(InvalidSettingError, match=r"other\.toml") as caught:
        load(path, env={})
    assert words in caught.value.message


def test_a_named_file_has_to_exist(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingError, match="does not exist"):
        load(tmp_path / "none.toml", env={})


def test_the_inner_ports_stand_beside_the_web_port() -> None:
    assert [load(env={}).live_port, load(env={}).ingest_port] == [8701, 8702]
    moved = load(env={}, port="9000")
    assert (moved.live_port, moved.ingest_port) == (9001, 9002)
    free = load(env={}, port=0)
    assert (free.live_port, free.ingest_port) == (0, 0)
    kept = load(env={"MARKETBELL_LIVE_PORT": "5000"}, port=9000)
    assert (kept.live_port, kept.ingest_port) == (5000, 9002)


def test_known_urls_are_taken_under_their_usual_names_and_shown_without_passwords() -> None:
    settings = load(env={"DATABASE_URL": "postgresql://me:pa@ss@h:1/d", "REDIS_URL": "redis://:secret@h:2/0"})
    assert settings.database_url == "postgresql://me:pa@ss@h:1/d"
    shown = settings.shown()
    assert shown["database_url"] == "postgresql://me:***@h:1/d"
    assert shown["redis_url"] == "redis://:***@h:2/0"
    several = "mongodb://me:secret@a:27017,b:27018/chains?authSource=admin&tlsCertificateKeyFilePassword=hush&w=1"
    assert load(env={"MONGODB_URL": several}).mongodb_url == several
    assert load(env={"MONGODB_URL": several}).shown()["mongodb_url"] == (
        "mongodb://me:***@a:27017,b:27018/chains?authSource=admin&tlsCertificateKeyFilePassword=***&w=1"
    )
    ours = load(env={"REDIS_URL": "redis://h:1", "MARKETBELL_REDIS_URL": "redis://h:2"})
    assert ours.redis_url == "redis://h:2"


def test_channels_and_secrets_are_set_shown_with_their_origin_and_covered() -> None:
    env = {
        "VAULT_ADDR": "https://vault.example.com:8200",
        "VAULT_TOKEN": "very-secret-token",
        "MARKETBELL_NOTIFY__SMTP_PASSWORD": "very-secret-password",
        "MARKETBELL_NOTIFY__APPRISE_SERVICES": "ntfys, pover",
        "MARKETBELL_SECRETS__SOURCES": "vault,file",
    }
    settings = load(env=env)
    assert settings.notify.apprise_services == ("ntfys", "pover")
    assert settings.secrets.sources == ("vault", "file")
    assert "very-secret" not in str(settings.shown())
    assert settings.origins()["secrets.vault_url"] == "environment variable VAULT_ADDR"
    assert load(env=settings.environment()).secrets == settings.secrets
    for name, value in (
        ("SECRETS__SOURCES", "file,cloud"),
        ("NOTIFY__CONTACT", "me"),
        ("NOTIFY__TWILIO_URL", "ftp://x"),
    ):
        with pytest.raises(InvalidSettingError, match=name.lower().replace("__", ".")):
            load(env={f"MARKETBELL_{name}": value})


def test_the_data_folder_follows_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert default_data_dir() == tmp_path / "marketbell"


@given(
    port=st.integers(0, 65_535),
    speed=st.one_of(st.just("max"), st.floats(0.001, 1e6)),
    dirty=st.booleans(),
    loop=st.booleans(),
    late=st.floats(0.001, 80_000),
    feed=st.sampled_from(["demo", "replay:/a b/c", "replay:=x"]),
    origins=st.lists(st.sampled_from(["https://a.example", "http://b:1"]), unique=True),
)
def test_a_child_reads_from_its_environment_what_up_decided(
    *, port: int, speed: float | str, dirty: bool, loop: bool, late: float, feed: str, origins: list[str]
) -> None:
    chosen = load(
        env={"MARKETBELL_DATA_DIR": "/nowhere"}, port=port, speed=speed, loop=loop, demo__dirty=dirty,
        stream__late_s=late, feed=feed, cors_origins=tuple(origins),
    )  # fmt: skip
    assert values(load(env=chosen.environment())) == values(chosen)


def test_every_process_logs_json_lines(capfd: pytest.CaptureFixture[str]) -> None:
    import json
    import subprocess
    import sys

    program = (
        "import logging, warnings, marketbell.observability as o; from marketbell.settings import load;"
        "log = o.setup('probe', load(env={})); log.info('thing.done', n=1, path=__import__('pathlib').Path('/x'));"
        "logging.getLogger('lib').warning('from %s', 'elsewhere'); warnings.warn('careful');"
        "log.debug('not.shown')\n"
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    log.exception('thing.failed')"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines][:2] == ["thing.done", "from elsewhere"]
    assert {line["process"] for line in lines} == {"probe"}
    assert lines[0]["n"] == 1
    assert lines[0]["ts"].endswith("Z")
    assert "careful" in lines[2]["event"]
    assert "ZeroDivisionError" in lines[-1]["exception"]
    assert all(line["event"] != "not.shown" for line in lines)
