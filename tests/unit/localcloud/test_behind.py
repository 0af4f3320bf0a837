"""What the demo shows of a step, read from the functions' logs."""

from typing import Any

from localcloud.demo.behind import Logs

PREFIX = "shop"


class FakeLogs:
    """CloudWatch Logs with the lines of each function."""

    def __init__(self, **lines: list[str]) -> None:
        self._lines = {f"/aws/lambda/{PREFIX}-{name}": found for name, found in lines.items()}

    def get_paginator(self, operation: str) -> Any:
        pages = {
            "describe_log_groups": lambda **_: [
                {"logGroups": [{"logGroupName": name} for name in self._lines]}
            ],
            "filter_log_events": lambda logGroupName, **_: [  # noqa: N803 - AWS's names
                {"events": [{"message": text} for text in self._lines[logGroupName]]}
            ],
        }
        return type("Paginator", (), {"paginate": staticmethod(pages[operation])})


def test_a_function_that_had_nothing_to_say_ran_all_the_same() -> None:
    logs = FakeLogs(health=["START RequestId: 1", "END RequestId: 1"], idle=[])

    happening = Logs(logs, PREFIX).since(0)

    assert happening.functions == ("health",)
    assert str(happening) == "ran health"


def test_what_a_function_says_of_an_event_is_told() -> None:
    logs = FakeLogs(audit=["[1]", '{"message": "consumed", "event_type": "ThingChanged"}'])

    assert str(Logs(logs, PREFIX).since(0)) == "ran audit; audited ThingChanged"
