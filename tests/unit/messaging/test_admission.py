"""What an organisation's own AWS account tells is believed of that organisation, and no further."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tenantry.errors import CorruptDataError, ForbiddenError, UnavailableError
from tenantry.messaging.admission import Admission
from tenantry.messaging.event import Envelope
from tenantry.messaging.registered import RegisteredSenders
from tenantry.persistence.keys import organization_key
from tenantry.persistence.writes import Create
from tests.support.fakes.table import InMemoryTable

OWN, STRANGE = "111122223333", "444455556666"
BELIEVED = {
    ("Task", "work", "TaskCreated"),
    ("AccountProbe", "accounts", "AccountProbed"),
    ("AuditExport", "audit", "AuditExportRequested"),
}
ROUTE = {"kind": "dedicated", "state": "active", "aws_account": OWN}


class Bus:
    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.refuses = False

    def publish(self, events: Sequence[Envelope]) -> Mapping[int, str]:
        if self.refuses:
            return {0: "ThrottlingException"}
        self.taken += events
        return {}


def told(
    account: str = OWN,
    tenant_id: str = "acme",
    context: str = "work",
    kind: str = "TaskCreated",
    entity_type: str = "Task",
    **other: Any,
) -> str:
    """Follows "Events from Amazon EventBridge" and "DynamoDB Streams record"."""
    event = {
        "id": {"S": "e1"},
        "type": {"S": kind},
        "context": {"S": context},
        "occurred_at": {"S": "2026-11-26T05:00:00+00:00"},
        "actor": {"M": {"id": {"S": "ada"}}},
        "data": {"M": {}},
    }
    image = {
        "tenant_id": {"S": tenant_id},
        "entity_type": {"S": entity_type},
        "entity_id": {"S": "t-1"},
        "entity_version": {"N": "1"},
        "events": {"L": [{"M": event}]},
    }
    return json.dumps(
        {
            "account": account,
            "source": "tenantry.changes",
            "detail-type": "ItemChanged",
            "detail": {"eventName": "INSERT", "dynamodb": {"NewImage": image}},
            **other,
        }
    )


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def admission(bus: Bus) -> Admission:
    table = InMemoryTable()
    for tenant_id, route in (
        ("acme", ROUTE),
        ("other", {**ROUTE, "aws_account": STRANGE}),
        ("gone", {**ROUTE, "state": "deleted"}),
        ("ending", {**ROUTE, "state": "deleting"}),
        ("new", {**ROUTE, "state": "creating"}),
        ("private", {**ROUTE, "kind": "private"}),
        ("shared", {}),
    ):
        table.write(Create(organization_key(tenant_id), {"entity_type": "x", "route": route}))
    return Admission(RegisteredSenders(table), bus, BELIEVED)


def test_the_organisations_own_account_is_heard(admission: Admission, bus: Bus) -> None:
    (envelope,) = admission.admit(told())

    assert bus.taken == [envelope]
    assert (envelope.tenant_id, envelope.type) == ("acme", "TaskCreated")


def test_it_is_heard_while_it_is_set_up_since_its_probe_comes_then(
    admission: Admission, bus: Bus
) -> None:
    admission.admit(told(OWN, "new", "accounts", "AccountProbed", "AccountProbe"))

    assert [each.type for each in bus.taken] == ["AccountProbed"]


@pytest.mark.parametrize(
    ("account", "tenant_id"),
    [
        (OWN, "other"),
        (STRANGE, "acme"),
        ("000000000000", "acme"),
        (OWN, "private"),
        (OWN, "shared"),
        (OWN, "nobody"),
        (OWN, "gone"),
        (OWN, "ending"),
        ("", "acme"),
    ],
)
def test_no_account_speaks_for_another_organisation(
    admission: Admission, bus: Bus, account: str, tenant_id: str
) -> None:
    with pytest.raises(ForbiddenError):
        admission.admit(told(account, tenant_id))
    assert bus.taken == []


@pytest.mark.parametrize(
    ("context", "kind"),
    [
        ("billing", "PlanChanged"),
        ("organizations", "MemberRemoved"),
        ("accounts", "AccountProvisioned"),
        ("accounts", "AccountTornDown"),
        ("identity", "UserSuspended"),
        ("audit", "AuditGapFound"),
        ("audit", "AuditGapRepaired"),
    ],
)
@pytest.mark.parametrize("entity_type", ["Task", "AuditExport"])
def test_nothing_of_the_platforms_own_is_believed_of_it(
    admission: Admission, bus: Bus, context: str, kind: str, entity_type: str
) -> None:
    with pytest.raises(ForbiddenError):
        admission.admit(told(context=context, kind=kind, entity_type=entity_type))
    assert bus.taken == []


@pytest.mark.parametrize(
    ("entity_type", "context", "kind"),
    [
        ("Membership", "work", "TaskCreated"),
        ("Membership", "audit", "AuditExportRequested"),
        ("AuditExport", "work", "AuditExportRequested"),
        ("AuditExport", "audit", "TaskCreated"),
    ],
)
def test_an_event_is_believed_of_the_entities_that_tell_it_alone(
    admission: Admission, bus: Bus, entity_type: str, context: str, kind: str
) -> None:
    """Versions of the platform's own entities are counted by what is told of them."""
    with pytest.raises(ForbiddenError):
        admission.admit(told(context=context, kind=kind, entity_type=entity_type))
    assert bus.taken == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        told(source="tenantry.work"),
        told(source="aws.cloudwatch"),
        told(**{"detail-type": "TaskCreated"}),
        told(detail="text"),
    ],
)
def test_what_is_no_change_is_refused(admission: Admission, bus: Bus, body: str) -> None:
    with pytest.raises(CorruptDataError):
        admission.admit(body)
    assert bus.taken == []


def test_a_bus_that_does_not_take_it_gets_it_again(admission: Admission, bus: Bus) -> None:
    bus.refuses = True

    with pytest.raises(UnavailableError):
        admission.admit(told())
