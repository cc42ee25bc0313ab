"""The state of Jupyter widgets, and the outputs that an Output widget catches, by nbclient's rules.

These are its ``handle_comm_msg``, ``set_widgets_metadata`` and ``OutputWidget``.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from nbdash.model import Output, WidgetChanged

_OUTPUT_MODEL = ("@jupyter-widgets/output", "OutputModel")


class WidgetStates:
    """Every widget of a run, by the id of its comm."""

    def __init__(self) -> None:
        self._states: dict[str, dict[str, Any]] = {}
        self._buffers: dict[str, dict[str, dict[str, Any]]] = {}
        #: Output widgets, and whether each is to be cleared before its next output.
        self._clear_pending: dict[str, bool] = {}
        #: Those that catch outputs now; the last one gets them.
        self._catching: list[str] = []

    def change(self, event: WidgetChanged) -> None:
        """Take in what a widget tells of itself."""
        name, state = event.name, copy.deepcopy(event.state)
        self._states.setdefault(name, {}).update(state)
        for buffer in event.buffers:
            self._buffers.setdefault(name, {})[json.dumps(buffer.get("path"))] = buffer
        if name in self._clear_pending:
            self._catch(name, state)
        elif (state.get("_model_module"), state.get("_model_name")) == _OUTPUT_MODEL:
            self._clear_pending[name] = False

    def begin_cell(self) -> None:
        """No widget catches what another cell puts out."""
        self._catching = []

    def add(self, output: Output) -> bool:
        """Whether a widget has caught the output."""
        if not self._catching:
            return False
        name = self._catching[-1]
        outputs = [] if self._clear_pending[name] else list(self._states[name].get("outputs", ()))
        self._clear_pending[name] = False
        last = outputs[-1] if outputs else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            outputs[-1] = {**last, "text": last["text"] + output["text"]}
        else:
            outputs.append(dict(output))
        self._states[name]["outputs"] = outputs
        return True

    def clear(self, wait: bool) -> bool:
        """Whether a widget has caught the ``clear_output``."""
        if not self._catching:
            return False
        name = self._catching[-1]
        self._clear_pending[name] = wait
        if not wait:
            self._states[name]["outputs"] = []
        return True

    def metadata(self) -> dict[str, Any] | None:
        """The ``widgets`` of a notebook's metadata; None: there are no widgets."""
        if not self._states:
            return None
        models = {name: self._model(name) for name, state in self._states.items() if "_model_name" in state}
        kind = "application/vnd.jupyter.widget-state+json"
        return {kind: {"state": copy.deepcopy(models), "version_major": 2, "version_minor": 0}}

    def _catch(self, name: str, state: dict[str, Any]) -> None:
        if state.get("msg_id"):
            self._catching.append(name)
        elif "msg_id" in state and self._catching:
            self._catching.pop()

    def _model(self, name: str) -> dict[str, Any]:
        state = self._states[name]
        model = {key: state.get(f"_{key}") for key in ("model_name", "model_module", "model_module_version")}
        buffers = self._buffers.get(name)
        return {**model, "state": state, **({"buffers": list(buffers.values())} if buffers else {})}
