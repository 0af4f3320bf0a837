"""An AWS account of the organisation's own on the deployed system: three accounts, IAM on.

The platform runs in one account, its management account is another, and the organisation's data
lies in a third that is made for it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from localcloud import organization
from localcloud.client import Product, until
from localcloud.place import ACCOUNT_ID, REGION, Place
from tests.e2e.conftest import People, Person
from tests.e2e.test_accounts import (
    account,
    certificate_of,
    ended,
    export_asked_for,
    export_written,
    exports,
    operation,
    parameters,
    request,
    stored_route,
    torn_down,
)


@dataclass(frozen=True)
class Elsewhere:
    """The AWS accounts beside the platform's: the management account, and an organisation's own."""

    place: Place
    number: str

    def management(self, service: str) -> Any:
        return organization.management(self.place, service)

    def admin(self, service: str) -> Any:
        """Root of the organisation's own account, whom only this machine knows."""
        return boto3.client(
            service,  # type: ignore[call-overload]  # any service, by name
            endpoint_url=self.place.endpoint,
            region_name=REGION,
            aws_access_key_id=self.number,
            aws_secret_access_key="test",
        )

    @property
    def unit(self) -> str:
        parent = self.management("organizations").list_parents(ChildId=self.number)["Parents"][0]
        return str(
            self.management("organizations").describe_organizational_unit(
                OrganizationalUnitId=parent["Id"]
            )["OrganizationalUnit"]["Name"]
        )


@pytest.fixture(scope="module")
def dedicated(
    product: Product,
    people: People,
    aws: Callable[[str], Any],
    cloud: tuple[Place, dict[str, str]],
) -> tuple[Person, Any, Elsewhere]:
    """An owner with a dedicated account, what they asked for, and where it lies."""
    owner = people.owner()
    export = export_asked_for(product, owner.tokens)
    asked = request(product, owner.tokens, "dedicated")
    found = ended(product, owner.tokens, asked)
    assert (found["status"], found["percent"]) == ("SUCCEEDED", 100), found
    assert exports(product, owner.tokens) == [export]
    told = parameters(aws, asked["account"]["id"])
    return owner, asked, Elsewhere(cloud[0], told["aws/account-id"])


def test_a_dedicated_account_lies_in_an_aws_account_of_its_own(
    product: Product, aws: Callable[[str], Any], dedicated: tuple[Person, Any, Elsewhere]
) -> None:
    owner, asked, elsewhere = dedicated
    route = stored_route(product, aws, owner)
    table = route["table"]

    assert len({ACCOUNT_ID, organization.MANAGEMENT, elsewhere.number}) == 3
    assert (route["kind"], route["state"]) == ("dedicated", "active")
    assert route["aws_account"] == elsewhere.number
    assert elsewhere.unit == "Tenants"
    own = elsewhere.admin("dynamodb").query(
        TableName=table,
        KeyConditionExpression="PK = :pk",
        ExpressionAttributeValues={":pk": {"S": f"ORG#{owner.organization_id}"}},
    )["Items"]
    assert {"DEFAULTS", "FENCE"} <= {item["SK"]["S"] for item in own}
    assert table not in aws("dynamodb").list_tables()["TableNames"]
    buckets = {each["Name"] for each in elsewhere.admin("s3").list_buckets()["Buckets"]}
    assert {route["raw"], route["processed"]} <= buckets
    identity = operation(product, owner.tokens, asked)["identity"]
    assert f"::{elsewhere.number}:assumed-role/tenantry-local-platform/" in identity
    steps = [step["name"] for step in operation(product, owner.tokens, asked)["steps"]]
    assert steps[2:6] == ["VEND", "PLACE", "CREATE", "GUARD"]


def test_its_probe_came_over_the_entrance_to_the_audit_log(
    product: Product, aws: Callable[[str], Any], dedicated: tuple[Person, Any, Elsewhere]
) -> None:
    """Only the forwarder over there tells of its table."""
    owner, asked, _ = dedicated
    operation_id = asked["operation"]["id"]
    pages = aws("dynamodb").get_paginator("scan").paginate(TableName=product.outputs["AuditTable"])
    probes = [
        item
        for page in pages
        for item in page["Items"]
        if item.get("type", {}).get("S") == "AccountProbed" and operation_id in json.dumps(item)
    ]
    assert len(probes) == 1
    assert owner.organization_id in json.dumps(probes)


def test_what_is_asked_for_there_is_heard_of_here_and_written(
    product: Product, dedicated: tuple[Person, Any, Elsewhere]
) -> None:
    """The job lies in the organisation's own account, what writes it in the platform's."""
    owner, _, _ = dedicated
    export_written(product, owner.tokens, export_asked_for(product, owner.tokens))


@pytest.mark.parametrize("external", [{}, {"ExternalId": "w" * 64}], ids=["none", "wrong"])
def test_nobody_enters_without_its_external_id(
    aws: Callable[[str], Any],
    product: Product,
    dedicated: tuple[Person, Any, Elsewhere],
    external: dict[str, str],
) -> None:
    owner, _, _ = dedicated
    role = stored_route(product, aws, owner)["role"]

    with pytest.raises(ClientError) as refused:
        aws("sts").assume_role(RoleArn=role, RoleSessionName="stranger", **external)
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_even_with_its_external_id_only_the_platforms_role_enters(
    aws: Callable[[str], Any], product: Product, dedicated: tuple[Person, Any, Elsewhere]
) -> None:
    owner, _, elsewhere = dedicated
    route = stored_route(product, aws, owner)
    found = aws("ssm").get_parameter(Name=route["secret"], WithDecryption=True)["Parameter"]

    assert found["Type"] == "SecureString"
    assert len(found["Value"]) >= 64
    for service in (aws, elsewhere.management):
        with pytest.raises(ClientError) as refused:
            service("sts").assume_role(
                RoleArn=route["role"], RoleSessionName="stranger", ExternalId=found["Value"]
            )
        assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_its_external_id_is_written_down_nowhere_else(
    aws: Callable[[str], Any], product: Product, dedicated: tuple[Person, Any, Elsewhere]
) -> None:
    owner, _, elsewhere = dedicated
    secret = stored_route(product, aws, owner)["secret"]
    value = aws("ssm").get_parameter(Name=secret, WithDecryption=True)["Parameter"]["Value"]

    for table in ("PlatformTable", "AuditTable"):
        pages = aws("dynamodb").get_paginator("scan").paginate(TableName=product.outputs[table])
        assert value not in json.dumps([page["Items"] for page in pages], default=str), table
    groups = aws("logs").get_paginator("describe_log_groups").paginate()
    for group in [each["logGroupName"] for page in groups for each in page["logGroups"]]:
        if "accounts" in group or "provision" in group:
            events = aws("logs").filter_log_events(logGroupName=group)["events"]
            assert value not in json.dumps(events), group
    stacks = elsewhere.admin("cloudformation").describe_stacks()["Stacks"]
    assert value not in json.dumps(stacks, default=str)


def test_an_account_that_says_it_speaks_for_another_organisation_is_not_believed(
    product: Product, people: People, aws: Callable[[str], Any], dedicated: Any
) -> None:
    """The bus lets it in; what it tells of others goes no further."""
    _, _, elsewhere = dedicated
    other = people.owner()
    event = {
        "id": {"S": "forged-1"},
        "type": {"S": "AccountProbed"},
        "context": {"S": "accounts"},
        "occurred_at": {"S": "2026-11-26T05:00:00+00:00"},
        "actor": {"M": {"id": {"S": "system"}, "kind": {"S": "system"}}},
        "data": {"M": {"account_id": {"S": "a"}, "operation_id": {"S": "o"}}},
    }
    image = {
        "tenant_id": {"S": other.organization_id},
        "entity_type": {"S": "AccountProbe"},
        "entity_id": {"S": "forged-1"},
        "entity_version": {"N": "1"},
        "events": {"L": [{"M": event}]},
    }
    bus = f"arn:aws:events:{REGION}:{ACCOUNT_ID}:event-bus/tenantry-local-entrance"
    answer = elsewhere.admin("events").put_events(
        Entries=[
            {
                "EventBusName": bus,
                "Source": "tenantry.changes",
                "DetailType": "ItemChanged",
                "Detail": json.dumps({"eventName": "INSERT", "dynamodb": {"NewImage": image}}),
            }
        ]
    )
    assert answer["FailedEntryCount"] == 0
    logs = "/aws/lambda/tenantry-local-streams-admit-changes"

    def refused() -> Any:
        events = aws("logs").filter_log_events(logGroupName=logs)["events"]
        return [e for e in events if "ForbiddenError" in e["message"]]

    until("its refusal", refused, seconds=30)
    pages = aws("dynamodb").get_paginator("scan").paginate(TableName=product.outputs["AuditTable"])
    assert "forged-1" not in json.dumps([page["Items"] for page in pages], default=str)


def test_it_is_torn_down_to_a_certificate_and_its_aws_account_is_suspended_in_quarantine(
    product: Product, people: People, aws: Callable[[str], Any], dedicated: Any
) -> None:
    owner, asked, elsewhere = dedicated
    operator = people.operator()
    plan, done = torn_down(product, owner, operator, asked)

    assert (done["status"], done["percent"]) == ("SUCCEEDED", 100), done
    assert any(elsewhere.number in each for each in plan["resources"])
    assert account(product, operator.tokens, asked)["provisioningStatus"] == "deleted"
    assert parameters(aws, asked["account"]["id"]) == {}
    described = elsewhere.management("organizations").describe_account(AccountId=elsewhere.number)
    assert described["Account"]["Status"] == "SUSPENDED"
    assert elsewhere.unit == "Quarantine"
    policy = aws("events").describe_event_bus(Name="tenantry-local-entrance").get("Policy", "")
    assert elsewhere.number not in policy
    with pytest.raises(ClientError):
        elsewhere.management("sts").assume_role(
            RoleArn=f"arn:aws:iam::{elsewhere.number}:role/OrganizationAccountAccessRole",
            RoleSessionName="late",
        )
    said = certificate_of(aws, done).statement
    assert said.left.is_empty
    (kept,) = [each for each in said.kept if elsewhere.number in each.what]
    assert kept.until
    assert (kept.until - said.certified_at).days in (89, 90)
