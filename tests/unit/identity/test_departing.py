"""Users leave with their only organisation: who could sign in goes first, and nobody by mistake."""

from dataclasses import dataclass, field

import pytest

from tenantry.identity.departures import Departures
from tenantry.identity.dynamodb import DynamoDBDepartures
from tests.support.fakes.identity import FakeUserDirectory
from tests.support.fakes.table import InMemoryTable


@dataclass
class World:
    table: InMemoryTable = field(default_factory=InMemoryTable)
    directory: FakeUserDirectory = field(default_factory=FakeUserDirectory)

    def __post_init__(self) -> None:
        self.departures = Departures(DynamoDBDepartures(self.table), self.directory, "pool")

    def person(self, user_id: str, **memberships: str) -> None:
        """With memberships by organisation, each in a status."""
        self.table.put(
            {
                "PK": f"USER#{user_id}",
                "SK": "PROFILE",
                "user_id": user_id,
                "user_name": f"name-of-{user_id}",
                "email": f"{user_id}@example.com",
                "email_verified": True,
                "status": "ACTIVE",
                "created_at": "2026-01-01T00:00:00+00:00",
                "updated_at": "2026-01-01T00:00:00+00:00",
                "entity_version": 1,
            }
        )
        self.table.put({"PK": f"USER#{user_id}", "SK": "FOUNDED", "founded": 1})
        for organization, status in memberships.items():
            self.table.put(
                {
                    "PK": f"ORG#{organization}",
                    "SK": f"MEMBER#{user_id}",
                    "GSI1PK": f"USER#{user_id}",
                    "GSI1SK": f"ORG#{organization}",
                    "tenant_id": organization,
                    "status": status,
                }
            )

    def known(self, user_id: str) -> list[str]:
        return sorted(sk for pk, sk in self.table.items if pk == f"USER#{user_id}")


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("elsewhere", [{}, {"ajax": "REMOVED"}])
def test_whose_only_organisation_it_was_is_deleted(world: World, elsewhere: dict[str, str]) -> None:
    world.person("ada", acme="ACTIVE", **elsewhere)
    for _ in range(2):  # again, it is as it was
        assert world.departures.depart("acme", "ada")

    assert world.directory.deleted == ["name-of-ada"]
    assert world.known("ada") == []
    assert ("ORG#acme", "MEMBER#ada") in world.table.items  # another context's to remove


@pytest.mark.parametrize("status", ["ACTIVE", "SUSPENDED"])
def test_who_belongs_elsewhere_stays(world: World, status: str) -> None:
    world.person("ada", acme="ACTIVE", ajax=status)

    assert not world.departures.depart("acme", "ada")
    assert world.directory.deleted == []
    assert world.known("ada") == ["FOUNDED", "PROFILE"]


def test_an_operator_of_the_platform_stays(world: World) -> None:
    world.person("root", acme="ACTIVE")
    world.directory.operators = {"name-of-root"}

    assert not world.departures.depart("acme", "root")
    assert world.known("root") == ["FOUNDED", "PROFILE"]
