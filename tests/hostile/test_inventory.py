"""Every row of the tables of hostile inputs has its case, here or elsewhere, or a reason why it does not apply."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent

#: Files, cells, names, operations.
ROWS = [*range(1, 34), *range(34, 63), *range(63, 72), *range(110, 123)]

#: Rows, or parts of rows, whose tests are with what they test.
ELSEWHERE: dict[int, tuple[str, ...]] = {
    19: ("notebook/test_notebook_reader.py::test_a_bad_file_is_refused_in_one_sentence",),
    20: ("notebook/test_notebook_reader.py::test_large_outputs_do_not_count",),
    21: ("notebook/test_notebook_reader.py::test_cell_ids_are_unique_valid_and_the_same_each_time",),
    22: ("notebook/test_notebook_reader.py::test_an_odd_file_is_repaired_to_valid_nbformat_and_says_so",),
    27: (
        "notebook/test_notebook_reader.py::test_a_fifo_is_refused_without_waiting",
        "notebook/test_notebook_reader.py::test_a_file_without_permission_is_refused",
        "notebook/test_notebook_reader.py::test_a_socket_is_refused",
    ),
    35: ("engine/test_forked_hostile.py::test_a_crash_shows_where",),
    38: ("engine/test_engine_contract.py::test_a_time_limit_is_hard",),
    41: ("engine/test_forked_hostile.py::test_a_daemon_does_not_outlive_whom_it_kills",),
    50: ("engine/test_forked_hostile.py::test_other_runs_do_not_notice",),
    51: ("engine/test_forked_hostile.py::test_the_author_is_told_and_nothing_is_left",),
    54: ("page/test_sanitize.py",),
    56: (
        "engine/test_forked_hostile.py::test_a_stopped_keeper_is_overruled",
        "service/test_many_at_once.py::test_a_killed_worker_is_replaced_and_its_run_goes_on",
    ),
    61: ("cli/test_authoring.py::test_check_run_with_a_real_engine",),
    63: ("web/test_safety.py::test_names_that_are_none_are_all_the_same_404",),
    64: ("web/test_safety.py::test_names_that_are_none_are_all_the_same_404",),
    71: ("cli/test_sending.py::test_a_notebook_with_its_data_goes_there_and_back_again",),
    110: (
        "store/test_store_opening.py::test_no_permission_is_a_sentence",
        "store/test_store_opening.py::test_read_only_system_is_a_sentence",
        "cli/test_doctor.py::test_a_data_directory_open_to_all_is_a_warning",
        "reliability/test_surroundings.py::test_a_read_only_directory_is_refused_in_a_sentence",
    ),
    111: (
        "store/test_store_processes.py::test_full_disk_is_a_sentence_and_does_no_damage",
        "publisher/test_limits.py::test_a_full_disk_is_told_before_it_is_met",
        "reliability/test_disk.py::test_a_disk_that_is_full_at_each_block_in_turn",
    ),
    112: (
        "store/test_store_opening.py::test_migration_that_fails_changes_nothing_and_can_be_repeated",
        "store/test_store_opening.py::test_damaged_database_is_refused_and_left_alone",
    ),
    113: (
        "store/test_store_queue.py::test_clock_put_back_does_not_hide_a_dead_worker",
        "reliability/test_clock.py::test_a_jump_of_the_clock_changes_no_outcome",
    ),
    114: ("reliability/test_surroundings.py::test_with_its_port_taken_and_few_files_a_server_serves_many",),
    115: (
        "web/test_author.py::test_token_that_others_may_read_is_made_private",
        "web/test_author.py::test_token_file_that_holds_none",
    ),
    117: (
        "store/test_store_opening.py::test_newer_schema_is_refused_and_never_written_to",
        "cli/test_doctor.py::test_another_version_of_the_server_is_a_warning",
    ),
    118: ("store/test_store_opening.py::test_older_schema_is_copied_then_migrated_with_all_its_rows",),
    119: (
        "cli/test_sending.py::test_a_token_is_never_sent_on",
        "cli/test_sending.py::test_a_page_that_is_not_nbdashs_is_told",
        "cli/test_manners.py::test_a_reader_that_leaves_is_no_error",
        "cli/test_terminal.py::test_a_run_at_a_narrow_terminal_leaves_a_line_per_cell",
        "cli/test_terminal.py::test_colours_are_for_terminals_and_can_be_refused",
        "cli/test_interrupt.py::test_an_interrupt_at_any_step_cancels_the_run",
    ),
    120: ("cli/test_sending.py::test_a_file_of_tokens_that_others_may_read_is_closed",),
    122: ("cli/test_backups.py::test_there_and_back",),
}

#: Rows that do not apply, and why.
NOT_HERE: dict[int, str] = {
    59: "There are no schedules: a rerun that takes long is joined by those that come meanwhile.",
    116: "The store is SQLite alone; there is no PostgreSQL to be away.",
}


def rows_with_cases() -> set[int]:
    """The rows named by this folder's cases and tests: ``row-37-…`` and ``test_row_28_…``."""
    found = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        if path.name != Path(__file__).name:
            found |= {int(number) for number in re.findall(r"row[-_](\d+)[-_]", path.read_text(encoding="utf-8"))}
    return found


@pytest.mark.parametrize("row", ROWS)
def test_every_row_is_somewhere(row: int) -> None:
    assert row in rows_with_cases() | ELSEWHERE.keys() | NOT_HERE.keys()


def test_no_case_is_of_a_row_that_does_not_apply() -> None:
    assert rows_with_cases() <= set(ROWS)
    assert not rows_with_cases() & NOT_HERE.keys()


@pytest.mark.parametrize("place", sorted({place for places in ELSEWHERE.values() for place in places}))
def test_what_is_elsewhere_is_there(place: str) -> None:
    name, _, function = place.partition("::")
    tree = ast.parse((TESTS / name).read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert function in functions if function else any(each.startswith("test_") for each in functions)
