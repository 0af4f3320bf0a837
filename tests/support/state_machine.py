"""Runs a state machine in this process: Task, Choice, Wait, Succeed and Fail, in JSONata.

As "Amazon States Language" has it: of the retriers the first that names the error counts for
itself, then the first catcher; a Task's `Output` sees `$states.result`, a catcher's
`$states.errorOutput`. Waits take no time; `waited` is told of them.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jsonata import jsonata

_MOST_STATES = 500


class TaskError(Exception):
    """A task failed under this name, as Lambda tells Step Functions."""

    def __init__(self, name: str, cause: str = "") -> None:
        super().__init__(name, cause)
        self.name = name
        self.cause = cause


@dataclass(frozen=True)
class Ended:
    """How an execution ended, and the states that it went through."""

    status: str
    output: Any
    states: tuple[str, ...]


@dataclass
class StateMachine:
    """`invoke` runs a function by its name with a payload; it raises TaskError to fail."""

    definition: dict[str, Any]
    invoke: Callable[[str, Any], Any]
    waited: Callable[[float], None] = lambda _seconds: None
    states: list[str] = field(default_factory=list)

    def run(self, given: Any) -> Ended:
        name, current = self.definition["StartAt"], given
        self.states = []
        while True:
            self.states.append(name)
            if len(self.states) > _MOST_STATES:
                raise AssertionError(f"does not end: {self.states[-20:]}")
            state = self.definition["States"][name]
            match state["Type"]:
                case "Succeed":
                    return Ended("SUCCEEDED", current, tuple(self.states))
                case "Fail":
                    return Ended("FAILED", state["Error"], tuple(self.states))
                case "Choice":
                    name = self._chosen(state, current)
                case "Wait":
                    self.waited(float(_value(state["Seconds"], {"input": current})))
                    name = state["Next"]
                case "Task":
                    following, current = self._task(state, current)
                    if following is None:
                        return Ended("SUCCEEDED", current, tuple(self.states))
                    name = following
                case other:
                    raise NotImplementedError(other)

    def _chosen(self, state: dict[str, Any], current: Any) -> str:
        for choice in state["Choices"]:
            if _value(choice["Condition"], {"input": current}) is True:
                return str(choice["Next"])
        return str(state["Default"])

    def _task(self, state: dict[str, Any], current: Any) -> tuple[str | None, Any]:
        arguments = _value(state["Arguments"], {"input": current})
        tries: dict[int, int] = {}
        while True:
            try:
                payload = self.invoke(arguments["FunctionName"], arguments["Payload"])
            except TaskError as error:
                if (wait := _next_wait(state.get("Retry", []), error.name, tries)) is not None:
                    self.waited(wait)
                    continue
                for catcher in state.get("Catch", []):
                    if _names(catcher, error.name):
                        told = {"Error": error.name, "Cause": error.cause}
                        seen = {"input": current, "errorOutput": told}
                        output = catcher.get("Output")
                        return catcher["Next"], _value(output, seen) if output else told
                raise
            seen = {"input": current, "result": {"Payload": payload}}
            return state.get("Next"), _value(state["Output"], seen)


def _next_wait(retriers: list[dict[str, Any]], name: str, tries: dict[int, int]) -> float | None:
    for position, retrier in enumerate(retriers):
        if _names(retrier, name):
            tried = tries.get(position, 0)
            if tried >= retrier.get("MaxAttempts", 3):
                return None
            tries[position] = tried + 1
            wait = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** tried
            return float(min(wait, retrier.get("MaxDelaySeconds", wait)))
    return None


def _names(each: dict[str, Any], name: str) -> bool:
    return name in each["ErrorEquals"] or "States.ALL" in each["ErrorEquals"]


def _value(template: Any, states: dict[str, Any]) -> Any:
    """A value of the definition, its `{% %}` evaluated."""
    match template:
        case str() if template.startswith("{%") and template.endswith("%}"):
            expression = _parsed(template[2:-2].strip())
            frame = expression.create_frame()
            frame.bind("states", states)
            return _plain(expression.evaluate(None, frame))
        case dict():
            return {name: _value(each, states) for name, each in template.items()}
        case list():
            return [_value(each, states) for each in template]
        case _:
            return template


@cache
def _parsed(expression: str) -> jsonata.Jsonata:
    return jsonata.Jsonata(expression)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def substituted(definition: str, names: Iterator[str] | list[str]) -> dict[str, Any]:
    """The definition with its functions called by their own names."""
    for name in names:
        definition = definition.replace(f"${{{name}}}", name)
    found: dict[str, Any] = json.loads(definition)
    return found
