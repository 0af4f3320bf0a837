"""The organisations' API function, in-process, on moto or on the local cloud."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from functions.organizations import api
from tenantry.identity.dynamodb import DynamoDBProfileRepository
from tenantry.identity.model import Profile
from tenantry.organizations import bootstrap
from tenantry.organizations.model import Member
from tenantry.organizations.seats import member_item, moved
from tenantry.persistence.keys import member_key
from tenantry.persistence.table import Table
from tenantry.persistence.writes import Create
from tenantry.tenancy.access import MemberStatus
from tenantry.tenancy.roles import Role
from tests.support.clock import START
from tests.support.fakes.organizations import FakeDns
from tests.support.invocations import appsync_event, rest_event, wire
from tests.support.lambda_context import lambda_context
from tests.support.ministack import MiniStack
from tests.support.tables import items

QUERIES = {"organization", "usage", "storageUsage", "members", "supportSessions"}


@dataclass
class Api:
    """Speaks to the function as AppSync and API Gateway do."""

    table: Table
    dns: FakeDns = field(default_factory=FakeDns)

    def ask(self, name: str, arguments: dict[str, Any] | None = None, **who: Any) -> Any:
        """What the field answers: `{data}` or `{error}`."""
        who = {"parent": "Query" if name in QUERIES else "Mutation", **who}
        return api.handler(appsync_event(name, arguments, **who), lambda_context())

    def data(self, name: str, arguments: dict[str, Any] | None = None, **who: Any) -> Any:
        answer = self.ask(name, arguments, **who)
        assert "error" not in answer, answer["error"]
        return answer["data"]

    def code(self, name: str, arguments: dict[str, Any] | None = None, **who: Any) -> str:
        """The code of the refusal, or OK."""
        return str(self.ask(name, arguments, **who).get("error", {}).get("code", "OK"))

    def create(self, name: str = "Acme", user: str = "ada", **more: Any) -> Any:
        return self.data("createOrganization", {"input": {"name": name, **more}}, user=user)

    def join(
        self,
        own: str,
        user: str,
        role: Role = Role.MEMBER,
        status: MemberStatus = MemberStatus.ACTIVE,
    ) -> str:
        """Make somebody a member, seated and counted, as an accepted invitation does."""
        member = Member(tenant_id=own, user_id=user, role=role, status=status, joined_at=START)
        nobody = member.model_copy(update={"role": Role.VIEWER, "status": MemberStatus.REMOVED})
        created = Create(member_key(own, user), member_item(member))
        count = moved((nobody, member))
        Table(self.table._client, self.table.name).transact([created, *([count] if count else [])])
        return user

    def remove(self, own: str, whom: str, **more: Any) -> dict[str, Any]:
        path = f"/api/organizations/{own}/members/{whom}/remove"
        return api.handler(rest_event("POST", path, **more), lambda_context())

    def stored(self) -> list[dict[str, Any]]:
        """Every item of the table but people's profiles, which are not this context's."""
        found = items(self.table._client, self.table.name)
        return [item for item in found if item["entity_type"]["S"] != "User"]

    def post(self, body: Any, **more: Any) -> dict[str, Any]:
        event = rest_event("POST", "/api/organizations", body, **more)
        return api.handler(event, lambda_context())


OPERATOR = Profile(
    user_id="root",
    user_name="root",
    email="root@tenantry.example",
    created_at=START,
    updated_at=START,
)


def _wired(monkeypatch: pytest.MonkeyPatch, table: Table) -> Api:
    made = Api(table)
    DynamoDBProfileRepository(table).create(OPERATOR, ())
    wire(monkeypatch, PLATFORM_TABLE=table.name)
    monkeypatch.setattr(bootstrap, "DnspythonResolver", lambda _server: made.dns)
    return made


@pytest.fixture
def organizations_api(platform_table: Table, monkeypatch: pytest.MonkeyPatch) -> Api:
    return _wired(monkeypatch, platform_table)


@pytest.fixture
def concurrent_api(
    ministack: MiniStack,
    ministack_platform_table: Table,
    monkeypatch: pytest.MonkeyPatch,
) -> Api:
    """On the local cloud, for tests of what happens at once."""
    made = _wired(monkeypatch, ministack_platform_table)
    shared = Table(ministack.client("dynamodb"), made.table.name)
    monkeypatch.setattr(bootstrap, "platform_table", lambda: shared)
    return made
