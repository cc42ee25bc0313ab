"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Data directory; NBDASH_DATA or the user's data directory unless given.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
