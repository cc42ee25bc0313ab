"""Jupyter's messages, as a notebook can see and send them; the engine is the only front end.

Names and behaviour follow jupyter_client's Session, kinds and contents its messaging protocol 5.3.
"""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from typing import Any

from .streams import Channel
from .wire import output_of

_VERSION = "5.3"


def tell(channel: Channel, kind: str, content: dict[str, Any], *, about: dict[str, Any] | None = None) -> None:
    """Tell the engine what a message would show; of other messages it need not know.

    ``about``: title and alternative text of a figure in it.  Raises TypeError and KeyError for a content without what
    belongs into it.
    """
    match kind:
        case "display_data" | "execute_result" | "stream" | "error":
            output = output_of(kind, content)
            channel.send("output", output=output, display_id=_display_id(content), about=about or {})
        case "update_display_data":
            output = output_of("display_data", content)
            channel.send("update", output=output, display_id=_display_id(content))
        case "clear_output":
            channel.send("clear", wait=bool(content["wait"]))


def _display_id(content: dict[str, Any]) -> str | None:
    display_id: str | None = (content.get("transient") or {}).get("display_id")
    return display_id


def execute_request(source: str, name: str) -> dict[str, Any]:
    """A cell as the message by which a front end asks a kernel for it; ``name`` is the message's own."""
    content = {"code": source, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
    message = _message("execute_request", name, content | {"stop_on_error": True})
    return message | {"buffers": []}


class Session:
    """What sends a kernel's messages; what goes to ``front_end`` about the cell under way reaches the engine."""

    username = ""

    def __init__(self, shell: Any, front_end: object) -> None:
        self._shell = shell
        self._front_end = front_end

    @property
    def session(self) -> str:
        """Its name in headers."""
        return str(os.getpid())

    def msg(
        self,
        msg_type: str,
        content: dict[str, Any] | None = None,
        parent: dict[str, Any] | None = None,
        header: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A message, as nested dicts."""
        message = _message(msg_type, f"{self.session}_{uuid.uuid4().hex}", content or {})
        if header is not None:
            message |= {"header": header, "msg_id": header["msg_id"], "msg_type": header["msg_type"]}
        return message | {"parent_header": (parent or {}).get("header", {}), "metadata": metadata or {}}

    def send(  # noqa: PLR0913  # jupyter_client's own signature
        self,
        stream: object,
        msg_or_type: str | dict[str, Any],
        content: dict[str, Any] | None = None,
        parent: dict[str, Any] | None = None,
        ident: object = None,
        buffers: object = None,
        track: bool = False,
        header: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Send a message, or one made of its parts; returns it."""
        if isinstance(msg_or_type, dict):
            message = msg_or_type
        else:
            message = self.msg(msg_or_type, content, parent, header, metadata)
        asked = message["parent_header"].get("msg_id")
        if stream is self._front_end and asked == self._shell.get_parent()["msg_id"]:
            tell(self._shell.channel, message["header"]["msg_type"], message["content"])
        return message


def _message(kind: str, name: str, content: dict[str, Any]) -> dict[str, Any]:
    header = {
        "msg_id": name,
        "msg_type": kind,
        "username": Session.username,
        "session": name.partition("_")[0],
        "date": datetime.now(UTC),
        "version": _VERSION,
    }
    return {
        "header": header,
        "msg_id": name,
        "msg_type": kind,
        "parent_header": {},
        "metadata": {},
        "content": content,
    }
