"""The function that mails what becomes of teardowns, as its queue speaks to it."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import boto3
import pytest

from functions.accounts import send_mails
from tenantry.accounts.bootstrap import mailing
from tenantry.accounts.dynamodb import DynamoDBAccountRepository
from tenantry.accounts.events import AccountTeardownRequested
from tenantry.accounts.farewells import DynamoDBFarewells
from tenantry.accounts.model import Kind, Operation, OperationStatus, planned
from tenantry.accounts.repository import Addressee, Advance
from tenantry.messaging.event import Actor, Envelope
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.persistence.keys import key, member_key
from tenantry.persistence.table import Table
from tenantry.tenancy.roles import OPERATOR_GROUP
from tests.integration.accounts.conftest import found
from tests.support.accounts import account, operation
from tests.support.capacity import measured
from tests.support.clock import START, FakeClock, FakeIds
from tests.support.fakes.mail import Mailbox
from tests.support.invocations import bus_event, queue_event, wire
from tests.support.lambda_context import lambda_context

CANARY = "ada.canary"
LATER = timedelta(days=180)


@dataclass
class Function:
    table: Table
    mailbox: Mailbox
    operation: Operation

    def heard(self, kind: str, **more: Any) -> Any:
        its = self.operation
        data = {"account_id": its.account_id, "operation_id": its.operation_id, **more}
        envelope = Envelope(
            id=f"e-{kind}",
            type=kind,
            context="accounts",
            occurred_at=START,
            actor=Actor(id="ada", kind="user"),
            correlation_id="c-1",
            data={"organization_id": its.tenant_id, **data},
            tenant_id=its.tenant_id,
            entity_type="Account",
            entity_id=its.account_id,
            entity_version=2,
        )
        return send_mails.handler(queue_event([json.dumps(bus_event(envelope))]), lambda_context())

    def becomes(self, **fields: Any) -> None:
        before = self.operation
        version = before.entity_version + 1
        self.operation = before.model_copy(update={**fields, "entity_version": version})
        repository = DynamoDBAccountRepository(self.table, 1)
        repository.advance(Advance((before, self.operation)))


@pytest.fixture
def function(platform_table: Table, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Function:
    found(platform_table)
    cognito: Any = boto3.client("cognito-idp")
    pool_id = cognito.create_user_pool(PoolName="people")["UserPool"]["Id"]
    cognito.create_group(UserPoolId=pool_id, GroupName=OPERATOR_GROUP)
    made = cognito.admin_create_user(UserPoolId=pool_id, Username="root")["User"]
    cognito.admin_add_user_to_group(UserPoolId=pool_id, Username="root", GroupName=OPERATOR_GROUP)
    (root,) = (each["Value"] for each in made["Attributes"] if each["Name"] == "sub")
    people = {"ada": CANARY, "ben": "ben", "cleo": "cleo", root: "root"}
    for user_id, name in people.items():
        profile = {
            **key(f"USER#{user_id}", "PROFILE"),
            "user_id": user_id,
            "user_name": user_id,
            "email": f"{name}@example.com",
            "email_proven": user_id != "cleo",
            "created_at": START.isoformat(),
            "updated_at": START.isoformat(),
        }
        platform_table.put(profile)
    ada = platform_table.get(member_key("acme", "ada"))
    assert ada
    for user_id in ("ben", "cleo"):
        platform_table.put({**ada, **member_key("acme", user_id), "entity_id": user_id})
    waiting = operation(account("public")).model_copy(
        update={
            "kind": Kind.TEARDOWN,
            "steps": planned(Kind.TEARDOWN, account("public").cloud_type),
            "status": OperationStatus.AWAITING_APPROVAL,
            "approval_id": "approval-1",
            "approval_until": START + timedelta(days=7),
        }
    )
    data = AccountTeardownRequested(
        account_id="a-1", organization_id="acme", operation_id="op-a-1", plan="p"
    )
    asked = Stamp(clock, FakeIds()).event(data, Cause())
    DynamoDBAccountRepository(platform_table, 1).request(account("public"), waiting, asked)
    mailbox = Mailbox()
    wire(
        monkeypatch,
        PLATFORM_TABLE=platform_table.name,
        EMAIL_SENDING="true",
        EMAIL_FROM="no-reply@engines.example",
        FRONTEND_URL="https://app.example",
        ARCHIVE_BUCKET="archive",
        ARCHIVE_DAYS="365",
        USER_POOL_ID=pool_id,
    )
    monkeypatch.setattr(mailing, "mailer", lambda: mailbox)
    monkeypatch.setattr(mailing, "stamp", lambda: Stamp(clock, FakeIds()))
    return Function(platform_table, mailbox, waiting)


def test_who_may_approve_is_asked_at_an_address_that_is_theirs(
    function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    with measured(function.table._client) as cost:
        assert function.heard("AccountTeardownRequested") == {"batchItemFailures": []}
    assert function.heard("AccountTeardownRequested") == {"batchItemFailures": []}

    # Ada asked, and nobody vouches for where Cleo gets mail.
    assert sorted(mail.to for mail in function.mailbox.sent) == [
        "ben@example.com",
        "root@example.com",
    ]
    assert (cost.read_units, cost.write_units) == (9, 4)
    logged = capsys.readouterr().out
    assert "@" not in logged
    assert "approval-1" not in logged


def test_owners_are_told_of_the_time_they_have(function: Function) -> None:
    function.becomes(
        status=OperationStatus.PENDING,
        approved_by="ben",
        approved_at=START,
        not_before=START + timedelta(days=7),
    )
    for _ in range(2):
        assert function.heard("AccountTeardownApproved") == {"batchItemFailures": []}

    assert sorted(mail.to for mail in function.mailbox.sent) == [
        f"{CANARY}@example.com",
        "ben@example.com",
    ]


def test_it_is_called_off_to_who_was_told_of_it(function: Function) -> None:
    """Ada asked, Ben approved, and root was asked no more: nobody vouches for Cleo's address."""
    function.becomes(status=OperationStatus.CANCELLED, approved_by="ben", approved_at=START)
    for _ in range(2):
        assert function.heard("AccountTeardownCancelled") == {"batchItemFailures": []}

    assert sorted(mail.to for mail in function.mailbox.sent) == [
        f"{CANARY}@example.com",
        "ben@example.com",
    ]


def test_a_failure_reaches_who_was_kept_too(
    function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = DynamoDBFarewells(function.table)
    kept.keep(function.operation, Addressee("gone", "gone@example.com", "de"), START + LATER)
    function.becomes(status=OperationStatus.FAILED, approved_by="root", error_code="LEFTOVERS")
    for _ in range(2):
        told = function.heard("AccountTeardownFailed", code="LEFTOVERS")
        assert told == {"batchItemFailures": []}

    assert sorted(mail.to for mail in function.mailbox.sent) == [
        f"{CANARY}@example.com",
        "ben@example.com",
        "gone@example.com",
    ]
    assert kept.kept(function.operation) != []
    assert "@" not in capsys.readouterr().out


def test_the_certificate_reaches_who_was_kept_for_it(
    function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = DynamoDBFarewells(function.table)
    ada = Addressee("ada", f"{CANARY}@example.com", "de")
    kept.keep(function.operation, ada, START + LATER)
    assert kept.kept(function.operation) == [ada]
    function.becomes(status=OperationStatus.RUNNING, certificate="certificates/a-1/op-a-1.json")
    for _ in range(2):
        told = function.heard("AccountTornDown", certificate="5e1f")
        assert told == {"batchItemFailures": []}

    (mail,) = function.mailbox.sent
    assert mail.to == ada.email
    assert "archive/certificates/a-1/op-a-1.json" in mail.text
    assert "5e1f" in mail.text
    assert kept.kept(function.operation) == []
    assert CANARY not in capsys.readouterr().out


def test_while_no_mail_can_be_sent_the_message_comes_again(function: Function) -> None:
    function.mailbox.down = True

    failed = {"batchItemFailures": [{"itemIdentifier": "m-0"}]}
    assert function.heard("AccountTeardownRequested") == failed
