"""The deployed product on a local cloud of the tests' own, with IAM enforced, and people in it."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from localcloud.client import Product, Tokens
from localcloud.demo.stage import Stage, on
from localcloud.deployed import deployed_cloud
from localcloud.place import Place
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations import seats
from tenantry.organizations.dynamodb import DynamoDBOrganizationRepository
from tenantry.organizations.model import Member
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import new_id
from tenantry.tenancy.access import MemberStatus
from tenantry.tenancy.roles import Role

PASSWORD = "Correct-Horse-7-Battery"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Logs are looked at last, when they hold what all the other tests made."""
    items.sort(key=lambda item: item.path.name == "test_logs.py")


@pytest.fixture(scope="session")
def cloud() -> Iterator[tuple[Place, dict[str, str]]]:
    """A running local cloud with the product as it was last built, and its outputs."""
    with deployed_cloud() as running:
        yield running


@pytest.fixture(scope="session")
def strict() -> Iterator[Stage]:
    """Another deployment of the same build, with parameters that forbid more."""
    forbidding = {
        "SignUpDeniedDomains": "rival.example",
        "Introspection": "DISABLED",
        "DnsNameserver": "127.0.0.1:53",
        "FederatedProviders": "Google,Facebook,LoginWithAmazon,SignInWithApple,CorporateSaml,"
        "PartnerOidc",
        # Nobody is there: tests of it start one, and tell the function where.
        "LegacyDirectory": "http",
        "LegacyDirectoryUrl": "http://127.0.0.1:9/directory",
    }
    with deployed_cloud(forbidding) as running:
        yield on(*running)


@pytest.fixture(scope="session")
def stage(cloud: tuple[Place, dict[str, str]]) -> Stage:
    return on(*cloud)


@pytest.fixture(scope="session")
def product(stage: Stage) -> Product:
    return stage[0]


@pytest.fixture(scope="session")
def aws(stage: Stage) -> Callable[[str], Any]:
    """Clients with the operator's credentials, for what no public door shows or does."""
    return stage[1]


@dataclass
class Person:
    """Somebody who signed up: their id, address and session."""

    user_id: str
    email: str
    tokens: Tokens

    @property
    def organization_id(self) -> str:
        return str(self.tokens.claims["org_id"])


@dataclass
class People:
    """Makes people through the public doors; each has an address of their own."""

    product: Product
    aws: Callable[[str], Any]
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def address(self, name: str = "person", domain: str = "example.com") -> str:
        return f"{name}-{next(self._numbers)}@{domain}"

    def join(self, name: str = "person", **wishes: str) -> Person:
        """Somebody who signed up, confirmed and signed in."""
        email = self.address(name)
        tokens = self.product.join(email, PASSWORD, **wishes)
        return Person(str(tokens.claims["sub"]), email, tokens)

    def owner(self, organization: str = "") -> Person:
        """The owner of a new organisation."""
        return self.join("owner", organization_name=organization or f"Works {next(self._numbers)}")

    def operator(self) -> Person:
        """An operator of the platform."""
        person = self.join("operator")
        self.aws("cognito-idp").admin_add_user_to_group(
            UserPoolId=self.product.outputs["UserPoolId"],
            Username=person.email,
            GroupName="SuperAdmin",
        )
        tokens = self.product.sign_in(person.email, PASSWORD)
        return Person(person.user_id, person.email, tokens)

    def member(self, organization_id: str, role: str) -> Person:
        """A member of an organisation with `role`; their tokens are made after they joined."""
        person = self.join(role.lower())
        self.seat(organization_id, person.user_id, role)
        return Person(person.user_id, person.email, self.product.sign_in(person.email, PASSWORD))

    def seat(self, organization_id: str, user_id: str, role: str) -> None:
        """Make somebody a member by the writes with which an invitation is accepted.

        They tell of it, and seats and owners are counted; only no limit is looked at, as these are
        more people than a plan that costs nothing allows.
        """
        stamp, given = Stamp(lambda: datetime.now(UTC), new_id), Role(role)
        event = stamp.event(seats.joined(organization_id, user_id, given, "invitation"), Cause())
        member = Member(
            tenant_id=organization_id, user_id=user_id, role=given, joined_at=event.occurred_at
        )
        nobody = member.model_copy(update={"status": MemberStatus.REMOVED})
        counted = seats.moved((nobody, member))
        assert counted
        joined = seats.join(organization_id, user_id, given, event.occurred_at, event)
        table = Table(self.aws("dynamodb"), self.product.outputs["PlatformTable"])
        table.transact([joined, counted])


@pytest.fixture(scope="session")
def people(product: Product, aws: Callable[[str], Any]) -> People:
    return People(product, aws)


@pytest.fixture(scope="session")
def organizations(product: Product, aws: Callable[[str], Any]) -> DynamoDBOrganizationRepository:
    """The stored organisations, to look behind the doors."""
    return DynamoDBOrganizationRepository(Table(aws("dynamodb"), product.outputs["PlatformTable"]))
