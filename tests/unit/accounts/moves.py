"""Moves as their state machine runs them, whatever they copy."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tenantry.accounts.model import Account, Kind, Operation
from tenantry.accounts.moving import MoveTask, Moving
from tenantry.accounts.provisioning import Failure
from tenantry.accounts.step_functions import execution_input
from tenantry.errors import TenantryError
from tests.support.state_machine import StateMachine, TaskError, substituted
from tests.unit.accounts.conftest import OWNER, Stopped, World

DEFINITION = (Path(__file__).parents[3] / "statemachines" / "move_account.asl.json").read_text()
FUNCTIONS = ("MoveRoute", "MoveCopy", "CompensateMove")
STEPS = {
    "VALIDATE": "MoveRoute",
    "VERIFY": "MoveCopy",
    "BACKFILL": "MoveCopy",
    "CATCH_UP": "MoveCopy",
    "FENCE": "MoveCopy",
    "COPY_TAIL": "MoveCopy",
    "COMPARE": "MoveCopy",
    "FLIP": "MoveRoute",
    "CONFIRM": "MoveCopy",
    "OPEN": "MoveRoute",
}
"""Which function does a step."""
SHARED_STEPS = ("AdoptShared", "CreateStack", "AwaitStack", "Announce")
FORWARD = [*STEPS, "Announce"]
MADE_BY = {"private": ("CreateStack", "AwaitStack"), "public": ("AdoptShared",)}
"""What makes the place that is moved to."""
FAULTS = {
    "error": "Runtime.ExitError",
    "timeout": "States.Timeout",
    "throttle": "Lambda.TooManyRequestsException",
    "busy": "UnavailableError",
}
"""As Step Functions tells of a task that failed."""


@dataclass
class MoveWorld(World):
    """The accounts context in memory, with moves over what its `moving` is made with."""

    meanwhile: Callable[[str], None] = lambda _function: None
    functions: list[str] = field(default_factory=list)
    """Steps that were done, by functions of the move's own."""
    moving: Moving = field(init=False)

    def execute(self, operation: Operation) -> str:
        if operation.kind is not Kind.MOVE:
            return super().execute(operation)
        names = [f"{name}Function" for name in (*FUNCTIONS, *SHARED_STEPS)]
        machine = StateMachine(
            substituted(DEFINITION, names),
            self._invoke,
            waited=lambda seconds: self.clock.advance(timedelta(seconds=seconds)),
        )
        ended = machine.run(execution_input(operation))
        self.transitions = len(ended.states)
        return ended.status

    def _invoke(self, function: str, payload: dict[str, Any]) -> Any:
        """By the step, where a function does several."""
        if step := payload.get("step"):
            assert function == f"{STEPS[step]}Function"
            return super()._invoke(f"{step}Function", payload)
        return super()._invoke(function, payload)

    def _called(self, name: str, payload: dict[str, Any]) -> Any:
        if name not in (*STEPS, "CompensateMove"):
            return super()._called(name, payload)
        self.functions.append(name)
        self.meanwhile(name)
        try:
            if name == "CompensateMove":
                done = self.moving.compensate(Failure.model_validate(payload))
            else:
                done = self.moving.do(MoveTask.model_validate(payload))
        except TenantryError as error:
            told = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
            raise TaskError(type(error).__name__, told) from error
        return done.model_dump(mode="json")

    def move(self, account: Account, to: str) -> Operation:
        planned = self.service.move(OWNER, account.account_id, {"to": to}, dry_run=True).plan
        assert planned
        operation = self.service.move(
            OWNER, account.account_id, {"to": to}, plan=planned.hash
        ).operation
        assert operation
        return operation


def faulty(world: MoveWorld, function: str, fault: str) -> list[str]:
    """Let a function, or a step, fail so, once or for good; answers whether it has."""
    seen: list[str] = []
    kind, lasting = fault.removesuffix(" for good"), fault.endswith(" for good")

    def stands_in_the_way(name: str, call: Callable[[], Any]) -> Any:
        if name != function or (seen and not lasting) or len(seen) >= 8:
            return call()
        seen.append(name)
        if kind in FAULTS:
            raise TaskError(FAULTS[kind])
        call()
        if kind == "stopped":
            raise Stopped
        raise TaskError("UnavailableError")

    world.fault = stands_in_the_way
    return seen
