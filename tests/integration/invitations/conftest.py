"""The invitations' functions, in-process, on moto or on the local cloud."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from functions.invitations import api, send_mails, sweep
from tenantry.invitations.bootstrap import doors, inviting, mailing, sweeping
from tenantry.messaging.stamp import Stamp
from tenantry.organizations import bootstrap as organizations
from tenantry.persistence.table import Table
from tests.support.clock import FakeClock
from tests.support.fakes.mail import Mailbox
from tests.support.invitations import ACME, Acme
from tests.support.invocations import appsync_event, bus_event, queue_event, rest_event, wire
from tests.support.lambda_context import lambda_context
from tests.support.ministack import MiniStack

QUERIES = frozenset({"invitations", "invitationLinks", "invitation"})


@dataclass
class Functions:
    """Speaks to the functions as AppSync, API Gateway and SQS do."""

    acme: Acme
    mailbox: Mailbox

    def ask(self, name: str, arguments: dict[str, Any] | None = None, **who: Any) -> Any:
        who = {
            "parent": "Query" if name in QUERIES else "Mutation",
            "organization": ACME,
            **who,
        }
        return api.handler(appsync_event(name, arguments, **who), lambda_context())

    def data(self, name: str, arguments: dict[str, Any] | None = None, **who: Any) -> Any:
        answer = self.ask(name, arguments, **who)
        assert "error" not in answer, answer["error"]
        return answer["data"]

    def code(self, name: str, arguments: dict[str, Any] | None = None, **who: Any) -> str:
        return str(self.ask(name, arguments, **who).get("error", {}).get("code", "OK"))

    def post(self, path: str, body: Any, **more: Any) -> tuple[int, Any]:
        answer = api.handler(rest_event("POST", path, body, **more), lambda_context())
        return answer["statusCode"], json.loads(answer["body"])

    def invite(self, email: str = "bob@example.com", **more: Any) -> Any:
        return self.data("inviteUserToOrganization", {"input": {"email": email, **more}})

    def deliver(self) -> dict[str, Any]:
        """Every event there is, to the consumer of mails."""
        bodies = [json.dumps(bus_event(e)) for e in self.acme.envelopes() if e.type in MAILED]
        return dict(send_mails.handler(queue_event(bodies), lambda_context()))

    def token(self, email: str = "bob@example.com") -> str:
        assert self.deliver() == {"batchItemFailures": []}
        self.acme.mailbox = self.mailbox
        return self.acme.tokens(email)[-1]

    def sweep(self) -> dict[str, Any]:
        return dict(sweep.handler(queue_event(["{}"]), lambda_context()))


MAILED = frozenset(
    {"MemberInvited", "InvitationRenewed", "InvitationReminded", "InvitationAccepted"}
    | {"InvitationLinkCreated"}
)


def _wired(
    monkeypatch: pytest.MonkeyPatch, table: Table, clock: FakeClock, stamp: Stamp
) -> Functions:
    mailbox = Mailbox()
    wire(
        monkeypatch,
        PLATFORM_TABLE=table.name,
        EMAIL_SENDING="true",
        TRUSTS_PLANS="true",
        EMAIL_FROM="no-reply@acme.example",
        FRONTEND_URL="https://app.example",
    )
    monkeypatch.setattr(mailing, "mailer", lambda: mailbox)
    for module in (doors, inviting, mailing, sweeping):
        monkeypatch.setattr(module, "stamp", lambda: stamp)
    monkeypatch.setattr(api, "stamp", lambda: stamp)
    return Functions(Acme(table, clock, stamp), mailbox)


@pytest.fixture
def functions(
    platform_table: Table, clock: FakeClock, stamp: Stamp, monkeypatch: pytest.MonkeyPatch
) -> Functions:
    return _wired(monkeypatch, platform_table, clock, stamp)


@pytest.fixture
def concurrent(
    ministack: MiniStack,
    ministack_platform_table: Table,
    clock: FakeClock,
    stamp: Stamp,
    monkeypatch: pytest.MonkeyPatch,
) -> Functions:
    """On the local cloud, for tests of what happens at once."""
    made = _wired(monkeypatch, ministack_platform_table, clock, stamp)
    shared = Table(ministack.client("dynamodb"), made.acme.table.name)
    for module in (doors, inviting, mailing, sweeping, organizations):
        monkeypatch.setattr(module, "platform_table", lambda: shared)
    return made
