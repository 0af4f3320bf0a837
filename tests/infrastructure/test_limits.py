"""Nothing that is deployed is longer, larger or more than AWS takes, with the longest names."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.infrastructure import limits
from tests.infrastructure.templates import ROOT, Template, parse, target, templates

type Limit = Callable[[Template], Iterator[str]]

STACKS = [parse(path.stem, path.read_text()) for path in sorted((ROOT / "stacks").glob("*.yaml"))]
INSIDE = [
    parse(f"{stack.name}, inside", properties["TemplateBody"])
    for stack in STACKS
    for _, properties in stack.properties("AWS::CloudFormation::StackSet")
]
TEMPLATES = [*templates(), *STACKS, *INSIDE]
MACHINES = sorted((ROOT / "statemachines").glob("*.asl.json"))
SCHEMA, RESOLVERS = ROOT / "schema.graphql", sorted(ROOT.glob("functions/**/*.js"))

DEFINITION = 1_048_576
"""Bytes of a state machine's definition."""
GATEWAY_PATHS, GATEWAY_BODY = 300, 6_000_000
"""Resources of a REST API, each part of a path being one, and bytes of what it is imported from."""
PERMISSIONS = 20_480
"""Bytes of a function's policy, to which each permission to call it adds a statement."""
_STATEMENT = 600


def function(variables: str) -> str:
    return f"""
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub ${{Prefix}}-f
      Environment: {{Variables: {{{variables}}}}}
"""


def role(actions: int, sid: str = "Items") -> str:
    many = ", ".join(["dynamodb:BatchGetItem"] * actions)
    return f"""
Resources:
  R:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: &trust
        Version: "2012-10-17"
        Statement:
          - {{Effect: Allow, Principal: {{Service: lambda.amazonaws.com}}, Action: sts:AssumeRole}}
      Policies:
        - PolicyName: calls
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - {{Sid: {sid}, Effect: Allow, Action: [{many}], Resource: !GetAtt Table.Arn}}
              - {{Sid: Others, Effect: Allow, Action: s3:GetObject, Resource: "*"}}
"""


def named(kind: str, where: str, name: str) -> str:
    return f"Resources: {{A: {{Type: '{kind}', Properties: {{{where}: !Sub '{name}'}}}}}}"


def rule(prefixes: int) -> str:
    many = ", ".join(f"{{prefix: tenantry.{number:04d}}}" for number in range(prefixes))
    return f"""
Resources:
  R:
    Type: AWS::Events::Rule
    Properties: {{Name: r, EventPattern: {{source: [{many}]}}}}
"""


def alarm(metrics: int) -> str:
    many = ", ".join(f"{{Id: m{number}, MetricStat: {{}}}}" for number in range(metrics))
    return f"""
Resources:
  A:
    Type: AWS::CloudWatch::Alarm
    Properties: {{AlarmName: a, Metrics: [{{Id: all, Expression: SUM(METRICS())}}, {many}]}}
"""


def waiting(back: str) -> str:
    return f"""
Resources:
  A: {{Type: "AWS::SNS::Topic", Properties: {{DisplayName: !Ref B}}}}
  B: {{Type: "AWS::SNS::Topic", Properties: {{DisplayName: !Sub "${{C.TopicName}}"}}}}
  C: {{Type: "AWS::SNS::Topic"{back}}}
"""


def twice(other: str) -> str:
    return f"""
Resources:
  A: {{Type: "AWS::SNS::Topic", Properties: {{TopicName: !Sub "${{Prefix}}-a"}}}}
  B: {{Type: "AWS::SNS::Topic", Properties: {{TopicName: !Sub "${{Prefix}}-{other}"}}}}
"""


def parameters(number: int) -> str:
    many = ", ".join(f"P{each}: {{Type: String}}" for each in range(number))
    return f"Parameters: {{{many}}}\nResources: {{}}"


def bucket(rule: str) -> str:
    return f"""
Resources:
  B:
    Type: AWS::S3::Bucket
    Properties:
      VersioningConfiguration: {{Status: Enabled}}
      LifecycleConfiguration:
        Rules:
          - {{Id: Old, Status: Enabled, NoncurrentVersionExpiration: {{NoncurrentDays: 1}}{rule}}}
"""


QUEUE = "AWS::SQS::Queue"
LIMITS: dict[Limit, tuple[str, str]] = {
    limits.long_names: (
        named("AWS::Events::Archive", "ArchiveName", "${Prefix}-archived"),
        named("AWS::Events::Archive", "ArchiveName", "${Prefix}-everything-of-the-bus-kept"),
    ),
    limits.long_descriptions: (
        named("AWS::Lambda::Function", "Description", "d"),
        named("AWS::Lambda::Function", "Description", "d" * 257),
    ),
    limits.names_of_unknown_length: (
        named(QUEUE, "QueueName", "q"),
        named("AWS::ECS::Cluster", "ClusterName", "c"),
    ),
    limits.large_policies: (role(300), role(420)),
    limits.policies_that_iam_refuses: (role(1), role(1, sid="Others")),
    limits.large_environments: (
        function("A: !Ref Prefix, B: " + "x" * 4000),
        function("A: !GetAtt Table.Arn, B: " + "x" * 4000),
    ),
    limits.wide_rules: (rule(70), rule(80)),
    limits.wide_alarms: (alarm(10), alarm(11)),
    limits.large_templates: (parameters(200), parameters(201)),
    limits.cycles: (waiting(""), waiting(", DependsOn: A")),
    limits.same_names: (twice("b"), twice("a")),
    limits.markers_left_behind: (bucket(", ExpiredObjectDeleteMarker: true"), bucket("")),
}


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.__name__)
@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_every_template_is_within_it(limit: Limit, template: Template) -> None:
    assert list(limit(template)) == []


@pytest.mark.parametrize(
    ("limit", "good", "bad"),
    [pytest.param(limit, *samples, id=limit.__name__) for limit, samples in LIMITS.items()],
)
def test_a_limit_tells_what_is_within_it(limit: Limit, good: str, bad: str) -> None:
    assert list(limit(parse("good", good))) == []
    assert list(limit(parse("bad", bad)))


@pytest.mark.parametrize(
    ("rule", "is_taken"),
    [
        (", ExpirationInDays: 7", True),
        (", ExpirationInDays: 7, ExpiredObjectDeleteMarker: true", False),
        (", ExpiredObjectDeleteMarker: true, TagFilters: [{Key: a, Value: b}]", False),
        (", ExpirationInDays: 7, TagFilters: [{Key: a, Value: b}]", False),
        (", ExpirationInDays: 7, Prefix: a/", False),
    ],
)
def test_what_takes_markers_away_is_a_rule_that_s3_takes(rule: str, is_taken: bool) -> None:
    found = list(limits.markers_left_behind(parse("b", bucket(rule))))

    assert (found == []) is is_taken


def test_a_branch_that_is_not_taken_counts_as_the_longer_one() -> None:
    either = {"Fn::If": ["IsProd", {"Ref": "AWS::NoValue"}, {"Fn::Sub": "${Prefix}-${X.Arn}"}]}

    assert len(limits.longest({"a": either}, {})["a"]) == 24 + 1 + 120


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.name)
def test_a_state_machine_is_small_enough_with_the_longest_names(path: Path) -> None:
    text = path.read_text()
    assert len(text.encode()) + text.count("${") * 120 < DEFINITION


def test_the_rest_api_has_room_for_its_paths() -> None:
    described = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    parts = {
        tuple(path.split("/")[: number + 1])
        for path in described["paths"]
        for number in range(path.count("/") + 1)
    }
    assert len(parts) <= GATEWAY_PATHS
    assert len(json.dumps(described)) < GATEWAY_BODY


def test_a_functions_own_policy_has_room_for_all_who_call_it() -> None:
    for template in TEMPLATES:
        callers = Counter(
            target(permission["FunctionName"]) or json.dumps(permission["FunctionName"])
            for _, permission in template.properties("AWS::Lambda::Permission")
        )
        for name, number in callers.items():
            assert number * _STATEMENT <= PERMISSIONS, name


def test_the_schema_and_its_resolvers_are_what_appsync_takes() -> None:
    assert len(SCHEMA.read_bytes()) < 1_000_000
    for path in RESOLVERS:
        assert len(path.read_bytes()) <= 32_768, path
