"""What an AWS account of an organisation's own begins with: the baseline of dedicated accounts."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cfnlint.api import lint_file
from cfnlint.config import ManualArgs

from tenantry.accounts.dedicated_stacks import RECORDER_ROLE
from tenantry.accounts.vendors.errands import MADE_OF, boundary
from tests.infrastructure.templates import ROOT, Json, as_list, parse

PATH = ROOT / "stacks/dedicated-account-baseline.yaml"
STACK = parse("dedicated", PATH.read_text())
PRIVATE = parse("private", (ROOT / "stacks/private-account.yaml").read_text())
RESOURCES: dict[str, Json] = STACK.body["Resources"]
LARGEST = 51_200
"""Bytes of a template that CreateStack takes as text."""
WATCHERS = {
    "Trail": "MakesTrail",
    "Recorder": "MakesRecorder",
    "RecorderRole": "MakesRecorderRole",
    "Detector": "MakesDetector",
}


def statements(role: str) -> list[Json]:
    policies = RESOURCES[role]["Properties"]["Policies"]
    return [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]


def test_cfn_lint_is_clean() -> None:
    arguments = ManualArgs(regions=["eu-central-1", "us-east-1"])
    assert [str(match) for match in lint_file(PATH, arguments)] == []


def test_it_is_small_enough_to_be_sent_as_text() -> None:
    assert len(PATH.read_bytes()) < LARGEST


@pytest.mark.parametrize("name", ["Table", "Raw", "RawPolicy", "Processed", "ProcessedPolicy"])
def test_the_data_lies_as_in_a_private_account(name: str) -> None:
    assert RESOURCES[name] == PRIVATE.body["Resources"][name]


@pytest.mark.parametrize("name", [n for n, r in PRIVATE.resources() if "AutoScaling" in r["Type"]])
def test_capacity_follows_use_as_in_a_private_account(name: str) -> None:
    assert RESOURCES[name] == PRIVATE.body["Resources"][name]


# who may enter


def test_one_role_of_the_platform_enters_and_only_with_the_external_id() -> None:
    (statement,) = RESOURCES["Platform"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"AWS": {"Ref": "PlatformRoleArn"}},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}},
    }


def test_no_other_role_here_trusts_anybody_but_a_service() -> None:
    for name, role in STACK.properties("AWS::IAM::Role"):
        if name != "Platform":
            for statement in role["AssumeRolePolicyDocument"]["Statement"]:
                assert set(statement["Principal"]) == {"Service"}, name


def test_the_external_id_is_shown_nowhere() -> None:
    parameter = STACK.body["Parameters"]["ExternalId"]
    assert parameter["NoEcho"] is True
    assert parameter["MinLength"] >= 32
    assert "Default" not in parameter
    uses = json.dumps(STACK.body).count('{"Ref": "ExternalId"}')
    assert uses == 1, "it stands in the trust of one role, and in no output"


def test_the_platform_role_reads_and_writes_data_and_nothing_else() -> None:
    actions = {action for each in statements("Platform") for action in as_list(each["Action"])}
    assert {action.split(":")[0] for action in actions} == {"dynamodb", "s3", "kms"}
    assert "dynamodb:Scan" not in actions
    assert not [action for action in actions if "*" in action]
    assert not [each for each in statements("Platform") if each["Resource"] == "*"]


# the boundary of roles


def test_every_role_has_a_boundary() -> None:
    behind = {
        name: role["PermissionsBoundary"]["Ref"]
        for name, role in STACK.properties("AWS::IAM::Role")
    }
    assert behind == {
        "Platform": "Boundary",
        "ForwarderRole": "Boundary",
        "AlarmsRole": "Boundary",
    }
    assert not list(STACK.properties("AWS::IAM::User", "AWS::IAM::Group"))
    ((_, limit),) = STACK.properties("AWS::IAM::ManagedPolicy")
    named = limit["ManagedPolicyName"]["Fn::Sub"].replace("${Deployment}", "d")
    assert boundary("aws", "1", "d") == f"arn:aws:iam::1:policy/{named}", (
        "the session that deploys it makes roles behind this policy alone"
    )


def test_every_role_has_a_name_that_its_session_may_give_rights_to() -> None:
    for name, role in STACK.properties("AWS::IAM::Role"):
        assert role["RoleName"]["Fn::Sub"].startswith("${Deployment}-"), name


def test_its_session_may_make_what_it_has() -> None:
    services = {
        "ApplicationAutoScaling": "application-autoscaling",
        **{name: name.lower() for name in ("Budgets", "CloudTrail", "CloudWatch", "Config")},
        **{name: name.lower() for name in ("DynamoDB", "Events", "GuardDuty", "KMS", "Lambda")},
        **{name: name.lower() for name in ("Logs", "S3")},
    }
    made_of = {resource["Type"].split("::")[1] for _, resource in STACK.resources()} - {"IAM"}
    assert {services[name] for name in made_of} == set(MADE_OF)


def test_the_recorder_works_as_the_role_that_aws_keeps_for_it() -> None:
    """Nobody can be given that role, and nothing else here may what it may."""
    assert RESOURCES["RecorderRole"]["Type"] == "AWS::IAM::ServiceLinkedRole"
    assert RESOURCES["RecorderRole"]["Properties"] == {"AWSServiceName": "config.amazonaws.com"}
    assert RESOURCES["RecorderRole"]["DeletionPolicy"] == "Retain", "others may need it"
    condition, made, there = RESOURCES["Recorder"]["Properties"]["RoleARN"]["Fn::If"]
    assert condition == RESOURCES["RecorderRole"]["Condition"] == "MakesRecorderRole"
    assert there["Fn::Sub"].endswith(f":role/aws-service-role/config.amazonaws.com/{RECORDER_ROLE}")
    assert made["Fn::Sub"] == there["Fn::Sub"].replace(RECORDER_ROLE, "${RecorderRole}")


def test_no_role_has_a_policy_of_somebody_elses_making() -> None:
    for name, role in STACK.properties("AWS::IAM::Role"):
        assert "ManagedPolicyArns" not in role, name


@pytest.mark.parametrize("role", ["Platform", "ForwarderRole", "AlarmsRole"])
def test_what_a_role_may_do_is_within_its_boundary(role: str) -> None:
    most = RESOURCES["Boundary"]["Properties"]["PolicyDocument"]["Statement"]
    assert {each["Effect"] for each in most} == {"Allow"}
    within = {action for each in most for action in as_list(each["Action"])}
    assert not [action for action in within if "*" in action]
    assert {a for each in statements(role) for a in as_list(each["Action"])} <= within


def test_the_boundary_lets_nobody_give_rights_or_look_into_other_tables() -> None:
    most = RESOURCES["Boundary"]["Properties"]["PolicyDocument"]["Statement"]
    assert {a.split(":")[0] for each in most for a in as_list(each["Action"])} == {
        *("dynamodb", "s3", "kms", "events", "logs"),
    }
    wide = [each["Sid"] for each in most if each["Resource"] == "*"]
    assert wide == ["ListStreams"]


def test_a_private_account_makes_no_roles_and_its_provisioner_may_not() -> None:
    assert not [r["Type"] for _, r in PRIVATE.resources() if r["Type"].startswith("AWS::IAM::")]
    accounts = parse("accounts", (ROOT / "functions/accounts/template.yaml").read_text())
    (policy,) = accounts.body["Resources"]["ProvisionerRole"]["Properties"]["Policies"]
    for statement in policy["PolicyDocument"]["Statement"]:
        for action in as_list(statement["Action"]):
            assert not action.startswith("iam:"), "roles are made behind a boundary alone"
            assert action != "*"


def test_the_provisioner_takes_over_no_key_of_the_platforms() -> None:
    """A tag makes a key an account's own: what it may do to those it is refused on these."""
    accounts = parse("accounts", (ROOT / "functions/accounts/template.yaml").read_text())
    whole = parse("root", (ROOT / "template.yaml").read_text())
    (policy,) = accounts.body["Resources"]["ProvisionerRole"]["Properties"]["Policies"]
    by_sid = {each["Sid"]: each for each in policy["PolicyDocument"]["Statement"]}
    denied = by_sid["PlatformKeys"], by_sid["CertificateKey"]
    given = whole.body["Resources"]["Accounts"]["Properties"]["Parameters"]["PlatformKeyArns"]
    harmless = {"kms:CreateKey", "kms:DescribeKey", "kms:ListResourceTags"}
    may = {*by_sid["OwnKeys"]["Action"], *by_sid["NewKeys"]["Action"]} - harmless

    for each in denied:
        assert each["Effect"] == "Deny"
        assert "Condition" not in each
        assert {a for a in may if not a.startswith("kms:Get")} <= set(each["Action"])
    assert denied[0]["Resource"] == {"Ref": "PlatformKeyArns"}
    for template, told in ((accounts, denied[1]["Resource"]), (whole, given)):
        keys = [name for name, _ in template.properties("AWS::KMS::Key")]
        assert keys
        for name in keys:
            assert {"Fn::GetAtt": [name, "Arn"]} in nested(told), name


def nested(value: Any) -> Iterator[Any]:
    yield value
    for each in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from nested(each)


# what is kept


def buckets() -> Iterator[tuple[str, Json]]:
    yield from STACK.properties("AWS::S3::Bucket")


def test_every_bucket_is_encrypted_versioned_and_private() -> None:
    assert {name for name, _ in buckets()} == {"Raw", "Processed", "Failures", "Records"}
    for name, bucket in buckets():
        assert "BucketEncryption" in bucket, name
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}, name
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, name


def test_every_bucket_is_reached_by_tls_only() -> None:
    policies = {
        policy["Bucket"]["Ref"]: policy["PolicyDocument"]["Statement"]
        for _, policy in STACK.properties("AWS::S3::BucketPolicy")
    }
    for name, _ in buckets():
        denied = [each for each in policies[name] if each["Effect"] == "Deny"]
        assert [each["Condition"] for each in denied] == [
            {"Bool": {"aws:SecureTransport": "false"}}
        ], name


def test_everything_that_takes_tags_says_whose_it_is() -> None:
    tagged = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::IAM::Role")
    for name, properties in STACK.properties(*tagged, "AWS::Lambda::Function"):
        keys = {tag["Key"] for tag in properties["Tags"]}
        assert keys >= {"tenant-id", "account-id", "deployment"}, name


# who watches


@pytest.mark.parametrize(("name", "condition"), WATCHERS.items())
def test_what_the_account_has_already_is_not_made_again(name: str, condition: str) -> None:
    assert RESOURCES[name]["Condition"] == condition


def test_a_budget_has_somebody_to_tell() -> None:
    (rule,) = STACK.body["Rules"].values()
    assert "BudgetEmail" in json.dumps(rule["Assertions"])
    told = RESOURCES["Budget"]["Properties"]["NotificationsWithSubscribers"]
    assert {each["Notification"]["NotificationType"] for each in told} == {"ACTUAL", "FORECASTED"}


@pytest.mark.parametrize("name", ["AlarmsRule", "FindingsRule"])
def test_the_platform_hears_of_alarms_and_findings(name: str) -> None:
    (target,) = RESOURCES[name]["Properties"]["Targets"]
    assert target["Arn"] == {"Ref": "EntranceBus"}
    assert target["RoleArn"] == {"Fn::GetAtt": "AlarmsRole.Arn"} or target["RoleArn"] == {
        "Fn::GetAtt": ["AlarmsRole", "Arn"]
    }


@pytest.mark.parametrize("role", ["ForwarderRole", "AlarmsRole"])
def test_events_go_to_the_platforms_bus_only(role: str) -> None:
    told = [each for each in statements(role) if "events:PutEvents" in as_list(each["Action"])]
    assert [each["Resource"] for each in told] == [{"Ref": "EntranceBus"}]


# the forwarder


class _Bus:
    """Stands in for EventBridge."""

    def __init__(self) -> None:
        self.taken: list[Json] = []
        self.refuses = 0
        self.breaks = 0

    def put_events(self, Entries: list[Json]) -> Json:  # noqa: N803 - boto3's name
        if self.breaks:
            self.breaks -= 1
            raise ConnectionError
        if self.refuses:
            self.refuses -= 1
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}
        self.taken += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}


class Forwarder:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import boto3

        self.bus = _Bus()
        monkeypatch.setenv("ENTRANCE_BUS", "arn:bus")
        monkeypatch.setattr(boto3, "client", lambda _service: self.bus)
        monkeypatch.setattr("time.sleep", lambda _seconds: None)
        self._code: dict[str, Any] = {}
        source = RESOURCES["Forwarder"]["Properties"]["Code"]["ZipFile"]
        exec(compile(source, "index.py", "exec"), self._code)

    def __call__(self, *records: Json) -> Json:
        answer: Json = self._code["handler"]({"Records": list(records)}, None)
        return answer


@pytest.fixture
def forwarder(monkeypatch: pytest.MonkeyPatch) -> Forwarder:
    return Forwarder(monkeypatch)


def record(number: int = 1, events: tuple[str, ...] = ("e1",), old: tuple[str, ...] = ()) -> Json:
    """Follows "DynamoDB Streams record" of the DynamoDB API reference."""

    def image(ids: tuple[str, ...]) -> Json:
        listed = {"L": [{"M": {"id": {"S": each}}} for each in ids]}
        return {"tenant_id": {"S": "t1"}, "title": {"S": "secret"}, "events": listed}

    images = {"NewImage": image(events)} | ({"OldImage": image(old)} if old else {})
    return {
        "eventID": f"id-{number}",
        "eventName": "MODIFY" if old else "INSERT",
        "dynamodb": {"SequenceNumber": str(number), **images},
    }


def test_a_change_is_told_as_the_stream_tells_it(forwarder: Forwarder) -> None:
    assert forwarder(record(events=("e1", "e2"), old=("e1",))) == {"batchItemFailures": []}

    (entry,) = forwarder.bus.taken
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == (
        "arn:bus",
        "tenantry.changes",
        "ItemChanged",
    )
    detail = json.loads(entry["Detail"])
    assert detail["eventName"] == "MODIFY"
    assert [e["M"]["id"]["S"] for e in detail["dynamodb"]["NewImage"]["events"]["L"]] == [
        "e1",
        "e2",
    ]
    assert [e["M"]["id"]["S"] for e in detail["dynamodb"]["OldImage"]["events"]["L"]] == ["e1"]


def test_what_people_wrote_stays_where_it_is(forwarder: Forwarder) -> None:
    forwarder(record())

    assert "secret" not in forwarder.bus.taken[0]["Detail"]


def test_a_change_without_new_events_is_told_to_nobody(forwarder: Forwarder) -> None:
    forwarder(record(events=()), record(events=("e1",), old=("e1",)))

    assert forwarder.bus.taken == []


@pytest.mark.parametrize("fault", ["refuses", "breaks"])
def test_a_bus_that_is_busy_is_asked_again(forwarder: Forwarder, fault: str) -> None:
    setattr(forwarder.bus, fault, 2)

    assert forwarder(record()) == {"batchItemFailures": []}
    assert len(forwarder.bus.taken) == 1


@pytest.mark.parametrize("fault", ["refuses", "breaks"])
def test_from_what_is_not_taken_the_batch_comes_again(forwarder: Forwarder, fault: str) -> None:
    forwarder(record(1))
    setattr(forwarder.bus, fault, 3)

    answer = forwarder(record(2), record(3))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert len(forwarder.bus.taken) == 1
