"""What every task of every state machine is tried again for."""

from collections.abc import Iterator
from typing import Any

from tools.state_machines import definitions

# What passes: busy, out of time, throttled, gone in the middle; typed here. A function that runs
# out of its own time, or of memory, is `Sandbox.Timedout` or `Lambda.Unknown` to Step Functions
# ("Handle Lambda service exceptions", Step Functions Developer Guide); `States.Timeout` is the
# state's own.
PASSING = {
    "UnavailableError",
    "States.Timeout",
    "Sandbox.Timedout",
    "Lambda.Unknown",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.ClientExecutionTimeoutException",
}
TASKS = {"move_account": 15, "provision_account": 14, "teardown_account": 11}


def tasks(states: dict[str, Any], within: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every task by its name, of branches and maps too."""
    for name, state in states.items():
        if state["Type"] == "Task":
            yield f"{within}{name}", state
        inner = [*state.get("Branches", []), *filter(None, [state.get("ItemProcessor")])]
        for each in inner:
            yield from tasks(each["States"], f"{within}{name}/")


def test_all_tasks_are_seen() -> None:
    found = {name: len(list(tasks(each["States"]))) for name, each in definitions().items()}

    assert found == TASKS


def test_whatever_passes_is_tried_again_by_every_task() -> None:
    lacking = [
        f"{machine} {name}"
        for machine, each in definitions().items()
        for name, task in tasks(each["States"])
        if not any(set(retry["ErrorEquals"]) >= PASSING for retry in task.get("Retry", []))
    ]

    assert lacking == []


def test_each_is_tried_several_times_and_not_at_once() -> None:
    for machine, each in definitions().items():
        for name, task in tasks(each["States"]):
            (usual,) = [r for r in task["Retry"] if "UnavailableError" in r["ErrorEquals"]]
            assert usual["MaxAttempts"] >= 3, (machine, name)
            assert (usual["BackoffRate"], usual["JitterStrategy"]) == (2.0, "FULL"), (machine, name)


def test_no_task_retries_everything() -> None:
    """What is our own mistake is undone, not tried again."""
    for each in definitions().values():
        for name, task in tasks(each["States"]):
            assert all("States.ALL" not in r["ErrorEquals"] for r in task["Retry"]), name
