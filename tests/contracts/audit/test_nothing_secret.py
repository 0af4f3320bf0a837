"""What may never be in the audit: an event has no field for it, and a report no other source."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tenantry.audit.reporting import (
    ACCESS_TYPES,
    EXPORT_TYPES,
    SIGN_IN_TYPES,
    SUPPORT_TYPES,
    VENDOR_TYPES,
)
from tenantry.messaging.event import EventData
from tools.event_schemas import event_types

SECRET = re.compile(
    r"(^|_)(password|secret|token|code|otp|credential|hash|signature|cookie|session_key|"
    r"e?mail|phone|body|content|bytes|file)(_|$)"
)
# What only looks like it: a failure's stable code.
CODED = "Failed"


def names(schema: Any) -> Iterator[str]:
    """Every property's name in a schema, at any depth."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from names(value)


@pytest.mark.parametrize("event", event_types(), ids=lambda event: event.type)
def test_no_event_has_a_field_for_what_is_secret(event: type[EventData]) -> None:
    found = {
        name
        for name in names(event.model_json_schema())
        if SECRET.search(name) and not (name == "code" and event.type.endswith(CODED))
    }

    assert found == set()


@pytest.mark.parametrize("name", ["token", "invitation_token", "password", "email", "file_content"])
def test_such_a_field_would_be_noticed(name: str) -> None:
    assert SECRET.search(name)


def test_the_report_asks_for_types_of_events_that_there_are() -> None:
    asked = {*ACCESS_TYPES, *EXPORT_TYPES, *SIGN_IN_TYPES, *SUPPORT_TYPES, *VENDOR_TYPES}

    assert asked - {event.type for event in event_types()} == set()
