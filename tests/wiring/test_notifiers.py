"""What the settings make of the channels: cards, paces, and notifiers that are built at their first message."""

import subprocess
import sys
from pathlib import Path

import pytest

from marketbell.adapters.clock.manual import ManualClock
from marketbell.core.language.vocabulary import CHANNELS
from marketbell.core.primitives.errors import DeliveryError, InvalidSettingError
from marketbell.ports.notifiers import Message
from marketbell.settings import Settings, load
from marketbell.wiring.notifiers import build_notifiers, cards, paces
from marketbell.wiring.secrets import build_secrets

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Apprise imports what Python 3.13 drops

MESSAGE = Message("d" * 32, "t", "b", "", {})


def settings(folder: Path, **values: object) -> Settings:
    return load(env={}, data_dir=str(folder), **values)


def test_every_card_has_a_notifier_and_a_word_in_the_language(tmp_path: Path) -> None:
    said = settings(tmp_path, notify__apprise_services="json", notify__smtp_host="m", notify__smtp_from="b@e.com")
    notifiers, close = build_notifiers(said, ManualClock(0))
    assert notifiers.keys() == cards(said).keys() == paces(said).keys()
    assert notifiers.keys() <= set(CHANNELS)
    for kind, card in cards(said).items():
        assert (card.kind, notifiers[kind].kind, notifiers[kind].honours_key) == (kind, kind, card.honours_key)
        if kind != "in_app":
            with pytest.raises(DeliveryError) as caught:
                notifiers[kind].send({}, MESSAGE)
            assert caught.value.permanent, kind
    close()


def test_fields_and_ways_of_every_card_agree(tmp_path: Path) -> None:
    for card in cards(settings(tmp_path, notify__apprise_services="json")).values():
        names = [one.name for one in card.fields]
        assert len(names) == len(set(names))
        assert {name for way in card.ways for name in (*way.needs, *way.may)} <= set(names)
        assert not [one.name for one in card.fields if one.required and any(one.name in way.needs for way in card.ways)]


def test_the_start_loads_no_channels_library() -> None:
    code = (
        "import sys; from marketbell.settings import load; from marketbell.adapters.clock.manual import ManualClock\n"
        "from marketbell.wiring.notifiers import build_notifiers\n"
        "build_notifiers(load(env={}), ManualClock(0))\n"
        "print([m for m in ('apprise', 'cryptography', 'smtplib', 'email.policy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"notify__smtp_host": "mail"}, "notify.smtp_from"),
        ({"notify__smtp_ca_file": "/nowhere.pem"}, "notify.smtp_ca_file"),
        ({"secrets__sources": "file,vault"}, "secrets.vault_url"),
        ({"secrets__sources": "vault", "secrets__vault_url": "https://v"}, "secrets.vault_token_file"),
    ],
)
def test_contradictions_are_said_at_the_start(tmp_path: Path, values: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidSettingError, match=said):
        build_notifiers(settings(tmp_path, **values), ManualClock(0))


def test_secrets_lie_in_the_data_directory_unless_told_otherwise(tmp_path: Path) -> None:
    for folder, values in (
        (tmp_path / "secrets", {}),
        (tmp_path / "other", {"secrets__folder": str(tmp_path / "other")}),
    ):
        folder.mkdir()
        (folder / "smtp").write_text(folder.name)
        (folder / "smtp").chmod(0o600)
        assert build_secrets(settings(tmp_path, **values), ManualClock(0)).get("smtp") == folder.name


def test_a_mails_password_may_be_a_secrets_name(tmp_path: Path) -> None:
    said = settings(
        tmp_path, notify__smtp_host="mail", notify__smtp_from="b@e.com", notify__smtp_password="secret:smtp/main"
    )
    notifiers, close = build_notifiers(said, ManualClock(0))
    with pytest.raises(DeliveryError, match="no secret smtp/main"):
        notifiers["email"].send({"to": "a@e.com"}, MESSAGE)
    close()
