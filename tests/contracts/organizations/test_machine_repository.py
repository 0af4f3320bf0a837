"""Programs that act for an organisation: which one is kept by us, and read with every request."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from tenantry.errors import ConflictError, NotAMemberError
from tenantry.organizations.machines import Machine, MachineWrites
from tenantry.tenancy.access import CallLimit
from tenantry.tenancy.metering import StoredCalls, Unmetered
from tests.contracts.organizations.conftest import Stores
from tests.contracts.organizations.test_organization_repository import event, member, organization
from tests.support.clock import START

WRITES = MachineWrites()
SCOPES = frozenset({"accounts.read"})


def machine(client_id: str = "client-1", number: int = 1, tenant_id: str = "t-1") -> Machine:
    return Machine(
        tenant_id=tenant_id,
        client_id=client_id,
        account_id="a-1",
        name="erp",
        number=number,
        created_at=START,
    )


@pytest.fixture
def made(stores: Stores) -> Stores:
    """Two organisations; the first one has a program."""
    stores.organizations.create(organization(), member(), event(), event())
    stores.organizations.create(organization("t-2", "other"), member("t-2"), event(), event())
    stores.machines.save(WRITES.bound(machine(), event()))
    return stores


def test_a_program_acts_for_its_organisation_and_for_no_other(made: Stores) -> None:
    found = made.machines.appearing("t-1", "client-1")

    standing = found.found(SCOPES, START, Unmetered())
    assert (standing.tenant_id, standing.user_id, standing.machine) == ("t-1", "client-1", SCOPES)
    for tenant_id, client_id in (("t-2", "client-1"), ("t-1", "client-2"), ("t-3", "client-1")):
        with pytest.raises(NotAMemberError):
            made.machines.appearing(tenant_id, client_id).found(SCOPES, START, Unmetered())


@dataclass
class Meter:
    """Has no call left, and knows who was counted."""

    counted_of: list[str] = field(default_factory=list)

    def counted(self, stored: StoredCalls) -> CallLimit | None:
        self.counted_of.append(stored.tenant_id)
        return CallLimit(10_000, START)


def test_a_programs_calls_are_counted_as_its_organisations(made: Stores) -> None:
    meter = Meter()
    standing = made.machines.appearing("t-1", "client-1").found(SCOPES, START, meter)

    assert meter.counted_of == ["t-1"]
    assert standing.calls_used_up == CallLimit(10_000, START)


def test_a_client_leads_to_its_organisation(made: Stores) -> None:
    assert made.machines.organization_of("client-1") == "t-1"
    assert made.machines.organization_of("client-2") is None


def test_a_client_is_bound_once(made: Stores) -> None:
    with pytest.raises(ConflictError):
        made.machines.save(WRITES.bound(machine(), event()))


def test_one_that_has_ended_is_refused_from_its_end_on(made: Stores) -> None:
    ends = START + timedelta(days=1)
    made.machines.save(WRITES.changed(machine(), machine().ended(ends), event()))

    found = made.machines.appearing("t-1", "client-1")
    assert found.found(SCOPES, ends - timedelta(seconds=1), Unmetered()).machine == SCOPES
    with pytest.raises(NotAMemberError):
        found.found(SCOPES, ends, Unmetered())


def test_of_two_changes_on_the_same_version_one_is_made(made: Stores) -> None:
    issued = machine().issued(START)
    made.machines.save(WRITES.changed(machine(), issued, event()))

    with pytest.raises(ConflictError):
        made.machines.save(
            WRITES.bound(machine("client-2", 2), event()),
            WRITES.changed(machine(), machine().ended(START), event()),
        )
    assert made.machines.of("t-1") == [issued]


def test_an_organisations_programs_come_in_their_order(made: Stores) -> None:
    made.machines.save(WRITES.bound(machine("a-client", 2), event()))

    assert [each.client_id for each in made.machines.of("t-1")] == ["client-1", "a-client"]
    assert made.machines.of("t-2") == []


def test_an_end_only_comes_nearer() -> None:
    soon, late = START + timedelta(hours=1), START + timedelta(days=1)

    assert machine().ended(soon).ended(late).ends_at == soon
    assert machine().ended(late).ended(soon).ends_at == soon
