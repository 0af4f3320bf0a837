"""Entries as lines: spreadsheets run none of them, and JSON lines give back what was kept (24)."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.audit.formats import (
    COLUMNS,
    csv_head,
    csv_lines,
    entries_as_csv,
    entries_as_json_lines,
    safe_cell,
)
from tenantry.audit.model import Entry
from tenantry.messaging.event import Actor, RequestOrigin
from tests.support.naughty_strings import ALL

# What a table can hold: half a character it cannot.
NAUGHTY = [text for text in ALL if text.encode(errors="ignore").decode() == text]
FORMULAS = (
    "=1+1",
    "+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "\u00a0=1",
    "\ufeff=1",
    "＝1",
    '=HYPERLINK("http://x.example","y")',
    'x"\r\n"=1',
)
TEXT = st.text(st.characters(codec="utf-8"), max_size=60)


def entry(text: str, **more: Any) -> Entry:
    return Entry(
        **{
            "event_id": "e-1",
            "type": "OrganizationUpdated",
            "context": "organizations",
            "version": 1,
            "occurred_at": datetime(2026, 3, 2, 9, tzinfo=UTC),
            "actor": Actor(id="ada", role="OWNER", on_behalf_of="s-1"),
            "request": RequestOrigin(source_ip="203.0.113.7", user_agent=text[:512]),
            "tenant_id": "t-1",
            "entity_type": "Organization",
            "entity_id": "t-1",
            "entity_version": 3,
            "data": {"fields": {"name": {"before": text, "after": f"={text}"}}},
            **more,
        }
    )


def parsed(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def runs(cell: str) -> bool:
    """Whether a spreadsheet would take the cell for a formula."""
    return cell.lstrip(" \u00a0\u200b\ufeff").startswith(tuple("=+-@\t\r\n＝＋－＠"))


@pytest.mark.parametrize("text", [*NAUGHTY, *FORMULAS])
def test_every_naughty_text_is_one_cell_that_nobody_runs(text: str) -> None:
    head, row = parsed(csv_head() + entries_as_csv([entry(text)]))

    assert tuple(head) == COLUMNS
    assert len(row) == len(COLUMNS)
    assert not any(map(runs, row))
    assert row[COLUMNS.index("user_agent")].removeprefix("'") == text[:512].removeprefix("'")
    assert json.loads(row[-1]) == entry(text).data


@pytest.mark.parametrize("text", FORMULAS)
def test_without_the_apostrophe_a_formula_would_run(text: str) -> None:
    assert runs(text) or '"' in text
    assert not runs(safe_cell(text))


@given(st.lists(TEXT, min_size=1, max_size=8))
def test_any_row_comes_back_as_it_was_but_for_the_apostrophe(cells: list[str]) -> None:
    [row] = parsed(csv_lines([cells]))

    assert row == [safe_cell(cell) for cell in cells]
    assert [cell.removeprefix("'") for cell in row] == [cell.removeprefix("'") for cell in cells]


@pytest.mark.parametrize("text", [*NAUGHTY, *FORMULAS])
def test_json_lines_give_back_exactly_what_was_kept(text: str) -> None:
    entries = [entry(text), entry("plain", event_id="e-2")]

    lines = entries_as_json_lines(entries).decode()

    assert len(lines.splitlines()) == 2, "no reader finds another end of a line"
    assert [Entry.model_validate_json(line) for line in lines.splitlines()] == entries


@given(TEXT, st.recursive(st.none() | st.integers() | TEXT, st.lists, max_leaves=5))
def test_any_data_comes_back(text: str, more: Any) -> None:
    kept = entry(text, data={"text": text, "more": {"x": more} if more is not None else {}})

    [line] = entries_as_json_lines([kept]).decode().splitlines()

    assert Entry.model_validate_json(line) == kept


def test_spreadsheets_are_told_that_it_is_utf_8() -> None:
    assert csv_head().startswith(b"\xef\xbb\xbf")
