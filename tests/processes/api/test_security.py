"""The door: who comes in, what leaves, what is refused."""

import re
from typing import Any

import pytest

from marketbell.flows.accounts.decisions import NOBODY, Action, Actor, Resource, decide
from marketbell.flows.accounts.limits import RateLimit
from marketbell.flows.accounts.tokens import LIVE_TOKEN_S, NS, LiveTokens

BEARER = {"Authorization": "Bearer owner-token-of-the-test"}
OPEN = {"/healthz", "/readyz", "/metrics", "/login", "/m/x"}


def every_route(api: Any) -> list[tuple[str, str]]:
    return [
        (method, re.sub(r"<[^>]+>", "x", rule.rule))
        for rule in api.client.application.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def test_nobody_gets_nothing_but_health(api: Any) -> None:
    routes = every_route(api)
    assert len(routes) > 40
    for method, path in routes:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic b3duZXI6"}):
            status = api.client.open(path, method=method, headers=headers).status_code
            assert (status == 401) != (path in OPEN - {"/login"}), (method, path, status)


def test_every_view_says_what_it_asks_for(api: Any) -> None:
    app = api.client.application
    for rule in app.url_map.iter_rules():
        assert hasattr(app.view_functions[rule.endpoint], "asks_for"), rule


def log_in(api: Any, **headers: str) -> Any:
    api.cache.set("login:the-code", b"1", 60)
    return api.client.get("/login?code=the-code", headers=headers)


def test_the_link_works_once_and_the_cookie_after_it(api: Any) -> None:
    answer = log_in(api)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert api.client.get("/api/session").get_json()["owner"] == "owner"
    assert api.client.get("/login?code=the-code", headers={"Accept": "application/json"}).status_code == 401
    assert "status --link" in api.client.get("/login?code=the-code", headers={"Accept": "text/html"}).text
    assert api.client.post("/api/session/logout", headers={"Origin": "http://localhost"}).status_code == 200
    assert api.client.get("/api/session").status_code == 401


def test_a_link_in_another_sites_page_goes_on_by_itself(api: Any) -> None:
    answer = log_in(api, **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text


def test_the_cookie_is_secure_behind_tls(api: Any) -> None:
    answer = log_in(api, **{"X-Forwarded-Proto": "https"})
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Set-Cookie"].startswith("__Host-")
    assert "Strict-Transport-Security" in answer.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://localhost"}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({}, 403),
    ],
)
def test_a_cookie_alone_changes_nothing(api: Any, headers: dict[str, str], status: int) -> None:
    log_in(api)
    answer = api.client.post("/api/watchlists", json={"name": "x"}, headers=headers)
    assert answer.status_code == status


def test_sign_ins_are_limited(api: Any) -> None:
    statuses = [api.client.get(f"/login?code={n}").status_code for n in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    api.clock.move(60)
    assert api.client.get("/login?code=1").status_code == 401


def test_every_answer_has_the_headers(api: Any) -> None:
    for path in ("/api/stocks", "/healthz", "/api/nothing", "/api/docs"):
        headers = api.client.get(path, headers=BEARER).headers
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "connect-src 'self' http://localhost:8701 ws://localhost:8701" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Request-Id"]
        assert "Access-Control-Allow-Origin" not in headers
    hostile = api.client.get("/healthz", headers={"Host": "x; script-src *"})
    assert "script-src *" not in hostile.headers.get("Content-Security-Policy", "")


def test_errors_have_one_shape(api: Any) -> None:
    cases = [
        ("GET", "/api/nothing", None, 404),
        ("DELETE", "/api/stocks", None, 405),
        ("POST", "/api/rules", "{", 400),
        ("POST", "/api/watchlists", "[]", 400),
        ("POST", "/api/watchlists", '{"name": 5}', 400),
        ("POST", "/api/watchlists", '{"name": "x", "instruments": ["' + "y" * 2_000_000 + '"]}', 413),
    ]
    for method, path, data, status in cases:
        answer = api.client.open(path, method=method, data=data, headers=BEARER, content_type="application/json")
        assert answer.status_code == status, (path, answer.text[:200])
        assert answer.get_json().keys() == {"code", "message", "fields", "request_id"}
    named = api.client.get("/api/nothing", headers=BEARER | {"X-Request-Id": "my-request-1"})
    assert named.get_json()["request_id"] == "my-request-1"


def test_an_unchanged_answer_is_304(api: Any) -> None:
    first = api.client.get("/api/stocks", headers=BEARER)
    again = api.client.get("/api/stocks", headers=BEARER | {"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""


def test_health_needs_every_process(api: Any) -> None:
    answer = api.client.get("/healthz")
    assert answer.status_code == 503
    assert "stream" in answer.get_json()["not_ready"]
    for name in ("ingest", "stream", "api", "live", "sender", "worker", "beat"):
        api.cache.set(f"proc:{name}", b'{"state":"ready"}', 5)
    assert api.client.get("/healthz").get_json()["status"] == "ok"
    api.cache.set("proc:stream", b'{"state":"degraded"}', 5)
    assert api.client.get("/healthz").get_json()["not_ready"] == ["stream"]
    assert api.client.get("/readyz").get_json()["status"] == "ok"


def test_metrics_are_for_this_machine(api: Any) -> None:
    assert b"marketbell_http_requests_total" in api.client.get("/metrics").data
    assert api.client.get("/metrics", headers={"X-Forwarded-For": "1.2.3.4"}).status_code == 403
    assert api.client.get("/metrics", environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 403


def test_the_docs_page_needs_no_script_and_nothing_from_elsewhere(api: Any) -> None:
    page = api.client.get("/api/docs", headers=BEARER).text
    assert "<script" not in page
    assert "/api/stocks/filter" in page
    assert not re.findall(r'(?:src|href)="https?://', page)


def test_without_a_built_app_the_page_says_what_to_do(api: Any) -> None:
    with api.client.get("/symbol/NSE:AAA", headers=BEARER) as answer:
        assert answer.status_code in {200, 503}
        assert answer.headers["Cache-Control"] in {"no-cache", "no-store"}
    assert api.client.get("/").status_code == 401
    assert "one-time link" in api.client.get("/").text


def test_decisions() -> None:
    owner = Actor("owner", "token")
    assert decide(NOBODY, Action.READ, Resource("health")).allowed
    assert not decide(NOBODY, Action.READ, Resource("stocks")).allowed
    assert decide(owner, Action.WRITE, Resource("watchlist", "w", "owner")).allowed
    assert not decide(owner, Action.READ, Resource("watchlist", "w", "somebody else")).allowed
    assert not decide(owner, Action.JOIN, Resource("cellar")).allowed


def test_live_tokens_are_signed_and_expire() -> None:
    tokens = LiveTokens(b"key")
    token, expires_at = tokens.issue("owner", 5)
    assert expires_at == 5 + LIVE_TOKEN_S * NS
    assert tokens.read(token, 6) == Actor("owner", "live_token")
    assert tokens.read(token, expires_at) == NOBODY
    assert tokens.read(token[:-1] + ("A" if token[-1] != "A" else "B"), 6) == NOBODY
    assert LiveTokens(b"other").read(token, 6) == NOBODY
    for bad in ("", ".", "ü.ü", "a.b.c"):
        assert tokens.read(bad, 6) == NOBODY


def test_rates() -> None:
    limit = RateLimit(burst=2, per_s=1, keys=2)
    assert [limit.allow("a", 0.0) for _ in range(3)] == [True, True, False]
    assert limit.wait_s("a") == 1.0
    assert limit.allow("b", 0.0)
    assert limit.allow("a", 1.0)
