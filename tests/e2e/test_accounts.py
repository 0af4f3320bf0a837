"""Accounts on the deployed system: asked for by REST, provided by the state machine, IAM on."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.client import Product, Tokens, until
from localcloud.demo.writing import Writer
from tenantry.accounts.certificate import Certificate
from tenantry.audit.kms import is_signed
from tenantry.errors import OrganizationMovingError
from tenantry.persistence.table import Table
from tenantry.persistence.writes import Store
from tenantry.tenancy.router import Whereabouts
from tenantry.tenancy.tenant_table import TenantTable
from tests.e2e.conftest import People, Person

ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")


def body(cloud_type: str) -> dict[str, Any]:
    return {"name": "Own", "masterAccountName": "Works", "cloudType": cloud_type}


def request(product: Product, tokens: Tokens, cloud_type: str, key: str = "k-1") -> Any:
    answer = product.rest(
        "POST", "/accounts", tokens, body=body(cloud_type), headers={"idempotency-key": key}
    )
    assert answer.status_code == 202, answer.text
    return answer.json()


def operation(product: Product, tokens: Tokens, asked: Any) -> Any:
    path = f"/accounts/{asked['account']['id']}/operations/{asked['operation']['id']}"
    answer = product.rest("GET", path, tokens)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ended(product: Product, tokens: Tokens, asked: Any) -> Any:
    def look() -> Any:
        found = operation(product, tokens, asked)
        return found if found["status"] in ENDED else None

    return until("the operation's end", look, seconds=90, every=1.0)


def account(product: Product, tokens: Tokens, asked: Any) -> Any:
    answer = product.rest("GET", f"/accounts/{asked['account']['id']}", tokens)
    assert answer.status_code == 200, answer.text
    return answer.json()


def parameters(aws: Callable[[str], Any], account_id: str) -> dict[str, str]:
    tree = f"/tenantry-local/accounts/{account_id}/"
    pages = (
        aws("ssm").get_paginator("get_parameters_by_path").paginate(Path=tree[:-1], Recursive=True)
    )
    return {
        each["Name"].removeprefix(tree): each["Value"]
        for page in pages
        for each in page["Parameters"]
    }


def stored_route(product: Product, aws: Callable[[str], Any], owner: Person) -> dict[str, str]:
    item = aws("dynamodb").get_item(
        TableName=product.outputs["PlatformTable"],
        Key={"PK": {"S": f"ORG#{owner.organization_id}"}, "SK": {"S": "ORGANIZATION"}},
    )["Item"]
    return {name: value["S"] for name, value in item.get("route", {"M": {}})["M"].items()}


ASK = "mutation($input: AuditExportInput!) { requestAuditExport(input: $input) { id } }"
ALWAYS = {"from": "2026-01-01T00:00:00Z", "to": "2035-01-01T00:00:00Z", "format": "JSONL"}


def export_asked_for(product: Product, tokens: Tokens) -> str:
    return str(product.graphql(ASK, tokens, input=ALWAYS)["requestAuditExport"]["id"])


def export_written(product: Product, tokens: Tokens, export_id: str) -> None:
    def done() -> bool:
        found = product.graphql(
            "query($id: ID!) { auditExport(id: $id) { state } }", tokens, id=export_id
        )
        return bool(found["auditExport"]["state"] == "DONE")

    until("the export", done, seconds=60, every=1.0)


def exports(product: Product, tokens: Tokens) -> list[str]:
    found = product.graphql("query { auditExports { items { id } } }", tokens)
    return [each["id"] for each in found["auditExports"]["items"]]


def test_a_public_account_becomes_active(
    product: Product, people: People, aws: Callable[[str], Any]
) -> None:
    owner = people.owner()
    asked = request(product, owner.tokens, "public")
    found = ended(product, owner.tokens, asked)

    assert (found["status"], found["percent"]) == ("SUCCEEDED", 100), found
    assert f"tenant-{owner.organization_id}" in found["identity"]
    active = account(product, owner.tokens, asked)
    assert active["provisioningStatus"] == "active"
    assert active["tableName"] == product.outputs["TenantTable"]
    assert request(product, owner.tokens, "public")["account"] == active
    assert stored_route(product, aws, owner)["kind"] == "public"


def test_a_private_account_fails_is_undone_and_becomes_active_by_a_retry(
    product: Product, people: People, aws: Callable[[str], Any]
) -> None:
    """A parameter that the stack is to make is there already, so the stack fails. What the owner
    asked for before comes along."""
    owner = people.owner()
    export = export_asked_for(product, owner.tokens)
    plan = product.rest(
        "POST",
        "/accounts?dryRun=true",
        owner.tokens,
        body={**body("private"), "clientMutationId": "k-1"},
    ).json()["plan"]
    (tree,) = [each for each in plan["resources"] if each.startswith("parameters ")]
    in_the_way = f"{tree.removeprefix('parameters ')}/s3/raw-bucket"
    aws("ssm").put_parameter(Name=in_the_way, Value="elsewhere", Type="String")

    asked = request(product, owner.tokens, "private")
    failed = ended(product, owner.tokens, asked)
    account_id = asked["account"]["id"]

    assert (failed["status"], failed["errorCode"]) == ("FAILED", "STACK_FAILED"), failed
    assert any(event["status"] == "CREATE_FAILED" for event in failed["events"])
    shown = account(product, owner.tokens, asked)
    assert shown["provisioningStatus"] == "failed"
    assert "STACK_FAILED" in shown["error"]
    own = plan["resources"][1].removeprefix("table ")
    assert own not in aws("dynamodb").list_tables()["TableNames"]
    assert not [b for b in aws("s3").list_buckets()["Buckets"] if b["Name"].startswith(own)]
    assert stored_route(product, aws, owner) == {}
    assert parameters(aws, account_id)["provisioning-status"] == "failed"

    aws("ssm").delete_parameter(Name=in_the_way)
    retried = product.rest("POST", f"/accounts/{account_id}/retry", owner.tokens)
    assert retried.status_code == 202, retried.text
    done = ended(product, owner.tokens, asked)

    assert (done["status"], done["percent"]) == ("SUCCEEDED", 100), done
    active = account(product, owner.tokens, asked)
    assert (active["provisioningStatus"], active["tableName"]) == ("active", own)
    assert aws("dynamodb").describe_table(TableName=own)["Table"]["TableStatus"] == "ACTIVE"
    told = parameters(aws, account_id)
    assert (told["cloud-type"], told["provisioning-status"]) == ("private", "active")
    assert (told["dynamodb/table-name"], told["s3/raw-bucket"]) == (own, f"{own}-raw")
    route = stored_route(product, aws, owner)
    assert (route["table"], route["state"]) == (own, "active")
    assert exports(product, owner.tokens) == [export]
    assert done["comparison"]["isEqual"]
    assert done["comparison"]["new"]["items"] > 0


def test_a_public_account_has_buckets_of_its_own_until_its_end(
    product: Product, people: People, aws: Callable[[str], Any]
) -> None:
    """What nobody has counted yet in the shared bucket comes along; then the files move to private
    and back."""
    owner, s3 = people.owner(), aws("s3")
    tenant_id, before = owner.organization_id, product.outputs["TenantRawBucket"]
    s3.put_object(Bucket=before, Key=f"{tenant_id}/early.txt", Body=b"early")
    answer = product.rest(
        "POST",
        "/accounts",
        owner.tokens,
        body={**body("public"), "options": {"ownBuckets": True}},
        headers={"idempotency-key": "k-1"},
    )
    assert answer.status_code == 202, answer.text
    asked = answer.json()
    found = ended(product, owner.tokens, asked)

    assert (found["status"], found["percent"]) == ("SUCCEEDED", 100), found
    assert f"tenant-{owner.organization_id}" in found["identity"]
    assert account(product, owner.tokens, asked)["tableName"] == product.outputs["TenantTable"]
    route = stored_route(product, aws, owner)
    told = parameters(aws, asked["account"]["id"])
    assert (route["kind"], route["state"], "table" in route) == ("public", "active", False)
    assert (told["s3/raw-bucket"], told["s3/processed-bucket"]) == (
        route["raw"],
        route["processed"],
    )
    files = {"early.txt": b"early", "1.txt": b"latest"}
    for content in (b"older", b"latest"):
        for bucket in (route["raw"], route["processed"]):
            s3.put_object(Bucket=bucket, Key=f"{tenant_id}/1.txt", Body=content)
    for kind in ("private", "public"):
        assert moved(product, owner.tokens, asked, kind)["comparison"]["isEqual"]
        there = stored_route(product, aws, owner)
        assert (there["kind"], there["state"]) == (kind, "active")
        for name, content in files.items():
            got = s3.get_object(Bucket=there["raw"], Key=f"{tenant_id}/{name}")
            assert got["Body"].read() == content
    assert there["raw"] == route["raw"]
    assert before not in (there["raw"], there["processed"])

    plan, done = torn_down(product, owner, people.operator(), asked)

    assert done["status"] == "SUCCEEDED", done
    assert any(route["raw"] in each for each in plan["resources"]), plan
    left = {each["Name"] for each in s3.list_buckets()["Buckets"]}
    assert not left & {route["raw"], route["processed"]}
    assert parameters(aws, asked["account"]["id"]) == {}


def moved(product: Product, tokens: Tokens, asked: Any, kind: str) -> Any:
    """Planned, asked for, and seen to its end."""
    path, to = f"/accounts/{asked['account']['id']}/move", {"to": kind}
    plan = product.rest("POST", f"{path}?dryRun=true", tokens, body=to).json()["plan"]
    moving = product.rest("POST", f"{path}?plan={plan['hash']}", tokens, body=to)
    assert moving.status_code == 202, moving.text
    done = ended(product, tokens, moving.json())
    assert done["status"] == "SUCCEEDED", done
    return done


@pytest.fixture
def stopped(product: Product, aws: Callable[[str], Any]) -> Callable[[Any], None]:
    """Stops the execution of an operation that has begun."""

    def stop(asked: Any) -> None:
        states = aws("stepfunctions")
        machine = next(
            each["stateMachineArn"]
            for each in states.list_state_machines()["stateMachines"]
            if each["name"].endswith("-provision-account")
        )

        def running() -> Any:
            found = states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")
            names = {e["name"]: e["executionArn"] for e in found["executions"]}
            return names.get(f"{asked['operation']['id']}-1")

        states.stop_execution(executionArn=until("the execution", running), cause="by hand")

    return stop


def test_an_execution_stopped_by_hand_is_undone(
    product: Product, people: People, stopped: Callable[[Any], None]
) -> None:
    owner = people.owner()
    asked = request(product, owner.tokens, "private")
    stopped(asked)

    found = ended(product, owner.tokens, asked)

    assert (found["status"], found["errorCode"]) == ("FAILED", "STOPPED"), found
    assert not [step for step in found["steps"] if step["state"] in ("RUNNING", "UNDOING")]


def test_operators_see_all_and_others_only_their_own(product: Product, people: People) -> None:
    owner, stranger, operator = people.owner(), people.owner(), people.operator()
    asked = request(product, owner.tokens, "public")
    path = f"/accounts/{asked['account']['id']}"

    assert product.rest("GET", path, stranger.tokens).status_code == 404
    assert product.rest("POST", f"{path}/cancel", stranger.tokens).status_code == 404
    assert product.rest("GET", "/accounts", stranger.tokens).json()["items"] == []
    assert product.rest("GET", path, operator.tokens).status_code == 200
    listed = product.rest("GET", "/accounts", operator.tokens).json()["items"]
    assert asked["account"]["id"] in {each["id"] for each in listed}
    member = people.member(owner.organization_id, "ADMIN")
    assert product.rest("GET", "/accounts", member.tokens).status_code == 403
    assert product.rest("POST", "/accounts", None, body=body("public")).status_code == 401
    ended(product, owner.tokens, asked)


def torn_down(product: Product, owner: Person, second: Person, asked: Any) -> Any:
    """Planned, asked for, and approved by somebody else, who sees it to its end: whoever asked is
    gone by then."""
    path = f"/accounts/{asked['account']['id']}"
    plan = product.rest("GET", f"{path}/teardown-plan", owner.tokens)
    assert plan.status_code == 200, plan.text
    changed = product.rest("DELETE", f"{path}?plan=another", owner.tokens)
    assert (changed.status_code, changed.json()["code"]) == (409, "PLAN_CHANGED"), changed.text
    answer = product.rest("DELETE", f"{path}?plan={plan.json()['hash']}", owner.tokens)
    assert answer.status_code == 202, answer.text
    waiting = answer.json()
    given = {"approvalId": mailed_to(second, product, path)}
    assert given == {"approvalId": waiting["operation"]["approvalId"]}
    own = product.rest("POST", f"{path}/approve", owner.tokens, body=given)
    assert (own.status_code, own.json()["code"]) == (403, "OWN_APPROVAL"), own.text
    why = {"reason": "Ticket 42"}
    approved = product.rest("POST", f"{path}/approve", second.tokens, body=given | why)
    assert approved.status_code == 202, approved.text
    return plan.json(), ended(product, second.tokens, waiting)


def mailed_to(second: Person, product: Product, path: str) -> str:
    """What somebody who may approve is mailed to approve it by."""
    link = re.compile(rf"{re.escape(path)}/teardown#(\S+)")

    def found() -> str | None:
        texts = (each["text"] for each in product.mails_to(second.email))
        return next((match[1] for text in texts if (match := link.search(text))), None)

    return until("the mail to who may approve", found)


def items_of(product: Product, aws: Callable[[str], Any], tenant_id: str) -> list[Any]:
    found = aws("dynamodb").query(
        TableName=product.outputs["TenantTable"],
        KeyConditionExpression="PK = :pk",
        ExpressionAttributeValues={":pk": {"S": f"ORG#{tenant_id}"}},
    )
    return list(found["Items"])


def certificate_of(aws: Callable[[str], Any], operation: Any) -> Certificate:
    """Read where it is kept, and its signature checked by the key's public half."""
    s3, kms = aws("s3"), aws("kms")
    (bucket,) = [b["Name"] for b in s3.list_buckets()["Buckets"] if "archive" in b["Name"].lower()]
    body = s3.get_object(Bucket=bucket, Key=operation["certificate"])["Body"].read()
    found = Certificate.read(body)
    public = kms.get_public_key(KeyId=found.statement.key_id)["PublicKey"]
    assert is_signed(public, found.statement.signed, found.signature)
    return found


# moves

TOLD = """query($after: String) {
  auditLog(first: 100, after: $after, filter: {type: "AuditExportRequested"}) {
    items { entityId } nextCursor
  }
}"""


def told_of_exports(product: Product, tokens: Tokens) -> list[str]:
    found, after = [], None
    while True:
        page = product.graphql(TOLD, tokens, after=after)["auditLog"]
        found += [each["entityId"] for each in page["items"]]
        if (after := page["nextCursor"]) is None:
            return sorted(found)


def test_an_account_moves_while_it_writes_and_nothing_is_lost(
    product: Product, people: People, aws: Callable[[str], Any]
) -> None:
    owner = people.owner()
    asked = request(product, owner.tokens, "public")
    ended(product, owner.tokens, asked)
    tenant_id, shared = owner.organization_id, product.outputs["TenantTable"]
    files = {f"{tenant_id}/{name}": name.encode() for name in ("1.txt", "a/2.txt")}
    for key, content in files.items():
        aws("s3").put_object(Bucket=product.outputs["TenantRawBucket"], Key=key, Body=content)
    path, to = f"/accounts/{asked['account']['id']}/move", {"to": "private"}

    plan = product.rest("POST", f"{path}?dryRun=true", owner.tokens, body=to).json()["plan"]
    without = product.rest("POST", path, owner.tokens, body=to)
    assert without.status_code == 400, without.text
    changed = product.rest("POST", f"{path}?plan=another", owner.tokens, body=to)
    assert (changed.status_code, changed.json()["code"]) == (409, "PLAN_CHANGED"), changed.text
    with Writer(product, owner.tokens) as writer:
        until("something written", lambda: writer.given_up)
        moving = product.rest("POST", f"{path}?plan={plan['hash']}", owner.tokens, body=to)
        assert moving.status_code == 202, moving.text
        done = ended(product, owner.tokens, moving.json())
        before = len(writer.asked)
        until("something written after the move", lambda: len(writer.asked) > before)

    assert (done["status"], done["percent"]) == ("SUCCEEDED", 100), done
    assert done["comparison"]["isEqual"]
    assert done["comparison"]["new"]["objects"] == len(files)
    moved = account(product, owner.tokens, asked)
    assert moved["cloudType"] == "private"
    route = stored_route(product, aws, owner)
    assert (route["kind"], route["table"], route["state"]) == (
        "private",
        moved["tableName"],
        "active",
    )

    # Nothing that was acknowledged is lost, nothing is told twice, and who came in between was told
    # so. (When to come again, the local cloud leaves out: tests/integration/audit.)
    listed = writer.listed()
    assert listed.keys() == set(writer.asked)
    assert all(listed[job] in ("CANCELLED", "DONE") for job in writer.given_up)
    assert {error.code for error in writer.refused} == {"ORGANIZATION_MOVING"}

    def told() -> list[str] | None:
        found = told_of_exports(product, owner.tokens)
        return found if len(found) >= len(listed) else None

    assert until("all events", told, every=0.5) == sorted(listed)
    for key, content in files.items():
        assert aws("s3").get_object(Bucket=route["raw"], Key=key)["Body"].read() == content

    # Who has read the route before the move, and writes only now, is refused.
    late = Whereabouts(tenant_id, "public", shared, "", "", "", 1)
    with pytest.raises(OrganizationMovingError):
        TenantTable(Table(aws("dynamodb"), shared), late).transact(
            [Store({"PK": f"ORG#{tenant_id}", "SK": "LATE"}, {})]
        )
    left = old_copy_goes(product, aws, asked["account"]["id"], done, tenant_id)
    assert left == ["FENCE"]
    assert writer.listed() == listed


def old_copy_goes(
    product: Product, aws: Callable[[str], Any], account_id: str, operation: Any, tenant_id: str
) -> list[str]:
    """Let its retention end now; answers what the sweep leaves in the shared place."""
    assert operation["oldCopyUntil"]
    dynamodb, past = aws("dynamodb"), "2026-01-01T00:00:00+00:00"
    ledger = {
        "TableName": product.outputs["PlatformTable"],
        "Key": {
            "PK": {"S": f"ACCOUNT#{account_id}"},
            "SK": {"S": f"OPERATION#{operation['id']}"},
        },
    }
    dynamodb.update_item(
        **ledger,
        UpdateExpression="SET retire_at = :past, GSI2SK = :sorted",
        ConditionExpression="attribute_exists(retire_at)",
        ExpressionAttributeValues={
            ":past": {"S": past},
            ":sorted": {"S": f"{past}#{operation['id']}"},
        },
    )

    def swept() -> bool:
        answer = aws("lambda").invoke(FunctionName="tenantry-local-accounts-retire-copies")
        assert "FunctionError" not in answer, answer["Payload"].read()
        return "retire_at" not in dynamodb.get_item(**ledger)["Item"]

    until("the old copy's end", swept)
    raw = aws("s3").list_object_versions(
        Bucket=product.outputs["TenantRawBucket"], Prefix=f"{tenant_id}/"
    )
    left = [
        item["SK"]["S"]
        for below in ("", "#EXPORTS")
        for item in items_of(product, aws, f"{tenant_id}{below}")
    ]
    return [*left, *(each["Key"] for each in raw.get("Versions", []))]
