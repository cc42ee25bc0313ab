"""The project keeps its own rules: settings and commands are told, what ships is there."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from nbdash import config, resources
from nbdash.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent


def test_the_readme_names_every_command_but_the_internal_one() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [name for name in COMMANDS if name != "worker" and not re.search(rf"`[^`]*\b{name}\b[^`]*`", readme)]
    assert missing == []


def test_every_setting_says_what_it_means() -> None:
    source = Path(config.__file__).read_text(encoding="utf-8")
    bare = [field.name for field in fields(config.Settings) if not re.search(rf"#: .+\n    {field.name}: ", source)]
    assert bare == []


def test_the_readme_points_at_files_that_are_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in target]
    assert targets and [target for target in targets if not (ROOT / target).exists()] == []


def test_shipped_files_are_found() -> None:
    assert (resources.data_dir("templates") / "dashboard.html").is_file()
    assert list(resources.data_dir("notebooks").glob("*.ipynb"))
