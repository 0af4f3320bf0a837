"""Entries as lines of a file.

CSV is for spreadsheets, which run what begins like a formula: such a cell gets an apostrophe in
front (OWASP, "CSV Injection"). JSON lines keep everything exactly.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Final

from tenantry.audit.model import Entry, instant

BYTE_ORDER_MARK: Final = "\ufeff"
"""Without it, spreadsheets take UTF-8 for something else."""
COLUMNS: Final = (
    "occurred_at",
    "type",
    "context",
    "version",
    "actor_id",
    "actor_kind",
    "actor_role",
    "on_behalf_of",
    "entity_type",
    "entity_id",
    "entity_version",
    "source_ip",
    "user_agent",
    "correlation_id",
    "event_id",
    "data",
)
_STARTS_A_FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")
_ENDS_A_LINE: Final = {ord(c): f"\\u{ord(c):04x}" for c in "\u0085\u2028\u2029"}
"""JSON takes these as they are, and many readers of lines take them for the end of one."""


def safe_cell(value: object) -> str:
    """`value` as a cell that no spreadsheet runs; None is empty."""
    text = "" if value is None else str(value)
    shown = text.lstrip(" \u00a0\u200b\ufeff")
    return f"'{text}" if shown.startswith(_STARTS_A_FORMULA) else text


def csv_lines(rows: Iterable[Sequence[object]]) -> bytes:
    """`rows` with every cell safe and quoted."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def csv_head() -> bytes:
    return BYTE_ORDER_MARK.encode() + csv_lines([COLUMNS])


def entries_as_csv(entries: Iterable[Entry]) -> bytes:
    return csv_lines(
        (
            instant(e.occurred_at),
            e.type,
            e.context,
            e.version,
            e.actor.id,
            e.actor.kind,
            e.actor.role,
            e.actor.on_behalf_of,
            e.entity_type,
            e.entity_id,
            e.entity_version,
            e.request.source_ip,
            e.request.user_agent,
            e.correlation_id,
            e.event_id,
            json.dumps(e.data, ensure_ascii=False, separators=(",", ":")),
        )
        for e in entries
    )


def entries_as_json_lines(entries: Iterable[Entry]) -> bytes:
    """One object a line, as the log keeps it; what is empty is left out."""
    lines = (
        json.dumps(
            entry.model_dump(mode="json", exclude_none=True),
            ensure_ascii=False,
            separators=(",", ":"),
        ).translate(_ENDS_A_LINE)
        for entry in entries
    )
    return "".join(f"{line}\n" for line in lines).encode()
