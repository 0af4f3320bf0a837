"""The process that a bench starts in Lambda's place: `python -I -S -B probe.py <job> <result>`.

It knows nothing but the standard library: the folders of the job are all that a handler can import.
What it measures begins before it: the parent takes the time before it starts the process, on the
same clock. It runs isolated, so it is one file and needs no package.
"""

import importlib
import json
import sys
import time
from typing import Any


class Context:
    """What Lambda hands a handler beside the event."""

    aws_request_id = "5f6f0a1e-0000-4000-8000-000000000001"
    function_name = "bench"
    function_version = "$LATEST"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:eu-central-1:000000000000:function:bench"
    log_group_name = "/aws/lambda/bench"
    log_stream_name = "bench"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


def main() -> None:
    job = json.loads(open(sys.argv[1], "rb").read())  # noqa: SIM115, PTH123 - no import is free
    sys.path[:0] = job["path"]
    compiled: list[str] = []
    if job["count_compiled"]:
        _count_compiled(compiled)
    result: dict[str, Any] = {"compiled": compiled}
    module, _, name = job["handler"].rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    result["imported"] = time.monotonic_ns()
    result["answer"] = handler(job["event"], Context())
    result["answered"] = time.monotonic_ns()
    result["cpu"] = time.process_time_ns()
    result["modules"] = len(sys.modules)
    if job["warm"]:
        result["warm"] = _warm(handler, json.dumps(job["event"]), job["warm"])
    with open(sys.argv[2], "w") as file:  # noqa: PTH123
        json.dump(result, file, default=str)


def _count_compiled(compiled: list[str]) -> None:
    loader: Any = importlib._bootstrap_external.SourceLoader
    original = loader.source_to_code

    def source_to_code(self: Any, data: Any, path: Any, **options: Any) -> Any:
        compiled.append(str(path))
        return original(self, data, path, **options)

    loader.source_to_code = source_to_code


def _warm(handler: Any, event: str, times: int) -> dict[str, list[float]]:
    """CPU milliseconds of each call: in all, and without what its AWS calls took."""
    import threading

    from botocore.client import BaseClient

    in_calls = 0
    lock = threading.Lock()
    client: Any = BaseClient
    original = client._make_api_call

    def make_api_call(self: Any, *arguments: Any) -> Any:
        nonlocal in_calls
        started = time.thread_time_ns()
        try:
            return original(self, *arguments)
        finally:
            with lock:
                in_calls += time.thread_time_ns() - started

    client._make_api_call = make_api_call
    whole, own = [], []
    for number in range(times + times // 4):
        given = json.loads(event)
        in_calls = 0
        started = time.process_time_ns()
        handler(given, Context())
        taken = time.process_time_ns() - started
        if number >= times // 4:
            whole.append(taken / 1e6)
            own.append((taken - in_calls) / 1e6)
    return {"whole": whole, "own": own}


if __name__ == "__main__":
    main()
