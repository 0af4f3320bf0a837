"""Invoking a user pool's trigger: the event, the five seconds, the tries, the errors.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
"""

from __future__ import annotations

import contextvars
import json
import logging
import queue
import threading
from collections.abc import Mapping
from typing import Any

import ministack.app
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
from ministack.services import cognito, lambda_svc

from localcloud.edge.cognito.calls import CognitoError, Pool, User, attributes_of

logger = logging.getLogger("localcloud.cognito")

TIMEOUT_SECONDS = 5.0
TRIES = 3
PRINCIPAL = "cognito-idp.amazonaws.com"
_SDK_VERSION = "aws-sdk-unknown-unknown"


def arn_of(pool: Pool, trigger: str) -> str | None:
    """The function configured for a trigger."""
    arn = (pool.get("LambdaConfig") or {}).get(trigger)
    return str(arn) if arn else None


def event_attributes(user: User) -> dict[str, str]:
    """The attributes of an existing user as events carry them: with the user's status."""
    return attributes_of(user) | {"cognito:user_status": user["UserStatus"]}


def fire(
    pool: Pool,
    trigger: str,
    source: str,
    *,
    user_name: str,
    client_id: str,
    request: Mapping[str, Any],
    response: Mapping[str, Any],
    client_metadata: Mapping[str, str] | None = None,
) -> dict[str, Any] | None:
    """Invoke the trigger `source` of a pool and return its `response`; None when it has none.

    Raises CognitoError with what AWS tells the client when the function fails.
    """
    arn = arn_of(pool, trigger)
    if arn is None:
        return None
    details = dict(request)
    # AWS leaves clientMetadata out when the request sent none.
    if client_metadata:
        details["clientMetadata"] = dict(client_metadata)
    event = {
        "version": "1",
        "triggerSource": source,
        "region": cognito._pool_region(pool["Id"]),
        "userPoolId": pool["Id"],
        "userName": user_name,
        "callerContext": {"awsSdkVersion": _SDK_VERSION, "clientId": client_id},
        "request": details,
        "response": dict(response),
    }
    return invoke(pool, trigger, arn, event)


def invoke(pool: Pool, trigger: str, arn: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Run the function with Cognito's patience and return the `response` of its event.

    Raises CognitoError: UserLambdaValidationException when the function raised,
    UnexpectedLambdaException when it could not be run or did not answer in time,
    InvalidLambdaResponseException when it returned something else than its event.
    """
    record, config, _name = lambda_svc._get_func_record_for_ref(arn)
    if record is None or config is None:
        raise _not_invoked(trigger, "ResourceNotFoundException")
    if not _permitted(pool, arn, config["FunctionArn"]):
        raise _not_invoked(trigger, "AccessDeniedException")
    execution = lambda_svc._execution_record_for_config(record, config)
    reason = ""
    for number in range(1, TRIES + 1):
        result = _attempt(execution, event)
        if result is None:
            reason = "Socket timeout while invoking Lambda function"
        elif result.get("throttle"):
            reason = "TooManyRequestsException"
        else:
            return _response(trigger, result)
        logger.warning("%s of %s: try %d: %s", trigger, pool["Id"], number, reason)
    raise _not_invoked(trigger, reason)


def _attempt(execution: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any] | None:
    """One invocation; None when it takes too long: the function itself goes on, as on AWS."""
    outcome: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    context = contextvars.copy_context()

    def run() -> None:
        outcome.put(
            context.run(lambda_svc._execute_function_with_config_scope, execution, dict(event))
        )

    threading.Thread(target=run, name="cognito-trigger", daemon=True).start()
    try:
        return outcome.get(timeout=TIMEOUT_SECONDS)
    except queue.Empty:
        return None


def _response(trigger: str, result: Mapping[str, Any]) -> dict[str, Any]:
    if result.get("error"):
        raise CognitoError(
            "UserLambdaValidationException", f"{trigger} failed with error {_message(result)}."
        )
    returned = _decoded(result.get("body"))
    if not isinstance(returned, dict) or "response" not in returned:
        raise unrecognizable()
    response = returned["response"]
    if response is None:
        return {}
    if not isinstance(response, dict):
        raise unrecognizable()
    return response


def unrecognizable() -> CognitoError:
    """What AWS says of an answer that does not have the event's shape."""
    return CognitoError("InvalidLambdaResponseException", "Unrecognizable lambda output")


def _decoded(body: Any) -> Any:
    if isinstance(body, bytes | str):
        try:
            return json.loads(body)
        except ValueError:
            return None
    return body


def _message(result: Mapping[str, Any]) -> str:
    body = _decoded(result.get("body"))
    if isinstance(body, dict):
        return str(body.get("errorMessage", ""))
    return str(result.get("body") or "")


def _not_invoked(trigger: str, reason: str) -> CognitoError:
    return CognitoError(
        "UnexpectedLambdaException", f"{trigger} invocation failed due to error {reason}."
    )


def _permitted(pool: Pool, reference: str, function_arn: str) -> bool:
    """Whether the function's resource policy lets Cognito invoke it for this pool."""
    if not ministack.app.AUTH:
        return True
    base, _config, _name = lambda_svc._get_base_func_record_for_ref(reference)
    pool_arn = str(pool["Arn"])
    context = EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action="lambda:InvokeFunction",
        resource_arn=reference if reference.startswith("arn:") else function_arn,
        region=cognito._pool_region(pool["Id"]),
        service_context={
            "aws:sourcearn": pool_arn,
            "aws:sourceaccount": pool_arn.split(":")[4],
        },
    )
    verdict = evaluate_resource_policy((base or {}).get("policy"), context, service=PRINCIPAL)
    return bool(verdict.decision == "Allow")
