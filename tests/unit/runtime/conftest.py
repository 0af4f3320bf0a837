"""What the runtime wrote to the log."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tenantry.runtime.observability import logger


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The lines logged so far."""
    stream = io.StringIO()
    (handler,) = [h for h in logger.handlers if isinstance(h, logging.StreamHandler)]
    before = handler.setStream(stream)
    logger.clear_state()
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    handler.setStream(before)
    logger.clear_state()
