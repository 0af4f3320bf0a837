"""What the demo shows of a step, read from the functions' logs."""

from typing import Any, Self

from localcloud.demo.behind import Logs

PREFIX = "shop"


class FakeLogs:
    """CloudWatch Logs with the lines of each function."""

    def __init__(self, **lines: list[str]) -> None:
        self._lines = {f"/aws/lambda/{PREFIX}-{name}": found for name, found in lines.items()}
        self._operation = ""

    def get_paginator(self, operation: str) -> Self:
        self._operation = operation
        return self

    def paginate(self, **asked: str) -> list[dict[str, Any]]:
        if self._operation == "describe_log_groups":
            return [{"logGroups": [{"logGroupName": name} for name in self._lines]}]
        return [{"events": [{"message": text} for text in self._lines[asked["logGroupName"]]]}]


def test_a_function_that_had_nothing_to_say_ran_all_the_same() -> None:
    logs = FakeLogs(health=["START RequestId: 1", "END RequestId: 1"], idle=[])

    happening = Logs(logs, PREFIX).since(0)

    assert happening.functions == ("health",)
    assert str(happening) == "ran health"


def test_what_a_function_says_of_an_event_is_told() -> None:
    logs = FakeLogs(audit=["[1]", '{"message": "consumed", "event_type": "ThingChanged"}'])

    assert str(Logs(logs, PREFIX).since(0)) == "ran audit; audited ThingChanged"
