"""The command line: the only place where an error becomes an exit status.

Commands live in modules that are imported when they are asked for, so that ``nbdash --help`` is quick.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback

import click
from click.shell_completion import CompletionItem

from nbdash import __version__
from nbdash.cli.terminal import plain, tolerate_any_encoding
from nbdash.errors import NbdashError

#: Command → its module and its one line of help, in the order of ``--help``.
COMMANDS = {
    "init": ("authoring", "Propose and write the tags of a notebook."),
    "check": ("authoring", "Print what would run and show, why, and what to mend."),
    "run": ("running", "Execute a notebook, with parameters, and write the executed one."),
    "publish": ("publishing", "Execute a notebook and serve it as a dashboard."),
    "serve": ("serving", "Serve the dashboards; publish the notebooks of a folder."),
    "status": ("serving", "Tell whether a server runs, and where."),
    "stop": ("serving", "Stop the server."),
    "list": ("listing", "List what is published, and what is not yet."),
    "share": ("sharing", "Make, list and revoke a dashboard's share links."),
    "access": ("access", "Tell and change who may look at a dashboard."),
    "login": ("servers", "Keep the token for publishing to a server elsewhere."),
    "logout": ("servers", "Forget the token of a server elsewhere."),
    "token": ("tokens", "Make, list and revoke tokens of people who publish to this server."),
    "open": ("dashboards", "Open a dashboard in the browser."),
    "rerun": ("dashboards", "Run a dashboard again and follow it."),
    "log": ("dashboards", "Show a dashboard's last run to its author, traceback and all."),
    "rollback": ("dashboards", "Show the version before again."),
    "remove": ("dashboards", "Take a dashboard down."),
    "backup": ("backups", "Keep everything in one file, while the server runs."),
    "restore": ("backups", "Make a data directory from such a file."),
    "service": ("services", "Have systemd run the server, and start it again."),
    "doctor": ("doctor", "Look over the installation and the data directory."),
    "completion": ("completion", "Print the script for Tab completion in a shell."),
    "worker": ("serving", "Perform queued runs; 'serve' starts one by itself."),
}


class LazyGroup(click.Group):
    """Knows its commands by name and imports one only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of :data:`COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command's own object, from its module."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"nbdash.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in ``--help``, without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands' names and the options, without importing any command."""
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        items = [CompletionItem(name, help=COMMANDS[name][1]) for name in names]
        return items + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with a hint at the nearest name."""
        import difflib

        name = args[0]
        is_typed = not ctx.resilient_parsing  # else a shell completes it, and nothing is said
        if is_typed and name not in COMMANDS and (near := difflib.get_close_matches(name, COMMANDS, n=1)):
            ctx.fail(f"No such command {name!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nbdash")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def cli() -> None:
    """Turn a Jupyter notebook into a dashboard and share its URL.

    Example: nbdash publish sales.ipynb
    """


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 the notebook failed, 2 bad input, 3 refused, 4 unreachable."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    tolerate_any_encoding()
    _give_home()
    is_debug = "--debug" in arguments
    try:
        status = _run([argument for argument in arguments if argument != "--debug"] or ["--help"])
        sys.stdout.flush()
    except BrokenPipeError:
        status = _forget_stdout()
    except NbdashError as error:
        status = _tell(str(error), error, is_debug=is_debug, status=error.exit_status)
    except Exception as error:
        message = f"This is a mistake in nbdash ({type(error).__name__}: {error}): run it with --debug to see more."
        status = _tell(message, error, is_debug=is_debug, status=2)
    sys.exit(status)


def _give_home() -> None:
    """An account without a home, as in a container, gets the usual one: Jupyter and IPython insist on having any."""
    if os.path.expanduser("~") == "~":
        os.environ["HOME"] = "/"


def _run(arguments: list[str]) -> int:
    color = False if os.environ.get("NO_COLOR") else None  # None: where there is a terminal
    try:
        return cli.main(args=arguments, prog_name="nbdash", standalone_mode=False, color=color) or 0
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "nbdash"
        message = " ".join(error.format_message().split()).rstrip(".")
        click.echo(f"nbdash: {message}. See '{path} --help'.", err=True)
        return 2
    except click.ClickException as error:
        click.echo(f"nbdash: {error.format_message()}", err=True)
        return 2
    except SystemExit:  # click's way when whoever read standard output has left
        return _forget_stdout()
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return 130


def _tell(message: str, error: Exception, *, is_debug: bool, status: int) -> int:
    """One sentence for a person; with --debug the traceback too."""
    if is_debug:
        traceback.print_exception(error)
    click.echo(f"nbdash: {plain(message)}", err=True)
    return status


def _forget_stdout() -> int:
    """Whoever read standard output has had enough, as ``head`` does: nothing more is said there."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
