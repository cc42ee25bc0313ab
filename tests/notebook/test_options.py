"""What tags, ``#|`` lines and metadata say about a cell, other tools' conventions included."""

from __future__ import annotations

from typing import Any

import pytest
from notebook_cells import code, markdown

from nbdash.model import CardOptions, Role, Visibility
from nbdash.notebook.options import CellSettings, options_of

ABSENT, COLLAPSED, SHOWN = Visibility.ABSENT, Visibility.COLLAPSED, Visibility.SHOWN


def settings(source: str, *tags: str, **metadata: Any) -> CellSettings:
    return options_of(code(source, metadata={"tags": list(tags), **metadata}))


@pytest.mark.parametrize(
    ("tags", "role"),
    [
        ([], Role.PLAIN),
        (["dash"], Role.CARD),
        (["body"], Role.CARD),
        (["dash-setup"], Role.SETUP),
        (["parameters"], Role.PARAMETERS),
        (["injected-parameters"], Role.INJECTED),
        (["dash-skip"], Role.SKIP),
        (["skip-execution"], Role.SKIP),
        (["dashboard"], Role.PLAIN),
        (["Dash"], Role.PLAIN),
        ([" dash"], Role.PLAIN),
        (["dash_setup"], Role.PLAIN),
        (["other", "dash"], Role.CARD),
    ],
)
def test_roles(tags: list[str], role: Role) -> None:
    assert settings("x", *tags).role is role
    assert settings("x", *tags).notices == ()


@pytest.mark.parametrize(
    ("tags", "role"),
    [
        (["dash", "dash-skip"], Role.SKIP),
        (["dash-setup", "dash"], Role.CARD),
        (["dash", "parameters"], Role.PARAMETERS),
    ],
)
def test_conflicting_tags_have_a_rule_and_a_notice(tags: list[str], role: Role) -> None:
    found = settings("x", *tags)
    assert found.role is role
    assert len(found.notices) == 1
    assert all(repr(tag) in found.notices[0] for tag in tags)


def test_two_tags_of_one_meaning_are_no_conflict() -> None:
    assert settings("x", "dash", "body").notices == ()


@pytest.mark.parametrize(
    ("tag", "role"),
    [("dash", Role.CARD), ("dash-skip", Role.SKIP), ("dash-setup", None), ("parameters", None)],
)
def test_tags_on_markdown(tag: str, role: Role | None) -> None:
    found = options_of(markdown("text", tag))
    assert found.role is (role or Role.PLAIN)
    assert bool(found.notices) == (role is None)


def test_a_raw_cell_has_no_role() -> None:
    found = options_of({**markdown("x", "dash"), "cell_type": "raw"})
    assert found.role is Role.PLAIN
    assert "means nothing on a raw cell" in found.notices[0]


@pytest.mark.parametrize(
    ("source", "role"),
    [
        ("#| dash\nx", Role.CARD),
        ("# | dash\nx", Role.CARD),
        ("#|dash\nx", Role.CARD),
        ("#| dash-setup\nx", Role.SETUP),
        ("#| dash-skip\nx", Role.SKIP),
        ("#| parameters\nx = 1", Role.PARAMETERS),
        ("\n\n#| dash\nx", Role.CARD),
        ("%%time\n#| dash\nx", Role.CARD),
        ("#| tags: [dash]\nx", Role.CARD),
        ("#| tags: dash, other\nx", Role.CARD),
        ("#| tags:\n#|   - dash-setup\nx", Role.SETUP),
        ("#| eval: false\n#| dash\nx", Role.SKIP),
        ("x\n#| dash", Role.PLAIN),
        ("# dash\nx", Role.PLAIN),
        ("#| hide\n#| export\nx", Role.PLAIN),
    ],
)
def test_roles_from_comments(source: str, role: Role) -> None:
    assert settings(source).role is role


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("#| title: Revenue\n#| width: 6", {"title": "Revenue", "width": 6}),
        ("#| caption: C\n#| alt: A\n#| label: fig-a", {"caption": "C", "alt": "A", "label": "fig-a"}),
        ("#| fig-cap: C\n#| fig-alt: A", {"caption": "C", "alt": "A"}),
        ("#| fig-cap:\n#|   - First\n#|   - Second", {"caption": "First"}),
        ('#| title: "Sales: 2024"', {"title": "Sales: 2024"}),
        ("#| title: 2024", {"title": "2024"}),
        ("#| title: no", {"title": "no"}),
        ("#| title: 1.10", {"title": "1.10"}),
        ("#| alt: >\n#|   two\n#|   lines", {"alt": "two lines"}),
        ("#| dash\n#| title: T", {"title": "T"}),
        ("#| title: a\u202eb", {"title": "ab"}),
    ],
)
def test_texts_from_comments(source: str, expected: dict[str, Any]) -> None:
    found = settings(source + "\nx")
    assert found.options == CardOptions(**expected)
    assert found.notices == ()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("#| title: Sales: 2024\n#| dash", {"title": "Sales: 2024"}),
        ("#| title: a: b\n#|   more", {"title": "a: b more"}),
        ("#| - a\n#| - b", {}),
        ("#| title:", {}),
        ("#| title: {a: b}", {}),
        ("#| width: 13", {}),
        ("#| width: 0", {}),
        ("#| width: wide", {}),
        ("#| width: ６", {}),
        ("#| width: 1e999", {}),
        ("#| title: [" + "[" * 5000, {"title": "[" * 199 + "…"}),
        ("#| title: " + "x" * 30_000, {}),
        ("#| a: &a [x]\n#| title: *b", {"title": "*b"}),
    ],
)
def test_bad_comments_have_a_notice(source: str, expected: dict[str, Any]) -> None:
    found = settings(source + "\nx")
    assert found.options == CardOptions(**expected)
    assert len(found.notices) == 1


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"alt": "A"}, {"alt": "A"}),
        (
            {"mystnb": {"image": {"alt": "A"}, "figure": {"caption": "C", "name": "n"}}},
            {"alt": "A", "caption": "C", "label": "n"},
        ),
        ({"mystnb": {"image": {"alt": "M"}}, "alt": "A"}, {"alt": "M"}),
        (
            {"nbdash": {"title": "T", "width": 4, "alt": "N"}, "alt": "A"},
            {"title": "T", "width": 4, "alt": "N"},
        ),
        ({"nbdash": {"source": "shown", "output": "collapsed"}}, {"source": SHOWN, "output": COLLAPSED}),
        ({"nbdash": {"figures": [{"title": "x"}]}}, {}),
        ({"mystnb": 5, "alt": None}, {}),
        ({"mystnb": {"image": "x"}}, {}),
    ],
)
def test_metadata(metadata: dict[str, Any], expected: dict[str, Any]) -> None:
    found = settings("x", **metadata)
    assert found.options == CardOptions(**expected)
    assert found.notices == ()


def test_a_comment_wins_over_metadata_and_this_over_other_tools() -> None:
    found = settings("#| title: C\nx", nbdash={"title": "N", "alt": "N"}, alt="A")
    assert (found.options.title, found.options.alt) == ("C", "N")


@pytest.mark.parametrize(
    "metadata",
    [
        {"nbdash": 5},
        {"nbdash": {"timeout": 1e9}},
        {"nbdash": {"width": True}},
        {"nbdash": {"title": [1, 2, [3]]}, "x": 1},
    ],
)
def test_bad_metadata_has_a_notice_and_no_effect(metadata: dict[str, Any]) -> None:
    found = settings("x", **metadata)
    if metadata.get("nbdash") != {"title": [1, 2, [3]]}:
        assert found.options == CardOptions()
        assert len(found.notices) == 1


@pytest.mark.parametrize("value", [["shown"], {"a": 1}, 5, None, "visible"])
def test_a_bad_visibility_has_no_effect(value: Any) -> None:
    assert settings("x", nbdash={"source": value, "output": value}).options == CardOptions()


@pytest.mark.parametrize(
    ("tags", "source", "output"),
    [
        ([], ABSENT, SHOWN),
        (["hide-input"], COLLAPSED, SHOWN),
        (["hide_input"], ABSENT, SHOWN),
        (["hide-output"], ABSENT, COLLAPSED),
        (["hide_output"], ABSENT, COLLAPSED),
        (["hide-cell"], ABSENT, COLLAPSED),
        (["remove-input"], ABSENT, SHOWN),
        (["remove-output"], ABSENT, ABSENT),
        (["remove_output"], ABSENT, ABSENT),
        (["remove-cell"], ABSENT, ABSENT),
        (["remove_cell"], ABSENT, ABSENT),
    ],
)
def test_visibility_tags(tags: list[str], source: Visibility, output: Visibility) -> None:
    options = settings("x", *tags).options
    assert (options.source, options.output) == (source, output)


@pytest.mark.parametrize(
    ("line", "source", "output"),
    [
        ("echo: true", SHOWN, SHOWN),
        ("echo: false", ABSENT, SHOWN),
        ("echo: fenced", SHOWN, SHOWN),
        ("code-fold: true", COLLAPSED, SHOWN),
        ("output: false", ABSENT, ABSENT),
        ("output: asis", ABSENT, SHOWN),
        ("include: false", ABSENT, ABSENT),
        ("include: true", ABSENT, SHOWN),
    ],
)
def test_visibility_in_comments(line: str, source: Visibility, output: Visibility) -> None:
    options = settings(f"#| {line}\nx").options
    assert (options.source, options.output) == (source, output)


@pytest.mark.parametrize(
    ("source", "tags", "expected"),
    [
        ("x", ["raises-exception"], True),
        ("#| error: true\nx", [], True),
        ("#| error: false\nx", [], False),
        ("x", [], False),
    ],
)
def test_may_raise(source: str, tags: list[str], expected: bool) -> None:
    assert settings(source, *tags).may_raise is expected


@pytest.mark.parametrize(("tag", "width"), [("size=6", 6), ("size=12", 12), ("sizes", None)])
def test_the_width_tag_of_jupyter_flex(tag: str, width: int | None) -> None:
    assert settings("x", tag).options.width == width


def test_comments_of_markdown_are_text() -> None:
    assert options_of(markdown("#| dash\ntext")).role is Role.PLAIN
