"""What `doctor` and `status` say of the store that keeps option chains: where it is, and whether it answers."""

from marketbell.processes.cli.doctor import _chains as finding
from marketbell.processes.cli.status import _chains as shown
from marketbell.settings import load


def test_the_database_keeps_chains_where_nothing_else_is_said() -> None:
    settings = load(env={"DATABASE_URL": "postgresql://me:hush@h/d"})
    assert finding(settings).state == "ok"
    assert shown(settings) == {"store": "postgresql", "where": "postgresql://me:***@h/d", "trouble": None}


def test_a_mongodb_that_answers_is_named_with_its_version(mongo_url: str) -> None:
    settings = load(env={"MONGODB_URL": mongo_url})
    found = finding(settings)
    assert found.state == "ok"
    assert found.found.startswith("are kept in MongoDB 6.")
    assert shown(settings) == {"store": "mongodb", "where": mongo_url, "trouble": None}


def test_a_mongodb_that_does_not_answer_is_bad_and_its_password_is_not_shown() -> None:
    settings = load(env={"MONGODB_URL": "mongodb://me:hush@127.0.0.1:1/chains"})
    found = finding(settings)
    assert (found.state, found.found.partition(":")[0]) == ("bad", "MongoDB did not answer")
    assert "MONGODB_URL" in found.mend
    told = shown(settings)
    assert told["where"] == "mongodb://me:***@127.0.0.1:1/chains"
    assert "hush" not in f"{found}{told}"


def test_a_url_that_cannot_be_read_is_bad_without_its_words() -> None:
    found = finding(load(env={"MONGODB_URL": "mongodb://me:hu@sh@h/chains"}))
    assert found.state == "bad"
    assert "%40" in found.found
    assert "sh@h" not in found.found
