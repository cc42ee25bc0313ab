"""Making room among the numbers of the cells that have run, for one that is to count as if it had run between them."""

from __future__ import annotations

from typing import Any


def insert_cell(shell: Any, number: int, source: str) -> None:
    """Let ``source`` be ``In[number]``; what had that number or a higher one has one more: In, Out, ``_3``, ``_i3``.

    The names and places are those of IPython's HistoryManager, DisplayHook and CachingCompiler.
    """
    history, source = shell.history_manager, source.rstrip("\n")
    for inputs in (history.input_hist_parsed, history.input_hist_raw):
        inputs.insert(number, source)
    for name in ("output_hist", "output_hist_reprs", "output_mime_bundles", "outputs", "exceptions"):
        by_number = getattr(history, name, None)
        if isinstance(by_number, dict):
            _shift(by_number, number)
    for prefix in ("_", "_i"):
        for each in range(shell.execution_count, number - 1, -1):
            if f"{prefix}{each}" in shell.user_ns:
                shell.user_ns_hidden.pop(f"{prefix}{each}", None)
                shell.push({f"{prefix}{each + 1}": shell.user_ns.pop(f"{prefix}{each}")}, interactive=False)
    shell.push({f"_i{number}": source}, interactive=False)
    last = ["", "", "", "", *history.input_hist_raw[1:]]
    history._iii, history._ii, history._i, history._i00 = last[-4:]
    shell.push({"_i": history._i, "_ii": history._ii, "_iii": history._iii}, interactive=False)
    files = shell.compile._filename_map
    files.update({file: count + 1 for file, count in files.items() if count >= number})
    shell.execution_count += 1


def _shift(by_number: dict[Any, Any], number: int) -> None:
    items = [(key + 1 if isinstance(key, int) and key >= number else key, value) for key, value in by_number.items()]
    by_number.clear()
    by_number.update(items)
