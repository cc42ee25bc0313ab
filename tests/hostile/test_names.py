"""Table d3: names, titles and metadata. Every field is printed as it is, nowhere as code, markup or a path."""

from __future__ import annotations

import json
import os
import re
import threading
import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from nbdash.cli import main
from nbdash.errors import ConflictError, NotFoundError, OptionError
from nbdash.model import RunState
from nbdash.publisher.publication import SLUG, PublishOptions, checked_slug
from tests.hostile.scene import Scene
from tests.hostile.test_files import book, cell

MARKUP = "\"><img src=x onerror=alert(1)></title></script><script>alert(1)</script>javascript:alert(1)'"
TEMPLATES = "{{7*7}} {% include '/etc/passwd' %} ${7*7} <%= 7*7 %> #{7*7} %s%n {0.__class__} $(id) `id`"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("names"), "")
    yield made
    made.close()


def publish(scene: Scene, name: str, text: str | None = None, slug: str | None = None) -> str:
    """Publish a notebook under a file name; the slug it got."""
    path = scene.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text or book(), encoding="utf-8")
    publication = scene.publisher.publish(path, PublishOptions(slug=slug))
    scene.perform()
    assert publication.run is None or scene.store.run(publication.run.id).state is RunState.SUCCEEDED
    return publication.dashboard.slug


FILE_NAMES = {
    "row-63-climbs": "..%2f..%2fetc%2fpasswd",
    "row-63-backslashes": "..\\..\\windows",
    "row-63-dots": "....",
    "row-64-control-characters": "a\r\nb\x1b[31m",
    "row-65-long": "n" * 240,
    "row-65-hyphen": "-",
    "row-65-option": "--help",
    "row-65-device": "CON",
    "row-65-device-with-suffix": "NUL.txt",
    "row-65-trailing-space": "con .",
    "row-66-scripts": "Umsatz Ärger 東京 🎉 \u200fעברית",
    "row-66-reversed": "\u202ecod",
    "row-66-zero-width": "a\u200bb",
    "row-66-homoglyph": "аdmin",
    "row-67-templates": TEMPLATES.replace("/", "∕"),
    "row-68-markup": MARKUP.replace("/", "∕")[:120],
}


@pytest.mark.parametrize("name", FILE_NAMES)
def test_a_file_of_any_name_gets_a_plain_slug(scene: Scene, name: str) -> None:
    slug = publish(scene, f"{name}/{FILE_NAMES[name]}.ipynb")
    assert SLUG.fullmatch(slug) and "--" not in slug
    assert "kept" in scene.page(slug)
    check_inert(scene.page(slug), slug)


SLUGS = {
    "row-63-climbs": "../../etc/passwd",
    "row-63-absolute": "/etc/passwd",
    "row-63-host": "//host/share",
    "row-63-url": "file:///etc/passwd",
    "row-64-nul": "a\0b",
    "row-64-line-break": "a\r\nb",
    "row-65-empty": "",
    "row-65-dot": ".",
    "row-65-hyphen": "-",
    "row-65-upper-case": "CON",
    "row-65-trailing-space": "a ",
    "row-65-long": "a" * 65,
    "row-66-homoglyph": "аdmin",
    "row-67-template": "{{7*7}}",
    "row-68-markup": "<script>",
}


@pytest.mark.parametrize("name", SLUGS)
def test_what_is_no_slug_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(OptionError) as caught:
        checked_slug(SLUGS[name])
    message = str(caught.value)
    assert "is no name for a dashboard: use 1 to 64 of a-z" in message and "\n" not in message and "\0" not in message


def test_row_66_twins_of_two_normal_forms_are_two_dashboards_with_one_title(scene: Scene) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Ärger") for form in ("NFC", "NFD"))
    slugs = [publish(scene, f"twins-{n}/{name}.ipynb") for n, name in enumerate((composed, decomposed))]
    assert slugs == ["arger", "arger-2"]
    titles = {each.title for each in scene.store.list_dashboards(limit=100) if each.slug in slugs}
    assert titles == {composed}


TITLES = {
    "row-66-scripts": ("Umsatz Ärger 東京 🎉 עברית", "Umsatz Ärger 東京 🎉 עברית"),
    "row-66-reversed": ("\u202ecod.ipynb", "cod.ipynb"),
    "row-67-templates": (TEMPLATES, TEMPLATES),
    "row-68-markup": (MARKUP, MARKUP),
    "row-69-long": ("x" * 1_000_000, "x" * 199 + "…"),
    "row-69-many-lines": ("line\n" * 10_000, "line line"),
    "row-69-only-spaces": ("  \n ", "row-69-only-spaces"),
    "row-69-only-emoji": ("🎉🎉", "🎉🎉"),
}


@pytest.mark.parametrize("name", TITLES)
def test_a_title_is_printed_as_it_is_everywhere(
    scene: Scene, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    title, shown = TITLES[name]
    slug = publish(scene, f"{name}.ipynb", book(metadata={"title": title}))
    record = json.loads(scene.get(f"/api/v1/dashboards/{slug}"))
    assert record["title"].startswith(shown) and len(record["title"]) <= 200
    for path in (f"/d/{slug}", "/", f"/d/{slug}/runs"):
        page = scene.get(path).decode()
        check_inert(page, path)
        assert shown in text_of(page)
    assert shown in text_of(scene.log(slug))
    monkeypatch.setenv("NBDASH_DATA", str(scene.settings.data))
    with pytest.raises(SystemExit):
        main(["list", "--json"])
    said = capsys.readouterr().out
    assert next(each for each in json.loads(said) if each["slug"] == slug)["title"] == record["title"]


def test_row_68_markup_is_inert_in_every_field(scene: Scene) -> None:
    options = "\n".join(f"#| {name}: {json.dumps(MARKUP)}" for name in ("title", "caption", "alt", "label"))
    plot = f"{options}\nimport matplotlib.pyplot as plt\nplt.title({MARKUP!r}); plt.plot([1]); plt.show()"
    parameter = cell(f"a = {MARKUP!r}  # {MARKUP}", metadata={"tags": ["parameters"]})
    tagged = cell(plot, metadata={"tags": ["dash", MARKUP.replace(",", "")], "nbdash": {"title": MARKUP}})
    heading = {"cell_type": "markdown", "source": f"# {MARKUP}", "metadata": {"tags": ["dash"]}}
    metadata = {
        "title": MARKUP,
        "authors": [{"name": MARKUP}],
        "kernelspec": {"name": "python3", "display_name": MARKUP, "language": "python"},
        "language_info": {"name": "python", "version": MARKUP},
    }
    slug = publish(scene, "markup.ipynb", book(heading, parameter, tagged, metadata=metadata))
    for path in (f"/d/{slug}", "/", f"/d/{slug}/runs"):
        check_inert(scene.get(path).decode(), path)
    check_inert(scene.log(slug), "log")
    failing = book(cell(f"#| title: {json.dumps(MARKUP)}\nraise type('E<script>', (Exception,), {{}})({MARKUP!r})"))
    path = scene.folder / "markup.ipynb"
    path.write_text(failing)
    scene.publisher.publish(path)
    scene.perform()
    for page in (scene.page(slug), scene.log(slug), scene.get("/").decode()):
        check_inert(page, "after a failure")


def test_row_70_case_twins_are_two_dashboards(scene: Scene) -> None:
    if os.path.normcase("A") == "a":
        pytest.skip("one file here")
    assert publish(scene, "a/Twin.ipynb") == "twin"
    assert publish(scene, "a/twin.ipynb") == "twin-2"
    assert publish(scene, "a/Twin.ipynb") == "twin"


def test_row_70_a_name_is_not_taken_over(scene: Scene) -> None:
    publish(scene, "first.ipynb", slug="taken")
    with pytest.raises(ConflictError, match="'taken' belongs to the dashboard of"):
        publish(scene, "second.ipynb", slug="taken")
    assert "kept" in scene.page("taken")


def test_row_70_a_dashboard_removed_while_it_runs_is_gone_and_its_run_ends(scene: Scene) -> None:
    path = scene.folder / "gone.ipynb"
    path.write_text(book(cell("open('started', 'w').close()\nimport time; time.sleep(600)")))
    scene.publisher.publish(path)
    worker = threading.Thread(target=scene.perform)
    worker.start()
    wait_for(scene.folder / "started")
    scene.publisher.remove("gone")
    beat(scene)
    worker.join(30)
    assert not worker.is_alive()
    with pytest.raises(NotFoundError):
        scene.store.dashboard("gone")
    assert scene.app.test_client().get("/d/gone").status_code == 404
    assert scene.store.integrity() == []


def test_row_70_a_version_published_while_another_runs_is_the_one_seen(scene: Scene) -> None:
    path = scene.folder / "twice.ipynb"
    path.write_text(book(cell("open('first', 'w').close()\nimport time; time.sleep(1)\nprint('version one')")))
    scene.publisher.publish(path)
    worker = threading.Thread(target=scene.perform)
    worker.start()
    wait_for(scene.folder / "first")
    path.write_text(book(cell("print('version two')")))
    scene.publisher.publish(path)
    worker.join(30)
    scene.perform()
    page = scene.page("twice")
    assert "version two" in page and "version one" not in page
    assert scene.store.integrity() == []


def beat(scene: Scene) -> None:
    """What the worker's heartbeat does once a second."""
    scene.worker._beat_all()


def wait_for(path: Path) -> None:
    for _ in range(3000):
        if path.exists():
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{path} did not come")


class _Inertness(HTMLParser):
    """Collects what would run in a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.live: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "script" and not (values.get("src") or "").replace("../", "").startswith("-/static/"):
            self.live.append(f"<script {values}>")
        self.live += [f"{tag} {name}={value}" for name, value in attrs if is_live(name, value or "")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def is_live(name: str, value: str) -> bool:
    """Whether an attribute would run something."""
    leads = name in ("href", "src", "action", "formaction") and re.match(r"\s*(javascript|vbscript):", value, re.I)
    return name.startswith("on") or bool(leads) or name == "srcdoc"


def check_inert(page: str, where: str) -> None:
    parser = _Inertness()
    parser.feed(page)
    assert parser.live == [], where


def text_of(page: str) -> str:
    parser = _Inertness()
    parser.feed(page)
    return " ".join(" ".join(parser.text).split())
