"""Writers while their organisation is moved, on the local cloud: what is acknowledged is moved.

The twin is the same writer without the condition: its late write is acknowledged and lost.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pytest

from tenantry.errors import OrganizationMovingError
from tenantry.persistence.items import to_wire
from tenantry.persistence.table import Table
from tenantry.persistence.writes import Create, Store
from tenantry.tenancy.router import Whereabouts
from tenantry.tenancy.tenant_table import TenantTable
from tests.support.ministack import MiniStack
from tests.support.tables import fresh_table
from tests.support.things import thing_key

SHARED = Whereabouts("acme", "public", "t", "raw", "processed", "eu-central-1", epoch=1)
WRITERS, EACH = 8, 40


@dataclass
class Organization:
    """A route that is read with each request, over an old table and a new one."""

    old: Table
    new: Table
    place: Whereabouts = SHARED
    acknowledged: list[str] = field(default_factory=list)
    refused: int = 0

    def table(self) -> TenantTable:
        place = self.place
        return TenantTable(self.old if place.kind == "public" else self.new, place)

    def move(self) -> None:
        TenantTable(self.old, replace(SHARED, epoch=2)).raise_fence(2)
        into = TenantTable(self.new, replace(SHARED, epoch=2, kind="private"))
        into.raise_fence(2)
        copied = self.old.query("ORG#acme", prefix="THING#", limit=1000)
        for item in copied.items:
            where = {"PK": item["PK"], "SK": item["SK"]}
            into.transact([Store(where, to_wire(item))])
        self.place = replace(SHARED, epoch=2, kind="private")

    def there(self) -> set[str]:
        found = self.new.query("ORG#acme", prefix="THING#", limit=1000)
        return {item["entity_id"] for item in found.items}


def create(name: str) -> Create:
    return Create(thing_key(name), {"entity_type": "Thing", "entity_id": name})


@pytest.fixture
def organization(ministack: MiniStack, ministack_tenant_table: Table) -> Organization:
    new = fresh_table(ministack.client("dynamodb"), "tenant")
    return Organization(ministack_tenant_table, new)


def test_a_late_writer_is_refused_and_finds_the_new_place(organization: Organization) -> None:
    late = organization.table()
    organization.move()

    with pytest.raises(OrganizationMovingError):
        late.write(create("late"))
    organization.table().write(create("late"))

    assert organization.there() == {"late"}


def test_without_the_condition_the_late_write_is_lost(organization: Organization) -> None:
    late = organization.table()
    organization.move()

    late.table.write(create("late"))

    assert organization.there() == set()


def test_of_writers_at_once_none_is_lost_or_doubled(organization: Organization) -> None:
    begun, pause, lock = threading.Event(), threading.Event(), threading.Lock()

    def writes(writer: int) -> None:
        for number in range(EACH):
            name = f"{writer}-{number}"
            for _ in range(200):
                try:
                    organization.table().write(create(name))
                    break
                except OrganizationMovingError:
                    with lock:
                        organization.refused += 1
                    pause.wait(0.01)
            else:
                raise AssertionError("the organisation stays closed")
            with lock:
                organization.acknowledged.append(name)
                if len(organization.acknowledged) == WRITERS * EACH // 3:
                    begun.set()

    with ThreadPoolExecutor(WRITERS) as pool:
        at_work = [pool.submit(writes, writer) for writer in range(WRITERS)]
        assert begun.wait(60)
        organization.move()
        for each in at_work:
            each.result()

    assert len(organization.acknowledged) == WRITERS * EACH
    assert organization.there() == set(organization.acknowledged)
    assert organization.refused > 0
