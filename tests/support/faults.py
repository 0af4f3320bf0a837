"""What goes wrong between a process and AWS, and a record of every call.

A fault stands between botocore and the network, under its retries, for every client of this
process: so the SDK's own behaviour is part of what is tested. A process that stops is a
BaseException, which no handler catches.

    with injected(lose_answer(at=1)) as calls:
        service.rename(...)
"""

import json
import random
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Protocol
from unittest.mock import patch

import botocore.endpoint
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.endpoint import Endpoint
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from tests.support.clock import no_sleep

WRITES = frozenset(
    {
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "BatchWriteItem",
        "TransactWriteItems",
        "PutEvents",
        "SendMessage",
        "SendMessageBatch",
        "AssumeRole",
    }
)
"""Operations that leave something behind; losing their answer is what can double it."""

type Answer = tuple[tuple[Any, dict[str, Any]] | None, Exception | None]
"""As botocore has it: the HTTP response and the parsed one, or the exception in their place."""
type Send = Callable[[], Answer]


@dataclass
class Call:
    """One attempt of an AWS call, as it went over the network."""

    service: str
    operation: str
    parameters: dict[str, Any]
    """Of JSON protocols; empty for others."""
    endpoint: str
    request: AWSPreparedRequest = field(repr=False)
    answer: dict[str, Any] | None = None
    """What came back, None when nothing did."""
    status: int | None = None


class Fault(Protocol):
    """Stands in the way of calls: sends them or not, and answers what it likes."""

    def __call__(self, call: Call, send: Send) -> Answer: ...


class Stopped(BaseException):
    """The process stopped here, as a crashed or timed-out function does."""


@dataclass
class Calls:
    """The attempts seen so far, in the order in which they began."""

    all: list[Call] = field(default_factory=list)

    def of(self, *operations: str) -> list[Call]:
        return [call for call in self.all if call.operation in operations]

    @property
    def operations(self) -> list[str]:
        return [call.operation for call in self.all]

    def __len__(self) -> int:
        return len(self.all)


@contextmanager
def injected(*faults: Fault) -> Iterator[Calls]:
    """Put `faults` in the way of every AWS call of this process, the first one outermost."""
    calls = Calls()
    lock = threading.Lock()
    original: Any = Endpoint._do_get_response  # type: ignore[attr-defined]

    def get_response(
        endpoint: Any, request: AWSPreparedRequest, operation_model: Any, context: Any
    ) -> Answer:
        call = Call(
            service=operation_model.service_model.service_name,
            operation=operation_model.name,
            parameters=_parameters(request),
            endpoint=str(endpoint.host),
            request=request,
        )
        with lock:
            calls.all.append(call)

        def send(position: int = 0) -> Answer:
            if position < len(faults):
                return faults[position](call, lambda: send(position + 1))
            answer: Answer = original(endpoint, request, operation_model, context)
            return answer

        answer = send()
        if answer[0] is not None:
            call.status, call.answer = answer[0][0].status_code, answer[0][1]
        return answer

    # The SDK's waits between its retries take no time here.
    with (
        patch.object(Endpoint, "_do_get_response", get_response),
        patch.object(botocore.endpoint, "time", SimpleNamespace(sleep=no_sleep)),
    ):
        yield calls


def recorded() -> Any:
    """Record every call, without any fault."""
    return injected()


class _Counted:
    """Counts the calls that a fault is about; the k-th is counted from 1, over all threads."""

    def __init__(self, operations: Collection[str] | None) -> None:
        self._operations = operations
        self._seen = 0
        self._lock = threading.Lock()

    def number(self, call: Call) -> int:
        """The call's number, 0 when the fault is not about it."""
        if self._operations is not None and call.operation not in self._operations:
            return 0
        with self._lock:
            self._seen += 1
            return self._seen


class _Chance:
    """Throws seeded dice, the same from any thread."""

    def __init__(self, share: float, seed: int) -> None:
        self._share = share
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def hit(self) -> bool:
        with self._lock:
            return self._random.random() < self._share


def lose_answer(at: int = 1, operations: Collection[str] | None = WRITES) -> Fault:
    """The `at`-th of these calls takes effect, and its answer never arrives."""
    counted = _Counted(operations)

    def fault(call: Call, send: Send) -> Answer:
        if counted.number(call) != at:
            return send()
        send()
        return None, ReadTimeoutError(endpoint_url=call.endpoint)

    return fault


def lose_answers(share: float, seed: int, operations: Collection[str] | None = WRITES) -> Fault:
    """A share of these calls takes effect without an answer."""
    chance, counted = _Chance(share, seed), _Counted(operations)

    def fault(call: Call, send: Send) -> Answer:
        answer = send()
        if counted.number(call) and chance.hit():
            return None, ReadTimeoutError(endpoint_url=call.endpoint)
        return answer

    return fault


def stop_before(at: int, operations: Collection[str] | None = None) -> Fault:
    """The process stops before its `at`-th call leaves."""
    counted = _Counted(operations)

    def fault(call: Call, send: Send) -> Answer:
        if counted.number(call) == at:
            raise Stopped(f"before {call.operation}")
        return send()

    return fault


def stop_after(at: int, operations: Collection[str] | None = None) -> Fault:
    """The process stops when its `at`-th call has taken effect."""
    counted = _Counted(operations)

    def fault(call: Call, send: Send) -> Answer:
        number = counted.number(call)
        answer = send()
        if number == at:
            raise Stopped(f"after {call.operation}")
        return answer

    return fault


def down(*operations: str, services: Collection[str] = ()) -> Fault:
    """These operations, or whole services, cannot be reached."""

    def fault(call: Call, send: Send) -> Answer:
        if call.operation in operations or call.service in services:
            return None, EndpointConnectionError(endpoint_url=call.endpoint)
        return send()

    return fault


def refused(
    code: str,
    *operations: str,
    share: float = 1.0,
    seed: int = 0,
    first: int | None = None,
    status: int = 400,
) -> Fault:
    """A share of these operations (or only the `first` ones; of all when none is named) is refused.

    Nothing of a refused call takes effect. ThrottlingException, InternalServerError (with
    status=500), TransactionConflictException and so on.
    """
    chance, counted = _Chance(share, seed), _Counted(operations or None)

    def fault(call: Call, send: Send) -> Answer:
        number = counted.number(call)
        if number and (first is None or number <= first) and chance.hit():
            return error_answer(call, code, status)
        return send()

    return fault


def transaction_conflicts(share: float, seed: int) -> Fault:
    """A share of transactions is cancelled, as one of its items is in another transaction."""
    chance = _Chance(share, seed)

    def fault(call: Call, send: Send) -> Answer:
        if call.operation != "TransactWriteItems" or not chance.hit():
            return send()
        others = len(call.parameters["TransactItems"]) - 1
        reasons = [{"Code": "TransactionConflict"}, *({"Code": "None"} for _ in range(others))]
        return error_answer(
            call, "TransactionCanceledException", extra={"CancellationReasons": reasons}
        )

    return fault


def unprocessed(share: float, seed: int) -> Fault:
    """A share of what BatchGetItem and BatchWriteItem ask for is left undone, and said so."""
    chance = _Chance(share, seed)

    def fault(call: Call, send: Send) -> Answer:
        if call.operation not in ("BatchGetItem", "BatchWriteItem"):
            return send()
        reads = call.operation == "BatchGetItem"
        done: dict[str, Any] = {}
        left: dict[str, Any] = {}
        for table, asked in call.parameters["RequestItems"].items():
            for each in asked["Keys"] if reads else asked:
                target = left if chance.hit() else done
                if reads:
                    target.setdefault(table, {**asked, "Keys": []})["Keys"].append(each)
                else:
                    target.setdefault(table, []).append(each)
        name = "UnprocessedKeys" if reads else "UnprocessedItems"
        if not done:
            return _answer(call, 200, {name: left, "Responses": {}} if reads else {name: left})
        rewrite(call.request, {**call.parameters, "RequestItems": done})
        answer, exception = send()
        if answer is not None and left:
            answer[1][name] = left
        return answer, exception

    return fault


def partly_refused(share: float, seed: int, code: str = "ThrottlingException") -> Fault:
    """A share of PutEvents' entries is refused, each for itself, in an answer that is no error."""
    chance = _Chance(share, seed)

    def fault(call: Call, send: Send) -> Answer:
        if call.operation != "PutEvents":
            return send()
        entries = call.parameters["Entries"]
        kept = [entry for entry in entries if not chance.hit()]
        results: Iterator[dict[str, Any]] = iter(())
        if kept:
            rewrite(call.request, {**call.parameters, "Entries": kept})
            answer, exception = send()
            if answer is None or answer[0].status_code >= 300:
                return answer, exception
            results = iter(answer[1]["Entries"])
        refusal = {"ErrorCode": code, "ErrorMessage": "injected"}
        positions = {id(entry) for entry in kept}
        merged = [next(results) if id(e) in positions else dict(refusal) for e in entries]
        body = {"Entries": merged, "FailedEntryCount": len(entries) - len(kept)}
        return _answer(call, 200, body)

    return fault


def error_answer(
    call: Call, code: str, status: int = 400, extra: Mapping[str, Any] | None = None
) -> Answer:
    """The answer of AWS that says `code`."""
    return _answer(call, status, {"Error": {"Code": code, "Message": "injected"}, **(extra or {})})


def answered(call: Call, body: Mapping[str, Any]) -> Answer:
    """An answer that AWS did not give: the call goes nowhere."""
    return _answer(call, 200, body)


def _answer(call: Call, status: int, body: Mapping[str, Any]) -> Answer:
    raw: Any = SimpleNamespace(stream=lambda: iter([json.dumps(body).encode()]))
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0}
    return (
        (
            AWSResponse(call.endpoint, status, HTTPHeaders(), raw),
            {**body, "ResponseMetadata": metadata},
        ),
        None,
    )


def _parameters(request: AWSPreparedRequest) -> dict[str, Any]:
    body: Any = request.body
    try:
        parsed = json.loads(body) if isinstance(body, bytes | str) else {}
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def rewrite(request: AWSPreparedRequest, parameters: Mapping[str, Any]) -> None:
    """Send other parameters (of a JSON protocol) instead of the client's."""
    request.body = json.dumps(parameters).encode()
    request.headers["Content-Length"] = str(len(request.body))
