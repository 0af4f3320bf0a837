"""Following what the functions of a local cloud log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_GROUPS = "/aws/lambda/"
_POLL_SECONDS = 0.5
_NEW_GROUPS_SECONDS = 5.0
# What Lambda itself writes around each call.
_PLATFORM = ("START ", "END ", "REPORT ", "INIT_START ")


@dataclass(frozen=True, slots=True)
class Line:
    """One log line; `fields` is the parsed object of a structured line, else empty."""

    at_ms: int
    function: str
    message: str
    fields: dict[str, Any]

    @property
    def level(self) -> str:
        """The line's level, INFO when it names none."""
        return str(self.fields.get("level", "INFO"))

    @property
    def text(self) -> str:
        """The message of a structured line, or the whole line."""
        return str(self.fields.get("message", self.message))


def follow(
    client: Any,
    *,
    function: str = "",
    since_ms: int = 0,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[Line]:
    """Every line of the functions whose name contains `function`, for ever, oldest first."""
    seen: dict[str, int] = {}
    groups: list[str] = []
    looked = 0.0
    while True:
        if time.monotonic() - looked > _NEW_GROUPS_SECONDS:
            groups = _groups(client, function)
            looked = time.monotonic()
        lines = [line for group in groups for line in _new_lines(client, group, since_ms, seen)]
        yield from sorted(lines, key=lambda line: line.at_ms)
        wait(_POLL_SECONDS)


def _groups(client: Any, function: str) -> list[str]:
    pages = client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=_GROUPS)
    names = [group["logGroupName"] for page in pages for group in page["logGroups"]]
    return [name for name in names if function in name.removeprefix(_GROUPS)]


def _new_lines(client: Any, group: str, since_ms: int, seen: dict[str, int]) -> Iterator[Line]:
    # The number of lines at the newest moment is remembered too: a moment may go on.
    start = seen.get(group, since_ms)
    already = seen.get(f"{group}#", 0)
    pages = client.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=start)
    events = [event for page in pages for event in page["events"]]
    at_start = [event for event in events if event["timestamp"] == start]
    fresh = at_start[already:] + [event for event in events if event["timestamp"] > start]
    if events:
        newest = max(event["timestamp"] for event in events)
        seen[group] = newest
        seen[f"{group}#"] = sum(event["timestamp"] == newest for event in events)
    for event in fresh:
        message = event["message"].rstrip("\n")
        if message and not message.startswith(_PLATFORM):
            yield _line(group.removeprefix(_GROUPS), event["timestamp"], message)


def _line(function: str, at_ms: int, message: str) -> Line:
    try:
        fields = json.loads(message)
    except ValueError:
        fields = {}
    return Line(at_ms, function, message, fields if isinstance(fields, dict) else {})
