"""The web layer's own refusal of a request."""

from __future__ import annotations


class Refusal(Exception):
    """A request that is answered with ``status`` and one sentence."""

    def __init__(self, status: int, kind: str, sentence: str, field: str | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.kind = kind  #: the ``code`` in JSON
        self.sentence = sentence
        self.field = field
