"""What arrives is believed only if it is an event of ours, from an account that may speak."""

from typing import Any

import pytest

from tenantry.errors import CorruptDataError, ForbiddenError
from tenantry.messaging.delivery import PlatformSenders, received
from tenantry.messaging.event import Envelope
from tenantry.messaging.stamp import Stamp
from tests.support.invocations import ACCOUNT, bus_event
from tests.support.things import changed

SENDERS = PlatformSenders(ACCOUNT)


class Everyone:
    def may_speak(self, account: str, tenant_id: str | None) -> bool:
        return True


@pytest.fixture
def envelope(stamp: Stamp) -> Envelope:
    event = changed(stamp, "secret")
    return Envelope(
        **event.model_dump(),
        tenant_id="acme",
        entity_type="Thing",
        entity_id="1",
        entity_version=3,
    )


def test_the_platforms_own_event_is_received_as_it_was_sent(envelope: Envelope) -> None:
    assert received(bus_event(envelope), SENDERS) == envelope


def test_fields_that_are_not_known_yet_are_tolerated(envelope: Envelope) -> None:
    event = bus_event(envelope)
    event["detail"]["later"] = {"any": "thing"}
    assert received(event, SENDERS) == envelope


def test_another_account_is_refused(envelope: Envelope) -> None:
    event = bus_event(envelope, account="111111111111")
    with pytest.raises(ForbiddenError):
        received(event, SENDERS)
    assert received(event, Everyone()) == envelope  # the twin: without the rule it is believed


def test_an_account_named_inside_the_detail_counts_for_nothing(envelope: Envelope) -> None:
    event = bus_event(envelope, account="111111111111")
    event["detail"]["account"] = ACCOUNT
    with pytest.raises(ForbiddenError):
        received(event, SENDERS)


@pytest.mark.parametrize(
    "body",
    ["", "null", "[]", "5", '"text"', "{", "{}", '{"detail": 5}', '{"detail": {}}', "[" * 200_000],
)
def test_what_is_no_event_is_corrupt(body: str) -> None:
    with pytest.raises(CorruptDataError):
        received(body, SENDERS)


@pytest.mark.parametrize(
    "other",
    [
        {"source": "tenantry.others"},
        {"source": "aws.ec2"},
        {"detail-type": "SomethingElse"},
        {"detail": {"id": "1"}},
    ],
)
def test_an_event_that_says_two_things_is_corrupt(
    envelope: Envelope, other: dict[str, Any]
) -> None:
    with pytest.raises(CorruptDataError) as corrupt:
        received({**bus_event(envelope), **other}, SENDERS)
    assert "secret" not in str(corrupt.value)


@pytest.mark.parametrize("missing", ["account", "source", "detail-type", "detail"])
def test_an_event_that_lacks_a_field_is_corrupt(envelope: Envelope, missing: str) -> None:
    event = bus_event(envelope)
    del event[missing]
    with pytest.raises(CorruptDataError):
        received(event, SENDERS)
