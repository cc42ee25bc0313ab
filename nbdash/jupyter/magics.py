"""``%nbdash publish`` and ``%nbdash check`` on the notebook they stand in, or on a path."""

from __future__ import annotations

import argparse
import os
import shlex
from html import escape
from pathlib import Path
from typing import Any

from IPython.display import HTML, Markdown

from nbdash.config import load_settings
from nbdash.errors import NbdashError, NotebookError, OptionError, RunFailedError
from nbdash.model import EventKind, Plan, Run, Selection
from nbdash.notebook.checks import check_notebook
from nbdash.notebook.plan import make_plan
from nbdash.notebook.reader import read_notebook
from nbdash.page.urls import Urls
from nbdash.publisher.following import cancelling, failure_of
from nbdash.publisher.publication import Publisher, PublishOptions
from nbdash.service import ensure_server, follow_served
from nbdash.store import open_store

USAGE = "Write %nbdash publish [PATH] [--slug NAME] [--title TEXT], or %nbdash check [PATH]."


def register_magics(shell: Any) -> None:
    """Give a shell the ``%nbdash`` line magic."""

    def nbdash(line: str) -> Any:
        """Publish or check a notebook; see the module."""
        try:
            return run_magic(line, shell)
        except NbdashError as error:
            print(error)
            return None

    shell.register_magic_function(nbdash, magic_kind="line")


def run_magic(line: str, shell: Any) -> HTML | Markdown:
    """What one ``%nbdash`` line asks for, as rich output. Raises NbdashError."""
    arguments = _parse(line)
    path = Path(arguments.path) if arguments.path else notebook_path(shell)
    if arguments.verb == "check":
        return _checked(path)
    return _published(path, PublishOptions(slug=arguments.slug, title=arguments.title))


def notebook_path(shell: Any) -> Path:
    """The file of the notebook that this kernel runs, as its front end tells it.

    Raises NotebookError where no front end does: Jupyter's server sets ``JPY_SESSION_NAME``, VS Code
    puts ``__vsc_ipynb_file__`` into the namespace.
    """
    told = shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME", "")
    for candidate in (Path(told), Path(Path(told).name)):
        if told and candidate.suffix == ".ipynb" and candidate.is_file():
            return candidate.resolve()
    raise NotebookError("This front end does not tell which notebook it runs: write %nbdash publish PATH.")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise OptionError(f"{message[:1].upper()}{message[1:]}. {USAGE}")


def _parse(line: str) -> argparse.Namespace:
    parser = _Parser(prog="%nbdash", add_help=False)
    parser.add_argument("verb", choices=("publish", "check"))
    parser.add_argument("path", nargs="?")
    parser.add_argument("--slug")
    parser.add_argument("--title")
    try:
        return parser.parse_args(shlex.split(line))
    except ValueError as error:
        raise OptionError(f"{error}. {USAGE}") from None


def _checked(path: Path) -> Markdown:
    plan = make_plan(read_notebook(path), Selection.NEEDED)
    findings = [
        f"- **{finding.rule}** {_place(finding.index)}{finding.message} {finding.fix}"
        for finding in check_notebook(plan)
    ]
    return Markdown("\n".join([*_table(plan), "", *(findings or ["No findings."])]))


def _place(index: int | None) -> str:
    return "" if index is None else f"cell {index + 1}: "


def _table(plan: Plan) -> list[str]:
    rows = [
        f"| {cell.index + 1} | {'runs' if cell.runs else ''} | {'shows' if cell.shows else ''} | {cell.why} |"
        for cell in plan.cells
    ]
    return ["| cell | | | why |", "|--:|---|---|---|", *rows]


def _published(path: Path, options: PublishOptions) -> HTML:
    settings = load_settings()
    server = ensure_server(settings)
    with open_store(settings.data) as store:
        publisher = Publisher(store, settings)
        publication = publisher.publish(path, options)
        if publication.run is not None:
            _follow(publisher, publication.run, publication.dashboard.slug)
    url = Urls(server.url).dashboard(publication.dashboard.slug)
    link = f'<a href="{escape(url)}" target="_blank" rel="noopener">{escape(url)}</a>'
    return HTML(f"{escape(publication.version.title)}: {link}")


def _follow(publisher: Publisher, run: Run, slug: str) -> None:
    """Print the run's progress; interrupting the kernel cancels it. Raises RunFailedError."""
    with cancelling(publisher, run):
        for event in follow_served(publisher, run):
            if event.kind is EventKind.CELL_END:
                print(f"[{event.data['cell']}] {event.data['title']}  {event.data['seconds']:.1f} s")
    if why := failure_of(publisher.store.run(run.id)):
        raise RunFailedError(f"{slug!r} was not published: {why}")
