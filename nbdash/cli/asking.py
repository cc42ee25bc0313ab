"""Questions to a person; each has a flag that answers it."""

from __future__ import annotations

import sys

import click

from nbdash.errors import OptionError


def ask(question: str, *, default: bool) -> bool:
    """A person's answer, asked on standard error. Raises OptionError where there is none to ask."""
    if not sys.stdin.isatty():
        raise OptionError("There is no terminal to ask at: give --yes to go ahead.", field="yes")
    return click.confirm(question, default=default, err=True)
