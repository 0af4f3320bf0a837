"""What AWS refuses because it is too long, too large or too many, of templates as they deploy.

Each value is resolved to the longest that it can become: a prefix of 24 characters, names as long
as their service takes them, ARNs of 120. The figures are AWS's default quotas; the pages are "IAM
and AWS STS quotas", "CloudFormation quotas", "Lambda quotas", "Amazon EventBridge quotas", and the
API references for names.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from tests.infrastructure.templates import Json, Template, as_list, walk

LONGEST: Final = {
    "AWS::AccountId": "1" * 12,
    "AWS::Partition": "aws-us-gov",
    "AWS::Region": "ap-southeast-1",
    "AWS::StackName": "s" * 24,
    "AWS::URLSuffix": "amazonaws.com.cn",
    "Prefix": "p" * 24,
    "Deployment": "p" * 24,
    "Name": "n" * 53,
}
"""`Name` is an account's own (accounts/model.py), which has to leave room for `-processed`."""
_ARN: Final = "a" * 120
_NAME: Final = "x" * 64
_NOTHING: Final = object()

NAMES: Final = {
    "AWS::ApplicationAutoScaling::ScalingPolicy": ("PolicyName", 256),
    "AWS::AppSync::GraphQLApi": ("Name", 65_536),
    "AWS::CloudFormation::StackSet": ("StackSetName", 128),
    "AWS::CloudTrail::Trail": ("TrailName", 128),
    "AWS::CloudWatch::Alarm": ("AlarmName", 255),
    "AWS::CloudWatch::Dashboard": ("DashboardName", 255),
    "AWS::Cognito::UserPool": ("UserPoolName", 128),
    "AWS::Cognito::UserPoolClient": ("ClientName", 128),
    "AWS::Cognito::UserPoolDomain": ("Domain", 63),
    "AWS::Config::ConfigurationRecorder": ("Name", 256),
    "AWS::Config::DeliveryChannel": ("Name", 256),
    "AWS::DynamoDB::Table": ("TableName", 255),
    "AWS::Events::Archive": ("ArchiveName", 48),
    "AWS::Events::EventBus": ("Name", 256),
    "AWS::Events::EventBusPolicy": ("StatementId", 64),
    "AWS::Events::Rule": ("Name", 64),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", 128),
    "AWS::IAM::Policy": ("PolicyName", 128),
    "AWS::IAM::Role": ("RoleName", 64),
    "AWS::KMS::Alias": ("AliasName", 256),
    "AWS::Lambda::Function": ("FunctionName", 64),
    "AWS::Logs::LogGroup": ("LogGroupName", 512),
    "AWS::S3::Bucket": ("BucketName", 63),
    "AWS::SNS::Topic": ("TopicName", 256),
    "AWS::SQS::Queue": ("QueueName", 80),
    "AWS::SSM::Parameter": ("Name", 1011),
    "AWS::Serverless::Function": ("FunctionName", 64),
    "AWS::Serverless::LayerVersion": ("LayerName", 140),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", 80),
}
DESCRIPTIONS: Final = {
    "AWS::CloudWatch::Alarm": ("AlarmDescription", 1024),
    "AWS::Events::Rule": ("Description", 512),
    "AWS::IAM::ManagedPolicy": ("Description", 1000),
    "AWS::IAM::Role": ("Description", 1000),
    "AWS::KMS::Key": ("Description", 8192),
    "AWS::Lambda::Function": ("Description", 256),
    "AWS::SSM::Parameter": ("Description", 1024),
    "AWS::Serverless::Function": ("Description", 256),
    "AWS::Serverless::LayerVersion": ("Description", 256),
}
POLICIES: Final = {
    "AWS::Events::EventBusPolicy": ("Statement", 10_240),
    "AWS::IAM::ManagedPolicy": ("PolicyDocument", 6_144),
    "AWS::KMS::Key": ("KeyPolicy", 32_768),
    "AWS::S3::BucketPolicy": ("PolicyDocument", 20_480),
    "AWS::SNS::TopicPolicy": ("PolicyDocument", 30_720),
    "AWS::SQS::QueuePolicy": ("PolicyDocument", 30_720),
}
INLINE, TRUST = 10_240, 2_048
"""Characters of all of a role's own policies, and of the policy of who may assume it."""
ENVIRONMENT: Final = 4_096
PATTERN, FILTER, TARGETS = 2_048, 4_096, 5
RESOURCES, PARAMETERS, OUTPUTS, DESCRIPTION = 500, 200, 200, 1_024
TEMPLATE: Final = 1_000_000
METRICS: Final = 10
"""Of an alarm on an expression."""
_MARKERS: Final = "ExpiredObjectDeleteMarker"


def longest(value: Any, own: Json) -> Any:  # noqa: PLR0911 - one per function of CloudFormation's
    """`value` with every function of CloudFormation's replaced by the longest it can give.

    `own` is the template's parameters, some of which say which values they take.
    """
    match value:
        case {"Ref": "AWS::NoValue"}:
            return _NOTHING
        case {"Ref": str(name)}:
            return _named(name, own)
        case {"Fn::GetAtt": [str(name), *path]}:
            return _attribute(f"{name}.{'.'.join(str(each) for each in path)}")
        case {"Fn::GetAtt": str(path)}:
            return _attribute(path)
        case {"Fn::Sub": [str(text), dict(given)]}:
            known = {name: longest(each, own) for name, each in given.items()}
            return _filled(text, own, known)
        case {"Fn::Sub": str(text)}:
            return _filled(text, own, {})
        case {"Fn::If": [_, yes, no]}:
            found = [longest(each, own) for each in (yes, no)]
            left = [each for each in found if each is not _NOTHING]
            return max(left, key=lambda each: len(_text(each)), default=_NOTHING)
        case {"Fn::Join": [str(between), list(parts)]}:
            return between.join(str(longest(each, own)) for each in parts)
        case dict() if len(value) == 1 and next(iter(value)).startswith("Fn::"):
            return _NAME
        case dict():
            inner = {name: longest(each, own) for name, each in value.items()}
            return {name: each for name, each in inner.items() if each is not _NOTHING}
        case list():
            return [e for e in (longest(each, own) for each in value) if e is not _NOTHING]
    return value


def _named(name: str, own: Json) -> str:
    if name in LONGEST:
        return LONGEST[name]
    declared = own.get(name, {})
    if values := declared.get("AllowedValues"):
        return max((str(each) for each in values), key=len)
    if declared.get("Type") == "Number":
        return "1" * 10
    return _ARN if name.endswith("Arn") else _NAME


def _attribute(path: str) -> str:
    return _ARN if path.endswith("Arn") else _NAME


def _filled(text: str, own: Json, known: Json) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name in known:
            return str(known[name])
        return _attribute(name) if "." in name else _named(name, own)

    return re.sub(r"\$\{([\w:.]+)\}", value, text)


def _text(value: Any) -> str:
    """As IAM counts a policy: without white space."""
    return re.sub(r"\s", "", value if isinstance(value, str) else json.dumps(value))


def _resources(template: Template) -> Iterator[tuple[str, str, Json]]:
    own = template.body.get("Parameters", {})
    functions = dict(template.functions())
    for name, resource in template.resources():
        properties = functions.get(name, resource.get("Properties", {}))
        yield name, resource["Type"], longest(properties, own)


def _too_long(template: Template, of: dict[str, tuple[str, int]]) -> Iterator[str]:
    for name, kind, properties in _resources(template):
        where, most = of.get(kind, ("", 0))
        if where in properties and len(properties[where]) > most:
            yield f"{name}: {where} has {len(properties[where])} characters, AWS takes {most}"


def long_names(template: Template) -> Iterator[str]:
    yield from _too_long(template, NAMES)


def long_descriptions(template: Template) -> Iterator[str]:
    yield from _too_long(template, DESCRIPTIONS)
    if len(template.body.get("Description", "")) > DESCRIPTION:
        yield "the template's description"


def names_of_unknown_length(template: Template) -> Iterator[str]:
    """Resources that have a name of ours, and no limit here."""
    for name, kind, properties in _resources(template):
        called = [each for each in properties if each == "Name" or each.endswith("Name")]
        if kind in UNNAMED or kind in NAMES or kind in REFERRING:
            continue
        if called:
            yield f"{name}: {kind} has {called}, and no limit in NAMES"


REFERRING: Final = frozenset(
    {
        "AWS::AppSync::DataSource",
        "AWS::AppSync::Resolver",
        "AWS::Cognito::UserPoolGroup",
        "AWS::Cognito::UserPoolResourceServer",
        "AWS::IAM::ServiceLinkedRole",
        "AWS::Lambda::Alias",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Permission",
        "AWS::Lambda::Version",
        "AWS::Logs::MetricFilter",
        "AWS::Serverless::Api",
        "AWS::ServiceCatalog::PortfolioPrincipalAssociation",
    }
)
"""What they name is another resource, or the name is written out and short."""
UNNAMED: Final = frozenset({"AWS::Serverless::Application"})


def large_policies(template: Template) -> Iterator[str]:
    added: dict[str, int] = {}
    for _, kind, properties in _resources(template):
        if kind == "AWS::IAM::Policy":
            for role in properties["Roles"]:
                size = len(_text(properties["PolicyDocument"]))
                added[str(role)] = added.get(str(role), 0) + size
    for name, kind, properties in _resources(template):
        where, most = POLICIES.get(kind, ("", 0))
        if where in properties and (size := len(_text(properties[where]))) > most:
            yield f"{name}: {where} has {size} characters, AWS takes {most}"
        if kind == "AWS::IAM::Role":
            own = properties.get("Policies", [])
            size = sum(len(_text(each["PolicyDocument"])) for each in own) + added.get(name, 0)
            if size > INLINE:
                yield f"{name}: its own policies have {size} characters, AWS takes {INLINE}"
            if (size := len(_text(properties["AssumeRolePolicyDocument"]))) > TRUST:
                yield f"{name}: its trust has {size} characters, AWS takes {TRUST}"


def policies_that_iam_refuses(template: Template) -> Iterator[str]:
    """Sids that are no words, or stand twice, and statements without an effect or a version."""
    for name, kind, properties in _resources(template):
        for document in _documents(properties):
            if document.get("Version") != "2012-10-17":
                yield f"{name}: a policy of an old version"
            statements = as_list(document["Statement"])
            sids = [each["Sid"] for each in statements if "Sid" in each]
            if len(set(sids)) != len(sids):
                yield f"{name}: a Sid stands twice"
            for sid in sids:
                if kind.startswith("AWS::IAM::") and not re.fullmatch("[A-Za-z0-9]+", sid):
                    yield f"{name}: {sid} is no Sid that IAM takes"
            for statement in statements:
                if statement.get("Effect") not in ("Allow", "Deny"):
                    yield f"{name}: a statement without an effect"
                if not statement.keys() & {"Action", "NotAction"}:
                    yield f"{name}: a statement without actions"


def _documents(properties: Json) -> Iterator[Json]:
    for each in walk(properties):
        if isinstance(each, dict) and "Statement" in each and "Version" in each:
            yield each


def large_environments(template: Template) -> Iterator[str]:
    for name, kind, properties in _resources(template):
        if kind in ("AWS::Serverless::Function", "AWS::Lambda::Function"):
            given = properties.get("Environment", {}).get("Variables", {})
            size = sum(len(key) + len(str(value)) for key, value in given.items())
            if size > ENVIRONMENT:
                yield f"{name}: its environment has {size} bytes, Lambda takes {ENVIRONMENT}"


def wide_rules(template: Template) -> Iterator[str]:
    for name, kind, properties in _resources(template):
        pattern = properties.get("EventPattern")
        if pattern and (size := len(json.dumps(pattern, separators=(",", ":")))) > PATTERN:
            yield f"{name}: its pattern has {size} characters, EventBridge takes {PATTERN}"
        if kind == "AWS::Events::Rule" and len(properties.get("Targets", [])) > TARGETS:
            yield f"{name}: a rule has {TARGETS} targets at most"
        for each in properties.get("FilterCriteria", {}).get("Filters", []):
            if len(each["Pattern"]) > FILTER:
                yield f"{name}: a filter has {FILTER} characters at most"


def wide_alarms(template: Template) -> Iterator[str]:
    for name, kind, properties in _resources(template):
        if kind == "AWS::CloudWatch::Alarm":
            metrics = [each for each in properties.get("Metrics", []) if "MetricStat" in each]
            if len(metrics) > METRICS:
                yield f"{name}: looks at {len(metrics)} metrics, an alarm takes {METRICS}"


def large_templates(template: Template) -> Iterator[str]:
    """As written; what SAM makes of it is counted in test_rules.py."""
    body = template.body
    for part, most in (("Resources", RESOURCES), ("Parameters", PARAMETERS), ("Outputs", OUTPUTS)):
        if len(body.get(part, {})) > most:
            yield f"{len(body[part])} {part}, CloudFormation takes {most}"
    if len(json.dumps(body)) > TEMPLATE:
        yield "the template is too large"


def cycles(template: Template) -> Iterator[str]:
    """Resources that wait for each other."""
    resources = template.body["Resources"]
    needs = {name: set(_needs(resource)) & resources.keys() for name, resource in resources.items()}
    while free := [name for name, others in needs.items() if not others]:
        for name in free:
            del needs[name]
        for others in needs.values():
            others.difference_update(free)
    if needs:
        yield f"these wait for each other: {sorted(needs)}"


def _needs(resource: Json) -> Iterator[str]:
    yield from as_list(resource.get("DependsOn", []))
    for each in walk(resource.get("Properties", {})):
        match each:
            case {"Ref": str(name)}:
                yield name
            case {"Fn::GetAtt": [str(name), *_]}:
                yield name
            case {"Fn::GetAtt": str(path)}:
                yield path.split(".")[0]
            case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), *_]}:
                yield from (found.split(".")[0] for found in re.findall(r"\$\{([\w.]+)\}", text))
            case _:
                pass


def same_names(template: Template) -> Iterator[str]:
    """Two resources of a kind that would have one name."""
    called = Counter(
        (kind, str(properties[NAMES[kind][0]]))
        for _, kind, properties in _resources(template)
        if kind in NAMES and NAMES[kind][0] in properties
    )
    yield from (f"{kind} {name} stands twice" for (kind, name), n in called.items() if n > 1)


def markers_left_behind(template: Template) -> Iterator[str]:
    """Versioned buckets where what deleted objects leave would stay for ever.

    A rule with days takes such markers away too, once they are as old; S3 refuses it together with
    `ExpiredObjectDeleteMarker`, which it also refuses beside a filter by tags.
    """
    for name, kind, properties in _resources(template):
        if kind != "AWS::S3::Bucket" or "VersioningConfiguration" not in properties:
            continue
        rules = properties.get("LifecycleConfiguration", {}).get("Rules", [])
        whole = [each for each in rules if not each.keys() & {"Prefix", "TagFilters"}]
        if not rules and properties.get("ObjectLockEnabled"):
            continue  # nothing is deleted there
        if not any(each.keys() & {"ExpirationInDays", _MARKERS} for each in whole):
            yield f"{name}: nothing takes expired delete markers away"
        for each in rules:
            if _MARKERS in each and each.keys() & {"ExpirationInDays", "TagFilters"}:
                yield f"{name}: S3 refuses the rule {each['Id']}"
