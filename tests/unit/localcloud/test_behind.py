"""What the demo shows of a step, read from the functions' logs."""

import json
from typing import Any, Self

from localcloud.demo.behind import Happening, Logs

PREFIX = "shop"
RECORDER = "audit-record-events"
STARTED = "START RequestId: 1 Version: $LATEST"
ENDED = "END RequestId: 1"


class FakeLogs:
    """CloudWatch Logs with the lines of each function, a line each moment."""

    def __init__(self, **lines: list[str]) -> None:
        self.lines = {f"/aws/lambda/{PREFIX}-{name}": found for name, found in lines.items()}
        self.read: list[str] = []
        self._operation = ""

    def get_paginator(self, operation: str) -> Self:
        self._operation = operation
        return self

    def paginate(self, **asked: str) -> list[dict[str, Any]]:
        if self._operation == "describe_log_groups":
            groups = [
                {"logGroupName": name, "storedBytes": len("".join(lines))}
                for name, lines in self.lines.items()
            ]
            return [{"logGroups": groups}]
        self.read.append(asked["logGroupName"].rpartition("-")[2])
        lines = enumerate(self.lines[asked["logGroupName"]])
        start = int(asked["startTime"])
        events = [{"timestamp": at, "message": text} for at, text in lines if at >= start]
        return [{"events": events}]


def line(message: str, event_type: str) -> str:
    return json.dumps({"message": message, "event_type": event_type})


def happening(**lines: list[str]) -> Happening:
    return Logs(FakeLogs(**lines), PREFIX, lambda: True).since(0)


def test_a_function_that_had_nothing_to_say_ran_all_the_same() -> None:
    assert happening(health=[STARTED, ENDED], idle=[]).rows == [("ran", "health")]


def test_functions_are_told_in_the_order_of_their_time_and_counted() -> None:
    found = happening(a=["", STARTED], b=[STARTED, ENDED, STARTED])

    assert found.rows == [("ran", "b ×2, a")]


def test_events_that_were_published_and_recorded_are_told_once() -> None:
    found = happening(
        streams=[line("published", "Joined"), line("published", "Left")],
        **{RECORDER: ["[1]", line("consumed", "Left"), line("consumed", "Joined")]},
        others=[line("consumed", "Left")],
    )

    assert found.is_whole
    assert found.rows == [("events", "Joined, Left")]


def test_an_event_that_is_not_recorded_yet_shows() -> None:
    found = happening(
        streams=[line("published", "Joined"), line("published", "Joined")],
        **{RECORDER: [line("consumed", "Joined")]},
    )

    assert not found.is_whole
    assert found.rows == [("published", "Joined ×2"), ("recorded", "Joined")]


def test_a_log_is_read_again_only_when_it_has_grown_or_earlier_lines_are_asked_for() -> None:
    client = FakeLogs(a=[STARTED, STARTED], b=[STARTED])
    logs = Logs(client, PREFIX, lambda: True)

    assert logs.since(1).functions == ("a",)
    assert logs.since(1).functions == ("a",)
    client.lines[f"/aws/lambda/{PREFIX}-b"].append(STARTED)
    assert logs.since(1).functions == ("a", "b")
    assert client.read == ["a", "b", "b"]

    assert logs.since(0).functions == ("a", "b", "a", "b")


def test_a_step_is_told_once_nothing_runs_and_all_is_recorded() -> None:
    client = FakeLogs(streams=[line("published", "Joined")], **{RECORDER: [ENDED]})
    answers = [False, True, False]

    def is_quiet() -> bool:
        if answers:
            return answers.pop(0)
        client.lines[f"/aws/lambda/{PREFIX}-{RECORDER}"] = [STARTED, line("consumed", "Joined")]
        return True

    found = Logs(client, PREFIX, is_quiet).settled(0)

    assert found.rows == [("ran", RECORDER), ("events", "Joined")]
