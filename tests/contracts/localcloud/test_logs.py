"""Following the functions' logs shows each line once, in order, of the functions asked for."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.logs import Line, follow

SOURCE = """
import json

def handler(event, context):
    print(json.dumps({"level": "WARNING", "message": event["say"], "tenant_id": "t1"}))
    print("plain " + event["say"])
"""


@pytest.fixture
def following(client: Any, functions: Any) -> tuple[Any, Iterator[Line]]:
    """Says something in a function; the lines that following it gives."""
    name = functions.create(SOURCE)
    functions.create(SOURCE)

    def say(text: str) -> None:
        client("lambda").invoke(FunctionName=name, Payload=f'{{"say": "{text}"}}')

    say("hello")
    deadline = time.monotonic() + 20

    def wait(seconds: float) -> None:
        if time.monotonic() > deadline:
            pytest.fail("no more lines in time")
        time.sleep(seconds)

    return say, follow(client("logs"), function=name, wait=wait)


def test_lines_are_told_once_and_platform_lines_not_at_all(
    following: tuple[Any, Iterator[Line]],
) -> None:
    say, lines = following

    first = list(itertools.islice(lines, 2))
    say("again")
    second = list(itertools.islice(lines, 2))

    assert [line.text for line in first + second] == [
        "hello",
        "plain hello",
        "again",
        "plain again",
    ]
    assert first[0].level == "WARNING"
    assert first[0].fields["tenant_id"] == "t1"
    assert first[1].level == "INFO"
