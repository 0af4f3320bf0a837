"""A Python function's error carries its exception's class name, and does not end the process.

MiniStack reports every exception as `Runtime.HandlerError` and kills the worker. On AWS the
error is `{errorMessage, errorType, requestId, stackTrace}` with the class's name, which
Step Functions matches in Retry and Catch, and the environment serves the next call: see "Lambda
function errors in Python" in the Lambda developer guide.
"""

from __future__ import annotations

import functools
from contextvars import ContextVar
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

_HANDLER_FAILED = (
    'json.dumps({"status": "error", "error": str(e), "trace": traceback.format_exc()})'
)
_HANDLER_ANSWERED = (
    'json.dumps({"status": "ok", "result": None, "raised": {"errorMessage": str(e), '
    '"errorType": type(e).__name__, "requestId": context.aws_request_id, '
    '"stackTrace": traceback.format_tb(e.__traceback__)}, "trace": traceback.format_exc()})'
)
_INIT_FAILED = 'json.dumps({"status": "error", "error": str(e)})'
_INIT_REPORTED = (
    'json.dumps({"status": "error", "error": ("Unable to import module " + repr(module_name) '
    '+ ": " + str(e)) if isinstance(e, ImportError) else str(e)})'
)

_raised: ContextVar[dict[str, Any] | None] = ContextVar("raised", default=None)


def install() -> None:
    """Report exceptions as AWS does and keep the worker that raised."""
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    for expected in (_HANDLER_FAILED, _INIT_FAILED):
        if expected not in script:
            raise RuntimeError(f"MiniStack's Python worker has changed: no {expected}")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(
        _HANDLER_FAILED, _HANDLER_ANSWERED
    ).replace(_INIT_FAILED, _INIT_REPORTED)
    lambda_runtime.Worker.invoke = _reporting(lambda_runtime.Worker.invoke)
    lambda_svc._execute_function_warm = _typed(lambda_svc._execute_function_warm)


def _reporting(invoke: Any) -> Any:
    @functools.wraps(invoke)
    def invoke_and_note(*args: Any, **kwargs: Any) -> Any:
        response = invoke(*args, **kwargs)
        raised = response.get("raised")
        _raised.set(raised)
        if raised is None:
            return response
        return {**response, "status": "error", "error": raised["errorMessage"]}

    return invoke_and_note


def _typed(execute: Any) -> Any:
    @functools.wraps(execute)
    def execute_typed(*args: Any, **kwargs: Any) -> Any:
        token = _raised.set(None)
        try:
            result = execute(*args, **kwargs)
            raised = _raised.get()
        finally:
            _raised.reset(token)
        return {**result, "body": raised} if raised and result.get("error") else result

    return execute_typed
