"""Who may do what equals the tables in docs/security.md, and no header widens it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from roles import COMMAND, HERE, PAGE, Cell, Role, World, section, with_section, written_section

CROSS_SITE = {
    "Sec-Fetch-Site: cross-site": {"Sec-Fetch-Site": "cross-site"},
    "Sec-Fetch-Site: same-site": {"Sec-Fetch-Site": "same-site"},
    "Origin of another site": {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
    "Origin of another site, as the browser says": {
        "Sec-Fetch-Site": "cross-site",
        "Origin": "http://dash.corp",
        "Referer": "http://dash.corp/d/sales",
    },
}
FOREIGN_HOST = {"Host": {"Host": "evil.example"}}
LOCAL = "127.0.0.1"
OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
SPOOFED = {
    "X-Forwarded-*": {
        "X-Forwarded-For": LOCAL,
        "X-Forwarded-Host": "localhost",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/d/sales",
        "X-Real-IP": LOCAL,
        "Forwarded": f"for={LOCAL};host=localhost;proto=https",
        "Via": "1.1 localhost",
    },
    "X-Original-URL": {"X-Original-URL": "/-/health", "X-Rewrite-URL": "/-/health"},
    "X-HTTP-Method-Override: POST": dict.fromkeys(OVERRIDES, "POST"),
    "X-HTTP-Method-Override: GET": dict.fromkeys(OVERRIDES, "GET"),
}
ASKED = ("GET", "POST", "DELETE")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    yield made
    made.close()


def everybody(world: World) -> dict[str, Role]:
    """Those of the tables, and those with a cookie instead of a token."""
    return world.roles | {f"browser of {name}": role for name, role in world.browsers.items()}


@pytest.fixture(scope="module")
def plain(world: World) -> dict[tuple[str, str, str], Cell]:
    """What everybody is answered without further headers."""
    return {
        (name, method, rule): world.ask(role, method, rule)
        for name, role in everybody(world).items()
        for method in ASKED
        for rule in world.rules
    }


def test_the_tables_in_the_documentation_are_what_is_answered(world: World) -> None:
    found, written = section(world).strip(), written_section(PAGE.read_text(encoding="utf-8"))
    different = sorted(set(found.splitlines()) ^ set(written.splitlines()))
    assert found == written, "\n".join([f"{PAGE.name} is not what is answered. If it should be: {COMMAND}", *different])


@pytest.mark.parametrize("name", [*CROSS_SITE, *FOREIGN_HOST, *SPOOFED])
def test_no_header_widens_a_right(world: World, plain: dict[tuple[str, str, str], Cell], name: str) -> None:
    headers = (CROSS_SITE | FOREIGN_HOST | SPOOFED)[name]
    roles = everybody(world)
    for (role, method, rule), before in plain.items():
        if method == "DELETE" and "Override" not in name:
            continue
        after = world.ask(roles[role], method, rule, headers)
        told = f"{role}: {method} {rule} with {name}: {before} became {after}"
        assert not after.is_wider_than(before), told
        if name in FOREIGN_HOST:
            assert after.status == (405 if method == "DELETE" else 400), told
        if name in CROSS_SITE and method == "POST" and before.is_allowed:
            is_upload = rule == "/api/v1/dashboards"  # takes the token itself, which no other site can send
            assert after.status == (202 if is_upload else 403), told
        if name in SPOOFED and roles[role].environ is not HERE:
            assert after == before, told


def test_a_browser_may_what_its_token_may_but_publish(world: World) -> None:
    tokens_alone = {("/api/v1/dashboards", "POST"), ("/api/v1/whoami", "GET")}
    for name, browser in world.browsers.items():
        for rule in world.rules:
            for method in ("GET", "POST"):
                by_token, by_cookie = world.ask(world.roles[name], method, rule), world.ask(browser, method, rule)
                expected = Cell(401) if (rule, method) in tokens_alone else by_token
                assert by_cookie == expected, (name, method, rule)


def test_what_is_not_allowed_looks_like_what_is_not_there(world: World) -> None:
    for name in ("elsewhere", "other author"):
        role = world.roles[name]
        for rule in (rule for rule in world.rules if "<slug:slug>" in rule):
            there, nowhere = (
                world.server.client.get(world.address(rule, slug), headers=role.headers, environ_overrides=role.environ)
                for slug in ("sales", "unknown")
            )
            assert (there.status_code, there.data) == (nowhere.status_code, nowhere.data), (name, rule)
            assert there.headers == nowhere.headers, (name, rule)


def test_only_this_section_of_the_page_is_written() -> None:
    page = "# Security\n\n## Before\n\ntext\n\n## Who may do what\n\nold\n\n## After\n\nmore\n"
    assert with_section(page, "## Who may do what\n\nnew\n") == page.replace("old", "new")
    page = "# Security\n\n## Before\n"
    assert with_section(page, "## Who may do what\n") == f"{page}\n## Who may do what\n"
