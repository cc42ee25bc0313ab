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
from nbdash.model import Plan, RunEvent, RunState, Selection
from nbdash.notebook.checks import check_notebook
from nbdash.notebook.plan import make_plan
from nbdash.notebook.reader import read_notebook
from nbdash.page.urls import Urls
from nbdash.publisher.following import follow
from nbdash.publisher.publication import Publisher, PublishOptions
from nbdash.service import ensure_server
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
    store = open_store(settings.data)
    try:
        publication = Publisher(store, settings).publish(path, options)
        if publication.run is not None:
            for event in follow(store, publication.run.id):
                _print_progress(event)
            _raise_failure(store.run(publication.run.id), publication.dashboard.slug)
    finally:
        store.close()
    url = Urls(server.url).dashboard(publication.dashboard.slug)
    link = f'<a href="{escape(url)}" target="_blank" rel="noopener">{escape(url)}</a>'
    return HTML(f"{escape(publication.version.title)}: {link}")


def _print_progress(event: RunEvent) -> None:
    if event.kind == "cell_end":
        print(f"[{event.data['cell']}] {event.data['title']}  {event.data['seconds']:.1f} s")


def _raise_failure(run: Any, slug: str) -> None:
    if run.state is not RunState.SUCCEEDED:
        why = run.error.message if run.error else f"the run was {run.state}"
        raise RunFailedError(f"{slug!r} was not published: {why}")
