"""Every fixture names the AWS page it follows and is an event to Powertools.

The other tests compare what triggers receive with these fixtures, whole and exactly.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import cognito_user_pool_event

FIXTURES = sorted((Path(__file__).parents[1] / "fixtures" / "cognito").glob("*.json"))
PAGES = "https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-"
# Cognito sends no password when one was forgotten; Powertools' property looks only at the event.
NOT_IN_THE_REQUEST = {"password"}


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_the_fixture_is_an_event_to_powertools(path: Path) -> None:
    fixture = json.loads(path.read_text())

    event = getattr(cognito_user_pool_event, fixture["powertools"])(fixture["event"])

    assert fixture["page"].startswith(PAGES)
    assert event.trigger_source == fixture["event"]["triggerSource"]
    assert event.user_pool_id == "{pool}"
    assert event.region == "{region}"
    assert event.caller_context.client_id
    for name, value in read(event.request).items():
        # Powertools says {} or [] of what Cognito leaves out or sends as null.
        sent = fixture["event"]["request"].get(camel(name))
        assert (value or None) == (sent or None) or value == sent


def read(wrapped: Any) -> dict[str, Any]:
    """What Powertools' properties say that are of plain types."""
    names = [
        name
        for name in dir(type(wrapped))
        if isinstance(getattr(type(wrapped), name), property) and name not in NOT_IN_THE_REQUEST
    ]
    values = {name: getattr(wrapped, name) for name in names if name != "raw_event"}
    plain = (str, bool, list, dict, type(None))
    return {name: value for name, value in values.items() if isinstance(value, plain)}


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)
