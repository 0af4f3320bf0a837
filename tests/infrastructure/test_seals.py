"""What the proof of the audit rests on, and the local cloud does not enforce."""

import ast
from collections.abc import Iterator

import pytest

from tests.infrastructure import rules
from tests.infrastructure.templates import ROOT, templates

SYSTEM, *CONTEXTS = templates()
RESOURCES = SYSTEM.body["Resources"]
BUCKET = RESOURCES["SealsBucket"]
PRODUCT = ROOT / "layers" / "tenantry" / "tenantry"

# Functions whose writes raise `entity_version` and tell nobody, and why: what they write is no
# entity of an organisation, so the audit expects no event of it.
SILENT = {
    "accounts/dynamodb.py _operation_change": "steps of an operation, which itself tells nothing",
    "accounts/dynamodb.py advance": "that an organisation has no account: a reservation",
    "accounts/dynamodb.py request": "an operation, and whose an account is: a reservation",
    "accounts/dynamodb.py begin": "an operation, beside the account whose event tells of it",
    "audit/dynamodb_exports.py create": "which export a key of a client's has made: a reservation",
    "audit/dynamodb_exports.py work": "how far a worker has come, beside the job itself",
    "audit/dynamodb_gaps.py save": "ledgers of versions are the audit's own books",
    "audit/dynamodb_seals.py _move": "the position of a chain is the audit's own book",
    "audit/dynamodb_seals.py commit": "records of seals are the audit's own books",
    "billing/dynamodb.py save": "whose a customer of Stripe is: a reservation",
    "invitations/dynamodb.py create": "which invitation an address has: a reservation",
    "licenses/dynamodb.py _both": "which days of a service are taken: a reservation",
    "organizations/dynamodb.py _latest": "which session an operator last had: a pointer",
    "organizations/dynamodb.py create": "whose a slug is: a reservation",
    "organizations/dynamodb.py prove": "whose a domain is: a reservation",
    "organizations/dynamodb.py release": "that a domain is free: a reservation",
    "organizations/room.py _row": "room for an object on its way: a reservation",
    "usage/dynamodb_storage.py _row": "what lay in the buckets: a measurement, and nobody's doing",
}


def test_nobody_changes_or_deletes_a_seal_before_its_time() -> None:
    properties = BUCKET["Properties"]
    assert properties["ObjectLockEnabled"] is True
    assert properties["ObjectLockConfiguration"] == {
        "ObjectLockEnabled": "Enabled",
        "Rule": {
            "DefaultRetention": {"Mode": {"Ref": "SealLockMode"}, "Days": {"Ref": "SealLockDays"}}
        },
    }
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert "LifecycleConfiguration" not in properties
    modes = SYSTEM.body["Parameters"]["SealLockMode"]["AllowedValues"]
    assert modes == ["GOVERNANCE", "COMPLIANCE"]


def test_the_seals_outlive_the_stack_with_their_keys() -> None:
    for name in ("SealsBucket", "SealSigningKey", "SealWrappingKey"):
        assert RESOURCES[name]["DeletionPolicy"] == "Retain", name
        assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain", name


def test_the_seals_are_private_and_travel_encrypted() -> None:
    assert all(BUCKET["Properties"]["PublicAccessBlockConfiguration"].values())
    (statement,) = RESOURCES["SealsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def allowed(action: str, *, on_seals: bool = False) -> set[str]:
    """The roles of all templates that may do `action`, with anything or with what seals are of."""
    return {
        f"{template.name}.{logical_id}"
        for template in (SYSTEM, *CONTEXTS)
        for logical_id, role in template.properties("AWS::IAM::Role")
        if any(
            granted == action and (not on_seals or place == "*" or "Seal" in place)
            for granted, place in rules.grants(role)
        )
    }


def test_only_the_sealer_signs_and_only_it_makes_tenants_keys() -> None:
    # Certificates of teardowns have a key of their own.
    assert allowed("kms:Sign", on_seals=True) == {"audit.SealDaysRole"}
    assert allowed("kms:Sign") == {"audit.SealDaysRole", "accounts.CertifyRole"}
    assert allowed("kms:GenerateDataKey") == {"audit.SealDaysRole"}


def test_of_keys_that_are_retired_only_the_public_half_is_asked_for() -> None:
    granted = {
        (logical_id, action)
        for template in (SYSTEM, *CONTEXTS)
        for logical_id, role in template.properties("AWS::IAM::Role")
        for action, place in rules.grants(role)
        if place == "RetiredSealKeyArns"
    }
    assert granted == {
        ("SealDaysRole", "kms:GetPublicKey"),
        ("VerifyApiRole", "kms:GetPublicKey"),
    }
    # Without any there is no statement: an empty list is no resource.
    (audit,) = [template for template in CONTEXTS if template.name == "audit"]
    for name in ("SealDaysRole", "VerifyApiRole"):
        policy = audit.body["Resources"][name]["Properties"]["Policies"][0]["PolicyDocument"]
        (choice,) = [
            each["Fn::If"] for each in policy["Statement"] if "RetiredSealKeyArns" in str(each)
        ]
        assert (choice[0], choice[2]) == ("SealKeysRetired", {"Ref": "AWS::NoValue"})
    assert audit.body["Conditions"]["SealKeysRetired"] == {
        "Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "RetiredSealKeyArns"}]}, ""]}]
    }


@pytest.mark.parametrize(
    "action",
    [
        "s3:BypassGovernanceRetention",
        "s3:PutObjectRetention",
        "s3:PutObjectLegalHold",
        "s3:DeleteObjectVersion",
        "s3:PutBucketObjectLockConfiguration",
        "kms:ScheduleKeyDeletion",
        "kms:DisableKey",
        "kms:PutKeyPolicy",
    ],
)
def test_no_role_of_ours_can_take_a_seal_or_a_key_away(action: str) -> None:
    assert allowed(action, on_seals=True) == set()


def test_a_tenants_key_opens_for_a_tenant_only() -> None:
    policy = RESOURCES["SealWrappingKey"]["Properties"]["KeyPolicy"]["Statement"]
    (denied,) = [each for each in policy if each["Effect"] == "Deny"]
    assert denied["Condition"] == {"Null": {"kms:EncryptionContext:tenant_id": "true"}}
    assert {"kms:Decrypt", "kms:GenerateDataKey*"} <= set(denied["Action"])


def test_outsiders_can_check_signatures() -> None:
    properties = RESOURCES["SealSigningKey"]["Properties"]
    assert (properties["KeySpec"], properties["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")


def test_a_gap_rings() -> None:
    (audit,) = [template for template in CONTEXTS if template.name == "audit"]
    alarm = dict(audit.properties("AWS::CloudWatch::Alarm"))["GapsAlarm"]
    assert (alarm["MetricName"], alarm["Threshold"]) == ("AuditGaps", 0)
    assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]


def silent_writes(source: str) -> Iterator[str]:
    """The functions with a write that raises `entity_version` and plainly carries no event."""
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef):
            yield from {function.name for node in ast.walk(function) if is_silent(node)}


def is_silent(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="Create" | "Change" as kind), args=args, keywords=named):
            given = {each.arg: each.value for each in named}
            at = 2 if kind == "Create" else 3
            events = args[at] if len(args) > at else given.get("events")
            return events is None or (isinstance(events, ast.Tuple) and not events.elts)
    return False


def test_every_write_of_an_entity_tells_an_event() -> None:
    """What completeness rests on: versions count without a gap because each has an event."""
    found = {
        f"{path.relative_to(PRODUCT)} {name}"
        for path in PRODUCT.rglob("*.py")
        for name in silent_writes(path.read_text())
    }
    assert found - SILENT.keys() == set(), "an entity's write needs an event, or a line in SILENT"


@pytest.mark.parametrize(
    ("write", "is_noticed"),
    [
        ("Create(k, a, (event,))", False),
        ("Create(k, a, events=(event,))", False),
        ("Create(k, a, events)", False),
        ("Create(k, a)", True),
        ("Create(k, a, ())", True),
        ("Create(k, a, replace_if=b)", True),
        ("Change(k, 1, s, (event,))", False),
        ("Change(k, 1, s, ())", True),
        ("Change(k, 1, set=s, events=())", True),
    ],
)
def test_a_write_without_an_event_is_noticed(write: str, is_noticed: bool) -> None:
    assert list(silent_writes(f"def save():\n    {write}")) == (["save"] if is_noticed else [])
