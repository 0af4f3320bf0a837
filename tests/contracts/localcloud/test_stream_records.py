"""A stream and its readers go on after a stop of the local cloud.

"Change data capture for DynamoDB Streams", DynamoDB developer guide: records are kept for 24 hours,
and each is read, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud import process
from localcloud.place import Place, free_port
from tests.contracts.localcloud.test_lifecycle import _functions_of, client
from tests.contracts.localcloud.test_stream_mappings import Stream


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Place]:
    where = Place(free_port(), tmp_path / "cloud")
    process.start(where)
    yield where
    process.stop(where)


@pytest.fixture
def stream(home: Place) -> Stream:
    return Stream(lambda service: client(home, service), _functions_of(home), "told")


def told(stream: Stream) -> list[str]:
    """Each once: what was given just before a stop may be given again."""
    return list(dict.fromkeys(key for batch in stream.seen() for key in batch))


def test_what_is_written_after_a_restart_is_told(
    home: Place, stream: Stream, until: Callable[..., Any]
) -> None:
    stream.consume()
    stream.write("a", "b", "c")
    until(lambda: len(told(stream)) == 3)

    process.stop(home)
    process.start(home)
    stream.write("d")

    until(lambda: len(told(stream)) == 4)
    assert told(stream) == ["a", "b", "c", "d"]


def test_what_nobody_had_read_when_it_stopped_is_told(
    home: Place, stream: Stream, until: Callable[..., Any]
) -> None:
    stream.consume()
    stream.write("a", "b")
    until(lambda: len(told(stream)) == 2)
    mappings = client(home, "lambda")
    mappings.update_event_source_mapping(UUID=stream.mapping, Enabled=False)
    stream.write("c", "d")

    process.stop(home)
    process.start(home)
    mappings.update_event_source_mapping(UUID=stream.mapping, Enabled=True)
    stream.write("e")

    until(lambda: len(told(stream)) == 5)
    assert told(stream) == ["a", "b", "c", "d", "e"]
