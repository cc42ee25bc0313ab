"""``jupyter nbconvert --to nbdash``: the dashboard as one self-contained HTML file."""

from __future__ import annotations

from typing import Any

import nbformat
from nbconvert.exporters import Exporter, HTMLExporter

from nbdash.notebook.reader import parse_notebook
from nbdash.page.render import Renderer
from nbdash.publisher.standalone import standalone_page


class NbdashExporter(HTMLExporter):  # type: ignore[misc]  # nbconvert has no types
    """Writes the page that nbdash would serve, from the outputs the notebook already has."""

    export_from_notebook = "nbdash dashboard"

    def from_notebook_node(
        self, nb: Any, resources: dict[str, Any] | None = None, **_: Any
    ) -> tuple[str, dict[str, Any]]:
        """The page of a notebook (an nbformat node), after nbconvert's own preprocessors.

        Raises NotebookError if nbdash cannot read the notebook.
        """
        executed, resources = Exporter.from_notebook_node(self, nb, resources)
        name = f"{resources.get('metadata', {}).get('name', 'notebook')}.ipynb"
        notebook = parse_notebook(nbformat.writes(executed), name)
        return standalone_page(notebook, Renderer(None)), resources
