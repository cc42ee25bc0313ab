"""``backup`` and ``restore``: everything that is kept, in one file."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click

from nbdash.cli.asking import ask
from nbdash.cli.options import data_option
from nbdash.config import load_settings
from nbdash.errors import OptionError


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Replace FILE without asking if it is there.")
@data_option
@click.pass_context
def backup_command(context: click.Context, file: Path, yes: bool, data: Path | None) -> None:
    """Keep everything that is published in FILE, a tar archive; a server may run, and go on running.

    It has the data directory's settings and secrets too: keep it where only you can read it. Notebooks that are
    served from a folder of yours stay there, and are not in it.

    Example: nbdash backup /backups/nbdash.tar
    """
    from nbdash.store.backup import make_backup

    settings = load_settings(data)
    _refuse_target(file)
    if file.exists() and not yes and not ask(f"Replace {file}?", default=False):
        return
    with _progress("Figures and results") as on_blob:
        backup = make_backup(settings.data, file.absolute(), on_blob=on_blob)
    click.echo(f"Kept {_figures(backup.blobs)} ({_size(backup.size)}).", err=True)
    click.echo(file)
    if backup.damages:
        _tell_damages(backup.damages, "'nbdash doctor' looks the data directory over.")
        context.exit(1)


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@data_option
@click.pass_context
def restore_command(context: click.Context, file: Path, data: Path | None) -> None:
    """Make a data directory from FILE, which 'nbdash backup' has made.

    The data directory must be empty or missing: nothing is ever written over.

    Example: nbdash restore /backups/nbdash.tar --data /srv/nbdash
    """
    from nbdash.service import sole_server
    from nbdash.store.restoring import check_backup, refuse_used, restore_backup

    folder = load_settings(data).data
    check_backup(file)
    refuse_used(folder)
    is_new = not folder.exists()
    with sole_server(folder), _removed_if_failed(folder, is_new), _progress("Figures and results") as on_blob:
        restored = restore_backup(file, folder, on_blob=on_blob)
    made = datetime.fromisoformat(restored.manifest.created_at).astimezone()
    said = f"Restored {_figures(restored.blobs)}, as of {made:%Y-%m-%d %H:%M %Z}"
    click.echo(f"{said}; 'nbdash serve --data {folder}' serves them.", err=True)
    click.echo(folder)
    if restored.damages:
        _tell_damages(restored.damages, "They were so when the backup was made.")
        context.exit(1)


def _refuse_target(file: Path) -> None:
    if file.is_dir():
        raise OptionError(f"{str(file)!r} is a folder: give the name of a file in it.", field="file")
    if not file.absolute().parent.is_dir():
        raise OptionError(f"There is no folder {str(file.parent)!r}: make it, or give another path.", field="file")


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, where there is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def advance(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        yield advance


@contextmanager
def _removed_if_failed(folder: Path, is_new: bool) -> Iterator[None]:
    """Takes away what was made for nothing: the lock, and the folder if there was none."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            (folder / "server.lock").unlink(missing_ok=True)
            if is_new:
                folder.rmdir()
        raise


def _tell_damages(damages: Sequence[str], advice: str) -> None:
    for damage in damages:
        click.echo(damage, err=True)
    click.echo(f"The rest is there. {advice}", err=True)


def _figures(count: int) -> str:
    return f"the database and {count} file{'s' * (count != 1)} of figures and results"


def _size(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
