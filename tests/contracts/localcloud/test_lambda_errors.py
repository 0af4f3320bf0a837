"""What a caller learns of a function that raised.

"Python Lambda function exceptions", AWS Lambda developer guide:
https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
"""

from __future__ import annotations

import json
from typing import Any

RAISING = """
import os

class SeatLimitError(Exception):
    pass

def handler(event, context):
    if event.get("raise"):
        raise SeatLimitError("no seat left")
    return {"process": os.getpid()}
"""


def invoke(client: Any, name: str, event: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    answer = client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


def test_the_error_type_is_the_name_of_the_exceptions_class(client: Any, functions: Any) -> None:
    name = functions.create(RAISING)

    error, body = invoke(client, name, {"raise": True})

    assert error == "Unhandled"
    assert body["errorType"] == "SeatLimitError"
    assert body["errorMessage"] == "no seat left"
    assert body["requestId"]
    assert any("module.py" in line for line in body["stackTrace"])


def test_an_environment_that_raised_serves_the_next_call(client: Any, functions: Any) -> None:
    name = functions.create(RAISING)
    _, before = invoke(client, name, {})

    invoke(client, name, {"raise": True})

    _, after = invoke(client, name, {})
    assert after == before


def test_a_state_machine_catches_the_exception_by_its_class(
    client: Any, functions: Any, name: str, until: Any
) -> None:
    function = functions.create(RAISING)
    states = client("stepfunctions")
    definition = {
        "StartAt": "Try",
        "States": {
            "Try": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": function, "Payload": {"raise": True}},
                "Catch": [{"ErrorEquals": ["SeatLimitError"], "Next": "Caught"}],
                "End": True,
            },
            "Caught": {"Type": "Pass", "Result": "caught", "End": True},
        },
    }
    machine = states.create_state_machine(
        name=name,
        definition=json.dumps(definition),
        roleArn=functions.role(
            name,
            "states.amazonaws.com",
            [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}],
        ),
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]

    def finished() -> Any:
        described = states.describe_execution(executionArn=execution)
        return described if described["status"] != "RUNNING" else None

    described = until(finished)
    assert described["status"] == "SUCCEEDED", described
    assert json.loads(described["output"]) == "caught"
