"""``run``: execute a notebook like papermill."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from nbdash.cli.options import cells_option, engine_option, parameter_option, python_option
from nbdash.cli.parameters import gather_parameters
from nbdash.cli.plans import show_notices
from nbdash.cli.progress import CellProgress
from nbdash.config import load_settings
from nbdash.engine.choose import make_engine
from nbdash.errors import OptionError, RunFailedError
from nbdash.model import Cause, Json, Notebook, Plan, Selection
from nbdash.notebook.parameters import inject_parameters
from nbdash.notebook.plan import make_plan
from nbdash.notebook.reader import read_notebook
from nbdash.publisher.execution import Execution, execute, job_from
from nbdash.publisher.limits import held_to
from nbdash.publisher.papermill import RunRecord, notebook_text, with_papermill_record, write_notebook

STDOUT = "-"


@dataclass(frozen=True, kw_only=True)
class _Request:
    """What one ``nbdash run`` asks for."""

    path: Path
    output: str | None
    parameters: Mapping[str, Json]
    plan: Plan
    folder: Path


@click.command("run")
@click.argument("notebook", metavar="NB", type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="OUT", help="Where to write the executed notebook; '-': to stdout.")
@parameter_option
@click.option("-r", "--raw", "raws", nargs=2, multiple=True, metavar="NAME VALUE", help="Set a parameter to text.")
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="Set parameters from a YAML or JSON file.")
@click.option("-y", "--yaml", "yamls", multiple=True, metavar="YAML", help="Set parameters from YAML text.")
@cells_option("all")
@engine_option
@python_option
@click.option("-k", "--kernel", metavar="NAME", help="Jupyter kernel to use instead of the notebook's.")
@click.option(
    "--timeout", metavar="SECONDS", type=click.FloatRange(min=0, min_open=True), help="Time the run may take."
)
@click.option(
    "--cwd",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder to run in; the notebook's own unless given.",
)
def run_command(  # noqa: PLR0913 - one argument per option
    notebook: Path,
    output: str | None,
    parameters: Sequence[tuple[str, str]],
    raws: Sequence[tuple[str, str]],
    files: Sequence[str],
    yamls: Sequence[str],
    cells: str,
    engine: str | None,
    python: str | None,
    kernel: str | None,
    timeout: float | None,
    cwd: Path | None,
) -> None:
    """Execute the notebook NB and write the executed one to OUT; without -o nothing is written.

    It is written also when a cell fails, with the error in it.

    Example: nbdash run sales.ipynb -o out.ipynb -p region north
    """
    settings = load_settings(timeout=timeout)
    values = gather_parameters(files, yamls, parameters, raws)
    read = _with_kernel(held_to(settings, read_notebook(notebook)), kernel)
    injected = inject_parameters(read, values)
    show_notices(injected)
    request = _Request(
        path=notebook,
        output=_writable(output),
        parameters=values,
        plan=make_plan(injected, Selection(cells)),
        folder=(cwd or notebook.resolve().parent).absolute(),
    )
    job = job_from(request.plan, folder=request.folder, settings=settings, python=python, draws_all=True)
    chosen = make_engine(engine or settings.engine)
    started = datetime.now(UTC)
    progress = CellProgress(request.plan)
    try:
        with _cancel_at_interrupt() as cancel:
            execution = execute(request.plan, job, chosen, observe=progress.observe, cancel=cancel)
    finally:
        progress.close()
        chosen.close()
    _deliver(request, execution, started)


def _deliver(request: _Request, execution: Execution, started: datetime) -> None:
    """Write the notebook and tell how it went; raises RunFailedError, or Abort if it was interrupted."""
    record = RunRecord(
        input_path=str(request.path),
        output_path=request.output,
        parameters=request.parameters,
        started_at=started,
        finished_at=datetime.now(UTC),
    )
    document = with_papermill_record(execution, record)
    if request.output == STDOUT:
        click.echo(notebook_text(document).encode(), nl=False)
    elif request.output is not None:
        write_notebook(Path(request.output), document)
    failure = execution.outcome.failure
    where = _where_written(request.output)
    if failure is not None and failure.cause is Cause.CANCELLED:
        click.echo(f"{_sentence(failure.message)} {where}", err=True)
        raise click.Abort
    if failure is not None:
        raise RunFailedError(f"{request.path.name!r} failed: {_sentence(failure.message)} {where}")
    seconds = (record.finished_at - started).total_seconds()
    click.echo(f"Ran {request.path.name} in {seconds:.1f} s, {_count_figures(document)}. {where}", err=True)


def _where_written(output: str | None) -> str:
    if output is None:
        return "Nothing was written; give -o OUT.ipynb to keep the executed notebook."
    return "The executed notebook is on standard output." if output == STDOUT else f"Wrote {output}."


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _count_figures(document: Mapping[str, Any]) -> str:
    outputs = [output for cell in document["cells"] for output in cell.get("outputs", ())]
    count = sum("image/png" in output.get("data", {}) for output in outputs)
    return f"{count} figure{'s' * (count != 1)}"


def _writable(output: str | None) -> str | None:
    """``output``, if its folder exists: better to say so before a long run than after it."""
    if output not in (None, STDOUT) and not Path(str(output)).absolute().parent.is_dir():
        raise OptionError(f"There is no folder for {output!r}: make it first.", field="output")
    return output


@contextmanager
def _cancel_at_interrupt() -> Iterator[threading.Event]:
    """The first Ctrl-C cancels the run, so that what it has done is kept; a second one ends at once."""
    cancel = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def interrupted(*_: object) -> None:
        cancel.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield cancel
    finally:
        signal.signal(signal.SIGINT, before)


def _with_kernel(notebook: Notebook, name: str | None) -> Notebook:
    """The notebook for another kernel. Raises OptionError if it is not installed."""
    if name is None:
        return notebook
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    manager = KernelSpecManager()
    try:
        spec = manager.get_kernel_spec(name)
    except NoSuchKernel:
        names = ", ".join(sorted(manager.find_kernel_specs())) or "none"
        raise OptionError(f"There is no kernel {name!r}; there are: {names}.", field="kernel") from None
    return replace(notebook, kernel_name=name, language=spec.language.lower())
