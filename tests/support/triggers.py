"""Cognito as its triggers meet it: each is called up to three times, and given five seconds.

Events follow "Customizing user pool workflows with Lambda triggers" in the Cognito developer
guide: https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
"""

import copy
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.support.lambda_context import lambda_context

LIMIT = 5.0
"""Seconds that Cognito waits for a trigger."""
TIMES = 3
"""How often Cognito calls a trigger that does not answer in time."""

type Handler = Callable[[dict[str, Any], LambdaContext], Any]


def cognito_event(
    source: str,
    user_name: str,
    attributes: Mapping[str, str] | None = None,
    *,
    user_pool_id: str = "eu-central-1_TestPool1",
    client_id: str = "testclient0000000000000000",
    response: Mapping[str, Any] | None = None,
    version: str = "1",
    **request: Any,
) -> dict[str, Any]:
    """A trigger's event; `request` adds to what it has beside the user's attributes."""
    return {
        "version": version,
        "triggerSource": source,
        "region": "eu-central-1",
        "userPoolId": user_pool_id,
        "userName": user_name,
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": client_id},
        "request": {"userAttributes": dict(attributes or {}), **request},
        "response": dict(response or {}),
    }


@dataclass(frozen=True)
class Outcome:
    """What one call of a trigger came to."""

    answer: dict[str, Any] | None
    refusal: Exception | None
    seconds: float

    @property
    def response(self) -> dict[str, Any]:
        """The answered event's response; the refusal is raised when there is no answer."""
        if self.answer is None:
            raise self.refusal or AssertionError("neither an answer nor a refusal")
        response: dict[str, Any] = self.answer["response"]
        return response


def fire(handler: Handler, event: Mapping[str, Any], limit: float = LIMIT) -> Outcome:
    """Call a trigger once; AssertionError when it takes longer than Cognito waits."""
    started = time.perf_counter()
    answer: dict[str, Any] | None = None
    refusal: Exception | None = None
    try:
        answer = handler(copy.deepcopy(dict(event)), lambda_context())
    except Exception as error:
        refusal = error
    seconds = time.perf_counter() - started
    assert seconds < limit, f"{event['triggerSource']} took {seconds:.1f} s of {limit} s"
    return Outcome(answer, refusal, seconds)


def fire_thrice(
    handler: Handler, event: Mapping[str, Any], *, at_once: bool = False, limit: float = LIMIT
) -> list[Outcome]:
    """Call a trigger three times with one event, one after another or all at once."""
    if not at_once:
        return [fire(handler, event, limit) for _ in range(TIMES)]
    barrier = threading.Barrier(TIMES)

    def one() -> Outcome:
        barrier.wait()
        return fire(handler, event, limit)

    with ThreadPoolExecutor(TIMES) as pool:
        return [future.result() for future in [pool.submit(one) for _ in range(TIMES)]]
