"""The system as the root template describes it: people, keys, events, and how contexts join."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_file
from cfnlint.config import ManualArgs

from tenantry.accounts.model import SCOPES
from tenantry.tenancy.roles import RESOURCE_SERVER
from tests.infrastructure.rules import COGNITO_TRIGGERS
from tests.infrastructure.templates import ROOT, Json, Template, target, templates, walk

TEMPLATES = templates()
SYSTEM, *CONTEXTS = TEMPLATES
RESOURCES: dict[str, Json] = SYSTEM.body["Resources"]
POOL = RESOURCES["UserPool"]["Properties"]
RESULT_KEPT_DAYS = 7
FILES = [ROOT / "template.yaml", *sorted((ROOT / "functions").glob("*/template.yaml"))]


def nested(context: Template) -> tuple[str, Json]:
    """Logical id and properties of a context's application in the root."""
    location = f"functions/{context.name}/template.yaml"
    return next(
        each
        for each in SYSTEM.properties("AWS::Serverless::Application")
        if each[1]["Location"] == location
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_cfn_lint_is_clean(path: Path) -> None:
    assert [str(match) for match in lint_file(path, ManualArgs(regions=["eu-central-1"]))] == []


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: context.name)
def test_the_root_gives_a_context_exactly_the_parameters_it_takes(context: Template) -> None:
    _, application = nested(context)
    assert application["Parameters"].keys() == context.body["Parameters"].keys()


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: context.name)
def test_a_context_uses_every_parameter_it_takes(context: Template) -> None:
    body = {name: part for name, part in context.body.items() if name != "Parameters"}
    used = {each["Ref"] for each in walk(body) if isinstance(each, dict) and "Ref" in each}
    used |= set(re.findall(r"\$\{(\w+)\}", json.dumps(body)))
    assert context.body["Parameters"].keys() - used == set()


def test_the_root_needs_no_context_but_for_its_doors() -> None:
    """Only routes and triggers, which the root opens, name what a context gives out."""
    naming = {
        logical_id
        for logical_id, resource in SYSTEM.resources()
        for each in walk(resource)
        if isinstance(each, dict) and "Outputs." in str(each.get("Fn::GetAtt"))
    }
    assert {RESOURCES[name]["Type"] for name in naming} == {"AWS::Lambda::Permission"}


def test_every_trigger_is_called_by_its_name_and_may_be_called_by_this_pool() -> None:
    identity = next(each for each in CONTEXTS if each.name == "identity")
    functions = dict(identity.functions())
    calls = {
        each["Fn::Sub"].rpartition("function:")[2]
        for each in walk(POOL["LambdaConfig"])
        if isinstance(each, dict) and "Fn::Sub" in each
    }
    assert calls == {functions[name]["FunctionName"]["Fn::Sub"] for name in COGNITO_TRIGGERS}
    permitted = {
        each["FunctionName"]["Fn::GetAtt"][1].removeprefix("Outputs.").removesuffix("Arn")
        for _, each in SYSTEM.properties("AWS::Lambda::Permission")
        if each["Principal"] == "cognito-idp.amazonaws.com"
        and each["SourceArn"] == {"Fn::GetAtt": ["UserPool", "Arn"]}
    }
    assert permitted == COGNITO_TRIGGERS
    assert POOL["LambdaConfig"]["PreTokenGenerationConfig"]["LambdaVersion"] == "V2_0"


def test_the_pool_is_as_the_design_says() -> None:
    assert POOL["UserPoolTier"] == "ESSENTIALS"
    assert POOL["UsernameAttributes"] == POOL["AutoVerifiedAttributes"] == ["email"]
    assert POOL["UserAttributeUpdateSettings"] == {
        "AttributesRequireVerificationBeforeUpdate": ["email"]
    }
    assert (POOL["MfaConfiguration"], POOL["EnabledMfas"]) == ("OPTIONAL", ["SOFTWARE_TOKEN_MFA"])
    assert POOL["VerificationMessageTemplate"] == {"DefaultEmailOption": "CONFIRM_WITH_CODE"}
    assert POOL["EmailConfiguration"]["Fn::If"][0] == "HasSesIdentity"
    assert POOL["EmailConfiguration"]["Fn::If"][1]["EmailSendingAccount"] == "DEVELOPER"
    assert POOL["EmailConfiguration"]["Fn::If"][2]["EmailSendingAccount"] == "COGNITO_DEFAULT"
    assert POOL["DeletionProtection"] == {"Fn::If": ["IsProd", "ACTIVE", "INACTIVE"]}
    groups = {each["GroupName"] for _, each in SYSTEM.properties("AWS::Cognito::UserPoolGroup")}
    assert groups == {"SuperAdmin", "OrgAdmin", "Manager", "Member", "Viewer"}


def test_passwords_are_sent_by_the_migration_client_only_and_only_where_people_migrate() -> None:
    clients = dict(SYSTEM.resources("AWS::Cognito::UserPoolClient"))
    flows = {name: set(each["Properties"]["ExplicitAuthFlows"]) for name, each in clients.items()}
    assert flows == {
        "UserPoolClient": {"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
        "MigrationClient": {"ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
    }
    assert clients["MigrationClient"]["Condition"] == "HasLegacyDirectory"
    assert POOL["LambdaConfig"]["UserMigration"]["Fn::If"][0] == "HasLegacyDirectory"


def test_a_measurement_of_storage_that_grows_old_rings() -> None:
    """By what the function says; a round begins each day, and a day has room for what it takes."""
    usage = next(template for template in TEMPLATES if template.name == "usage")
    source = (ROOT / "functions" / "usage" / "meter_storage.py").read_text()
    alarms = {
        alarm["MetricName"]: alarm
        for _, alarm in usage.properties("AWS::CloudWatch::Alarm")
        if "MetricName" in alarm
    }
    for metric, hours in (("StorageRoundAge", 30), ("StorageLongestWait", 48)):
        alarm = alarms[metric]
        assert f'"{metric}", MetricUnit.Seconds' in source
        assert alarm["Threshold"] == hours * 3600
        assert (alarm["Statistic"], alarm["ComparisonOperator"]) == (
            *("Maximum", "GreaterThanThreshold"),
        )
        assert alarm["Dimensions"] == [{"Name": "service", "Value": "usage"}]
        assert alarm["AlarmActions"]


def test_programs_are_given_the_scopes_that_permissions_know_and_no_others() -> None:
    [(_, server)] = SYSTEM.properties("AWS::Cognito::UserPoolResourceServer")
    assert server["Identifier"] == RESOURCE_SERVER
    assert {each["ScopeName"] for each in server["Scopes"]} == set(SCOPES)


def test_exports_are_private_encrypted_and_soon_gone() -> None:
    bucket = RESOURCES["AuditExports"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert "KMSMasterKeyID" in str(bucket["BucketEncryption"])
    [rule] = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] > RESULT_KEPT_DAYS, "the API tells when first"
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    [statement] = RESOURCES["AuditExportsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("name", ["Key", "UserPool", "StreamFailures", "EventBus", "EventArchive"])
def test_what_cannot_be_made_again_outlives_the_stack(name: str) -> None:
    assert RESOURCES[name]["DeletionPolicy"] == RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


def test_the_key_is_used_through_services_of_this_account_only() -> None:
    policy = RESOURCES["Key"]["Properties"]["KeyPolicy"]["Statement"]
    statements = {each["Sid"]: each for each in policy}
    assert RESOURCES["Key"]["Properties"]["EnableKeyRotation"] is True
    for name, statement in statements.items():
        if name != "AccountAdministers":
            assert statement["Condition"], name
            assert "kms:*" not in statement["Action"], name
    anybody = statements["UseThroughServices"]["Condition"]["StringEquals"]
    assert anybody.keys() == {"kms:CallerAccount", "kms:ViaService"}


def test_every_event_is_archived_and_goes_to_the_audit() -> None:
    everything = {"source": [{"prefix": "tenantry."}]}
    archive = RESOURCES["EventArchive"]["Properties"]
    assert archive["EventPattern"] == everything
    assert archive["SourceArn"] == {"Fn::GetAtt": ["EventBus", "Arn"]}
    audit = next(each for each in CONTEXTS if each.name == "audit")
    rules = dict(audit.properties("AWS::Events::Rule"))
    assert rules["RecordEventsRule"]["EventPattern"] == everything


def test_streams_of_both_tables_are_published_batch_by_batch() -> None:
    streams = next(each for each in CONTEXTS if each.name == "streams")
    mappings = {
        name: mapping
        for name, mapping in streams.properties("AWS::Lambda::EventSourceMapping")
        if "Stream" in target(mapping["EventSourceArn"])
    }
    assert {target(each["EventSourceArn"]) for each in mappings.values()} == {
        "PlatformStreamArn",
        "TenantStreamArn",
    }
    for mapping in mappings.values():
        assert (mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"]) == (100, 1)
        assert mapping["BisectBatchOnFunctionError"] is True
        assert mapping["StartingPosition"] == "TRIM_HORIZON"
        assert mapping["MaximumRetryAttempts"] > 0
        assert mapping["DestinationConfig"]["OnFailure"]["Destination"]["Fn::Sub"].startswith(
            "arn:${AWS::Partition}:s3:::"
        )
        # Whatever else is filtered, no record with a new image may be dropped for what is in it.
        assert [json.loads(each["Pattern"]) for each in mapping["FilterCriteria"]["Filters"]] == [
            {"eventName": ["INSERT", "MODIFY"]}
        ]


def test_indexes_show_what_lists_need_and_stay_within_dynamodbs_limit() -> None:
    for name in ("PlatformTable", "TenantTable"):
        shown = [
            attribute
            for index in RESOURCES[name]["Properties"]["GlobalSecondaryIndexes"]
            for attribute in index["Projection"]["NonKeyAttributes"]
        ]
        assert len(shown) <= 100
        assert {"entity_version", "tenant_id", "status", "role"} <= set(shown)


def test_what_a_sweep_leaves_aside_rings() -> None:
    """Of every context whose code may leave something aside."""
    packages = ROOT / "layers/tenantry/tenantry"
    telling = {
        path.relative_to(packages).parts[0]
        for context in CONTEXTS
        for path in (packages / context.name).rglob("*.py")
        if "left_aside" in path.read_text()
    }
    ringing = {
        str(alarm["Dimensions"][0]["Value"])
        for template in CONTEXTS
        for _, alarm in template.properties("AWS::CloudWatch::Alarm")
        if alarm.get("MetricName") == "LeftAside" and alarm.get("AlarmActions")
    }
    assert telling == ringing
    # Who joins is held to it; these, typed here, do not stop telling.
    assert telling >= {"accounts", "audit", "invitations", "licenses", "organizations", "usage"}


def test_the_dashboard_is_json() -> None:
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(re.sub(r"\$\{[\w.:]+\}", "x", body))["widgets"]
    assert len({(each["x"], each["y"]) for each in widgets}) == len(widgets)


def test_the_dashboard_finds_metrics_by_the_beginning_of_their_names() -> None:
    """In quotes, CloudWatch's SEARCH takes a term for a whole name, and finds nothing."""
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    terms = re.findall(r"SEARCH\('\{[^}]+\} (\w+)=(.*?) MetricName", body)
    assert {name for name, _ in terms} == {"FunctionName", "QueueName"}
    assert {term for _, term in terms} == {"${Prefix}"}


def test_a_stage_with_logs_waits_until_the_account_takes_them() -> None:
    """It refers to the account's settings where the stack makes them, so it waits for them."""
    logs = RESOURCES["RestApi"]["Properties"]["AccessLogSetting"]["DestinationArn"]
    group = {"Fn::GetAtt": ["RestLogs", "Arn"]}
    settings = "ApiGatewayAccountSettings"
    assert logs["Fn::If"] == [
        RESOURCES[settings]["Condition"],
        {"Fn::Select": [0, [group, {"Ref": settings}]]},
        group,
    ]


def refusals(**given: str) -> set[str]:
    """What the template's rules say against these parameters."""
    values = {name: each.get("Default") for name, each in SYSTEM.body["Parameters"].items()} | given

    def holds(value: Any) -> Any:
        match value:
            case {"Ref": str(name)}:
                return values[name]
            case {"Fn::Equals": [left, right]}:
                return holds(left) == holds(right)
            case {"Fn::Not": [inner]}:
                return not holds(inner)
            case {"Fn::Contains": [options, inner]}:
                return holds(inner) in options
            case str():
                return value
        raise AssertionError(f"not understood: {value}")

    return {
        assertion["AssertDescription"]
        for rule in SYSTEM.body["Rules"].values()
        if holds(rule["RuleCondition"])
        for assertion in rule["Assertions"]
        if not holds(assertion["Assert"])
    }


def test_an_http_directory_has_an_address_and_a_secret() -> None:
    given = {"LegacyDirectoryUrl": "https://people.example.com", "LegacyDirectorySecretArn": "arn"}
    assert refusals(LegacyDirectory="http", **given) == set()
    for name in given:
        (said,) = refusals(LegacyDirectory="http", **given | {name: ""})
        assert said == f"LegacyDirectory http needs {name}."


def test_prod_links_to_its_own_pages_and_tells_somebody_of_alarms() -> None:
    given = {"FrontendUrl": "https://app.example.com", "AlarmEmail": "ops@example.com"}
    assert refusals() == set()
    assert refusals(Stage="prod", **given) == set()
    assert len(refusals(Stage="prod")) == 2
    left = settings("prod", "deploy")
    assert len(refusals(**left)) == 2, "samconfig.toml leaves these to be filled in"
    assert refusals(**left | given) == set()


def settings(environment: str, command: str) -> dict[str, str]:
    """The template's parameters that samconfig.toml gives."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    overrides = config[environment][command]["parameters"]["parameter_overrides"]
    return dict(each.split("=", 1) for each in overrides)


def test_functions_are_named_and_built_by_their_context() -> None:
    for context in CONTEXTS:
        for logical_id, function in context.functions():
            module = re.sub(r"(?<!^)(?=[A-Z])", "_", logical_id.removesuffix("Function")).lower()
            name = f"${{Prefix}}-{context.name}-{module.replace('_', '-')}"
            assert function["FunctionName"] == {"Fn::Sub": name}
            assert function["Handler"] == f"functions.{context.name}.{module}.handler"
            assert function["CodeUri"] == "."
            resource = context.body["Resources"][logical_id]
            assert resource["Metadata"] == {"BuildMethod": "makefile"}


def test_the_stack_tells_what_clients_and_operators_need() -> None:
    assert SYSTEM.body["Outputs"].keys() >= {
        "Region",
        "Prefix",
        "UserPoolId",
        "UserPoolClientId",
        "MigrationClientId",
        "TokenUrl",
        "GraphqlUrl",
        "RestUrl",
        "PlatformTable",
        "AuditTable",
        "TenantTable",
        "LegacyTable",
        "EventBusName",
        "PublisherFailureQueueUrl",
    }
