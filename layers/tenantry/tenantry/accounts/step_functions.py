"""Adapter: runs of the state machines, named after the operation and its run."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from tenantry.accounts.model import Kind, Operation, OperationStatus
from tenantry.runtime.services import calling

if TYPE_CHECKING:
    from types_boto3_stepfunctions.client import SFNClient

_called: Final = calling("Step Functions")


class StepFunctionsExecutions:
    def __init__(self, client: "SFNClient", machine_arns: Mapping[Kind, str]) -> None:
        """Each kind of operation has a state machine of its own."""
        self._client: Any = client
        self._machine_arns = machine_arns

    def start(self, operation: Operation) -> None:
        try:
            _called(
                self._client.start_execution,
                stateMachineArn=self._machine_arns[operation.kind],
                name=operation.execution_name,
                input=json.dumps(execution_input(operation)),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise

    def status(self, operation: Operation) -> str | None:
        try:
            found = _called(self._client.describe_execution, executionArn=self._arn(operation))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return None
            raise
        return str(found["status"])

    def stop(self, operation: Operation, cause: str) -> None:
        try:
            _called(self._client.stop_execution, executionArn=self._arn(operation), cause=cause)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise

    def _arn(self, operation: Operation) -> str:
        machine = self._machine_arns[operation.kind].replace(":stateMachine:", ":execution:")
        return f"{machine}:{operation.execution_name}"


def execution_input(operation: Operation) -> dict[str, Any]:
    """The same for the same run: a start that is repeated is known by it."""
    return {
        "tenant_id": operation.tenant_id,
        "account_id": operation.account_id,
        "operation_id": operation.operation_id,
        "run": operation.run,
        "cloud_type": operation.cloud_type.value,
        "own_buckets": operation.own_buckets,
        "undo": operation.status is OperationStatus.COMPENSATING,
        "correlation_id": operation.correlation_id,
    }
