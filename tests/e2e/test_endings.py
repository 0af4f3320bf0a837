"""The end of an account on the deployed system: nothing of it is left, nobody else loses a byte.

What is looked at is everything that tenants share, by its keys and names, and never the ledger.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.client import GraphqlError, Product, until
from tenantry.accounts.model import Names
from tests.e2e.conftest import PASSWORD, People, Person
from tests.e2e.test_accounts import (
    account,
    certificate_of,
    ended,
    parameters,
    request,
    stored_route,
    torn_down,
)

type Aws = Callable[[str], Any]

KEPT = {"ORGANIZATION", "SUBSCRIPTION", "ACCOUNT"}
"""Of the administration, typed here: all else of it goes with the account."""
PREFIX = "tenantry-local"


def pages(client: Any, operation: str, key: str, **request: Any) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate(**request):
        yield from page.get(key, [])


def stacks(aws: Aws) -> Iterator[Any]:
    """Those that are there."""
    for each in pages(aws("cloudformation"), "describe_stacks", "Stacks"):
        if each["StackStatus"] != "DELETE_COMPLETE":
            yield each


@dataclass
class Everybody:
    """All that is there of anybody, as an administrator of the AWS account sees it."""

    product: Product
    aws: Aws

    @property
    def buckets(self) -> list[str]:
        """Those that tenants share."""
        names = [each["Name"] for each in self.aws("s3").list_buckets()["Buckets"]]
        exports = [name for name in names if "auditexports" in name.replace("-", "").lower()]
        assert len(exports) == 1, names
        outputs = self.product.outputs
        return [outputs["TenantRawBucket"], outputs["TenantProcessedBucket"], *exports]

    def plant(self, tenant_ids: list[str]) -> None:
        """Tenants with something in every place."""
        for tenant_id in tenant_ids:
            own = f"ORG#{tenant_id}"
            for table, pk, sk in (
                ("PlatformTable", own, "INVITATION#x"),
                ("TenantTable", own, "PROJECT#x"),
                ("TenantTable", f"{own}#EXPORTS", "EXPORT#x"),
                ("AuditTable", f"{own}#AUDIT#2026-01", "x"),
            ):
                self.aws("dynamodb").put_item(
                    TableName=self.product.outputs[table],
                    Item={"PK": {"S": pk}, "SK": {"S": sk}, "is": {"S": tenant_id}},
                )
            for bucket in self.buckets:
                for body in (b"one", b"two"):
                    self.aws("s3").put_object(Bucket=bucket, Key=f"{tenant_id}/file", Body=body)
                self.aws("s3").delete_object(Bucket=bucket, Key=f"{tenant_id}/file")
            tree = f"/{PREFIX}/accounts/{tenant_id}"
            self.aws("ssm").put_parameter(Name=f"{tree}/cloud-type", Value="x", Type="String")

    def rows(self, tenant_id: str, *tables: str) -> list[Any]:
        client = self.aws("dynamodb")
        found = [
            row
            for table in tables
            for row in pages(client, "scan", "Items", TableName=self.product.outputs[table])
            if row["PK"]["S"] == f"ORG#{tenant_id}"
            or row["PK"]["S"].startswith(f"ORG#{tenant_id}#")
        ]
        return sorted(found, key=lambda row: (row["PK"]["S"], row["SK"]["S"]))

    def objects(self, tenant_id: str) -> list[Any]:
        s3, found = self.aws("s3"), list[Any]()
        for bucket in self.buckets:
            page = s3.list_object_versions(Bucket=bucket, Prefix=f"{tenant_id}/")
            for each in page.get("Versions", []):
                where = {"Bucket": bucket, "Key": each["Key"], "VersionId": each["VersionId"]}
                found.append((where, s3.get_object(**where)["Body"].read()))
            found += [(bucket, each["VersionId"]) for each in page.get("DeleteMarkers", [])]
        return found

    def users(self) -> set[str]:
        client, pool = self.aws("cognito-idp"), self.product.outputs["UserPoolId"]
        return {
            attribute["Value"]
            for user in pages(client, "list_users", "Users", UserPoolId=pool)
            for attribute in user["Attributes"]
            if attribute["Name"] == "email"
        }

    def seen(self, tenant_ids: list[str]) -> dict[str, Any]:
        """All that these have, to the byte, and what there is by name."""
        tables = ("PlatformTable", "TenantTable", "AuditTable")
        return {
            **{f"rows of {each}": self.rows(each, *tables) for each in tenant_ids},
            **{f"objects of {each}": self.objects(each) for each in tenant_ids},
            **{f"parameters of {each}": parameters(self.aws, each) for each in tenant_ids},
            "stacks": sorted(each["StackName"] for each in stacks(self.aws)),
        }

    def left(self, tenant_id: str) -> set[str]:
        """What is left of one, wherever tenants' data is kept."""
        assert self.objects(tenant_id) == []
        assert self.rows(tenant_id, "TenantTable") == []
        return {row["SK"]["S"] for row in self.rows(tenant_id, "PlatformTable")}


MOVE = """mutation($id: ID!, $to: CloudType!, $plan: String, $dry: Boolean) {
  moveAccount(accountId: $id, to: $to, plan: $plan, dryRun: $dry) {
    plan { action hash steps resources } account { id } operation { id status kind }
  }
}"""


def moved(product: Product, owner: Person, account_id: str, to: str) -> Any:
    """Looked at first, then moved by the hash of that, as an owner does it by GraphQL."""
    given = {"id": account_id, "to": to}
    dry = product.graphql(MOVE, owner.tokens, **given, dry=True)["moveAccount"]
    assert (dry["operation"], dry["plan"]["action"]) == (None, f"move to {to}"), dry
    with pytest.raises(GraphqlError) as changed:
        product.graphql(MOVE, owner.tokens, **given, plan="another")
    assert changed.value.code == "PLAN_CHANGED"
    begun = product.graphql(MOVE, owner.tokens, **given, plan=dry["plan"]["hash"])["moveAccount"]
    done = ended(product, owner.tokens, begun)
    assert (done["status"], begun["operation"]["kind"]) == ("SUCCEEDED", "MOVE"), done
    assert done["oldCopyUntil"]
    return done


@pytest.mark.parametrize(("kind", "first"), [("public", "private"), ("private", "public")])
def test_an_account_that_moved_is_torn_down_with_its_old_copy_to_a_certificate(
    product: Product, people: People, aws: Aws, kind: str, first: str
) -> None:
    """Before the old copy's time is over: what is in both places goes, and is certified."""
    owner, other, operator = people.owner(), people.owner(), people.operator()
    guest = people.member(owner.organization_id, "MEMBER")
    people.seat(other.organization_id, guest.user_id, "MEMBER")
    asked = request(product, owner.tokens, first)
    ended(product, owner.tokens, asked)
    everybody = Everybody(product, aws)
    others = [f"{owner.organization_id}{n:02}" for n in range(20)]  # whose keys begin like its own
    everybody.plant([owner.organization_id, *others])
    before, users = everybody.seen(others), everybody.users()
    own = Names(PREFIX, asked["account"]["id"]).own
    file, body = f"{owner.organization_id}/file", b"what she wrote last"
    for each in (b"before", body):
        bucket = f"{own}-raw" if first == "private" else everybody.buckets[0]
        aws("s3").put_object(Bucket=bucket, Key=file, Body=each)
    assert all(before[f"objects of {each}"] for each in others)
    moved(product, owner, asked["account"]["id"], kind)
    assert account(product, owner.tokens, asked)["cloudType"] == kind
    assert everybody.rows(owner.organization_id, "TenantTable")
    assert everybody.objects(owner.organization_id)

    plan, done = torn_down(product, owner, operator, asked)

    assert (done["status"], done["percent"]) == ("SUCCEEDED", 100), done
    assert plan["inventory"]["items"] > 0
    assert (plan["cost"]["isEstimate"], plan["cost"]["currency"]) == (True, "USD")
    # The key of a place of its own costs something, be it the one that the old copy lies in.
    assert "kms" in [line["what"] for line in plan["cost"]["lines"]]
    assert account(product, operator.tokens, asked)["provisioningStatus"] == "deleted"
    assert stored_route(product, aws, owner)["state"] == "deleted"
    assert everybody.left(owner.organization_id) <= KEPT
    assert parameters(aws, asked["account"]["id"]) == {}
    assert own not in aws("dynamodb").list_tables()["TableNames"]
    buckets = [b["Name"] for b in aws("s3").list_buckets()["Buckets"]]
    assert not [name for name in buckets if name.startswith(own)]
    before["stacks"] = [name for name in before["stacks"] if name != own]
    assert everybody.users() == users - {owner.email}
    assert guest.email in users
    with pytest.raises(ClientError):
        product.sign_in(owner.email, PASSWORD)
    said = certificate_of(aws, done).statement
    assert (said.requested_by, said.approved_by) == (owner.user_id, operator.user_id)
    assert said.found.items > 0
    # Wherever it lived last: the place of its own is named, and AWS deletes its key later.
    mine = {f"stack {own}", f"table {own}", f"bucket {own}-raw", f"bucket {own}-processed"}
    assert mine <= set(plan["resources"])
    assert mine <= set(said.found.resources)
    assert [each for each in said.left.going if ":key/" in each]
    assert said.people == 1
    assert said.left.is_empty
    assert everybody.seen(others) == before
    bodies = f"exports/{asked['account']['id']}/{done['id']}/objects/"
    assert any(bodies in each.what and each.until for each in said.kept)
    [archive] = [
        b["Name"] for b in aws("s3").list_buckets()["Buckets"] if "archive" in b["Name"].lower()
    ]
    kept = aws("s3").list_objects_v2(Bucket=archive, Prefix=bodies)["Contents"]
    # Where it lay last, and before it moved: a copy of each.
    copies = [each["Key"] for each in kept if each["Key"].endswith(f"/{file}")]
    assert copies
    for each in copies:
        assert aws("s3").get_object(Bucket=archive, Key=each)["Body"].read() == body
    told_by_mail(product, owner, done["certificate"], said.digest)
    rows = aws("dynamodb").query(
        TableName=product.outputs["PlatformTable"],
        KeyConditionExpression="PK = :pk AND begins_with(SK, :sk)",
        ExpressionAttributeValues={
            ":pk": {"S": f"ACCOUNT#{asked['account']['id']}"},
            ":sk": {"S": "FAREWELL#"},
        },
    )
    assert rows["Items"] == []


def told_by_mail(product: Product, owner: Person, *certificate: str) -> None:
    """The owner was told twice: the last time when nobody was left."""
    for subject, said in (("will be deleted after", ()), ("the certificate", certificate)):

        def about(its: str = subject) -> list[Any]:
            return [each for each in product.mails_to(owner.email) if its in each["subject"]]

        [mail] = until(f"the mail that says {subject}", about)
        for each in said:
            assert each in mail["text"]
            assert each in mail["html"]


@dataclass
class Orphans:
    """What somebody left under an account's names, tags and keys, of which no ledger knows."""

    product: Product
    aws: Aws
    tenant_id: str
    account_id: str
    there: dict[str, tuple[str, Callable[[], Any]]] = field(default_factory=dict)
    """By its kind: what it is found as, and what removes it."""

    def plant(self) -> None:
        own, tag = Names(PREFIX, self.account_id).own, {"account-id": self.account_id}
        for table in ("TenantTable", "PlatformTable"):
            self._item(f"partition in {table}", table, f"ORG#{self.tenant_id}#UNHEARD", "OF")
        self._item("item of nobody", "PlatformTable", f"ORG#{self.tenant_id}", "UNHEARD#1")
        s3, cloudformation = self.aws("s3"), self.aws("cloudformation")
        s3.create_bucket(
            Bucket=f"{own}-x",
            CreateBucketConfiguration={"LocationConstraint": self.product.outputs["Region"]},
        )
        self.there["bucket"] = (f"bucket {own}-x", lambda: s3.delete_bucket(Bucket=f"{own}-x"))
        topic = '{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}'
        # Of its own name, as one that moved to what all share may still have: it goes by itself.
        cloudformation.create_stack(StackName=own, TemplateBody=topic)
        sqs = self.aws("sqs")
        queue = sqs.create_queue(QueueName="left-behind", tags=tag)["QueueUrl"]
        self.there["queue"] = ("left-behind", lambda: sqs.delete_queue(QueueUrl=queue))

    def _item(self, kind: str, table: str, pk: str, sk: str) -> None:
        client, name = self.aws("dynamodb"), self.product.outputs[table]
        key = {"PK": {"S": pk}, "SK": {"S": sk}}
        client.put_item(TableName=name, Item=key)
        shown = f"item {pk} / {sk} of {name}"
        self.there[kind] = (shown, lambda: client.delete_item(TableName=name, Key=key))

    def come_late(self) -> None:
        """What is declared, and was written after the purge: the retry takes it."""
        self.aws("dynamodb").put_item(
            TableName=self.product.outputs["TenantTable"],
            Item={"PK": {"S": f"ORG#{self.tenant_id}"}, "SK": {"S": "PROJECT#late"}},
        )
        where = {"Bucket": self.product.outputs["TenantRawBucket"], "Key": f"{self.tenant_id}/late"}
        self.aws("s3").put_object(**where, Body=b"late")
        name = f"{Names(PREFIX, self.account_id).tree}/late"
        self.aws("ssm").put_parameter(Name=name, Value="x", Type="String")

    def named_in(self, error: str) -> set[str]:
        return {kind for kind, (shown, _) in self.there.items() if shown in error}

    def remove(self, kinds: set[str]) -> None:
        for kind in kinds:
            self.there.pop(kind)[1]()


def test_what_was_planted_outside_of_the_ledger_is_found_and_quarantined(
    product: Product, people: People, aws: Aws
) -> None:
    """By names, tags and keys alone; whoever removes it retries to the certificate."""
    owner, operator = people.owner(), people.operator()
    asked = request(product, owner.tokens, "public")
    ended(product, owner.tokens, asked)
    path = f"/accounts/{asked['account']['id']}"
    orphans = Orphans(product, aws, owner.organization_id, asked["account"]["id"])
    orphans.plant()

    _, done = torn_down(product, owner, operator, asked)
    assert account(product, operator.tokens, asked)["provisioningStatus"] == "failed"
    found: set[str] = set()
    while orphans.there:
        assert (done["status"], done["errorCode"]) == ("FAILED", "LEFTOVERS"), done
        named = orphans.named_in(done["error"])
        assert named, (done["error"], orphans.there)
        found |= named
        orphans.remove(named)
        if not orphans.there:
            orphans.come_late()
        why = {"reason": "What was planted is removed."}
        again = product.rest("POST", f"{path}/retry", operator.tokens, body=why)
        done = ended(product, operator.tokens, again.json())

    assert len(found) == 5
    assert (done["status"], done["percent"]) == ("SUCCEEDED", 100), done
    logs = aws("logs").filter_log_events(logGroupName=f"/aws/lambda/{PREFIX}-accounts-halt")
    until(
        "the metric that its alarm watches",
        lambda: [each for each in logs["events"] if "OperationsStuck" in each["message"]],
    )
    own = Names(PREFIX, asked["account"]["id"]).own
    assert own not in {each["StackName"] for each in stacks(aws)}
    assert Everybody(product, aws).left(owner.organization_id) <= KEPT
    assert parameters(aws, asked["account"]["id"]) == {}
