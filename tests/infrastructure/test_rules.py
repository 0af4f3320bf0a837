"""Every template keeps every rule, and every rule catches its bad sample."""

from collections.abc import Callable, Iterator

import pytest

from tests.infrastructure import rules
from tests.infrastructure.templates import Template, parse, templates

type Rule = Callable[[Template], Iterator[str]]

STREAMED = ("PlatformTable", "TenantTable")
SILENT = ("AuditTable",)

# Actions that know no resource, in the words of the service authorization reference.
EVERYTHING = {
    ("xray:PutTelemetryRecords", "*"): "X-Ray has no resources for it",
    ("xray:PutTraceSegments", "*"): "X-Ray has no resources for it",
    ("dynamodb:ListStreams", "*"): "lists the streams of all tables",
    ("sqs:ListQueues", "*"): "lists the queues of the account",
    **{
        (f"logs:{action}", "*"): "deliveries of a state machine's logs have no resources"
        for action in (
            "CreateLogDelivery",
            "DeleteLogDelivery",
            "DescribeLogGroups",
            "DescribeResourcePolicies",
            "GetLogDelivery",
            "ListLogDeliveries",
            "PutResourcePolicy",
            "UpdateLogDelivery",
        )
    },
    **{
        (f"kms:{action}", "*"): "a key that is to be made has no name; a tag on the request has"
        for action in ("CreateKey", "TagResource")
    },
    **{
        (f"lambda:{action}EventSourceMapping", "*"): "narrowed by lambda:FunctionArn, as AWS has it"
        for action in ("Create", "Delete", "Update")
    },
    **{
        (action, "*"): "looking for what should not be there has no resources"
        for action in (
            "dynamodb:ListTables",
            "s3:ListAllMyBuckets",
            "ssm:DescribeParameters",
            "tag:GetResources",
        )
    },
    **{
        (f"application-autoscaling:{action}", "*"): "looking has no resources"
        for action in ("DescribeScalableTargets", "DescribeScalingPolicies")
    },
}
MANAGED = {
    "ApiGatewayAccountRole": "the account's role for API Gateway's logs, as AWS documents it"
}


def shaped(template: Template) -> Iterator[str]:
    if template.name == "root":
        yield from rules.badly_shaped_tables(template, STREAMED, SILENT)


def narrow(template: Template) -> Iterator[str]:
    yield from rules.wildcards(template, EVERYTHING)


def own_policies(template: Template) -> Iterator[str]:
    yield from rules.managed_policies(template, MANAGED)


TABLE = """
Resources:
  T:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: %s}
      SSESpecification: {SSEEnabled: true, SSEType: KMS, KMSMasterKeyId: !GetAtt Key.Arn}
      DeletionProtectionEnabled: !If [IsProd, true, false]
"""
SHAPE = """
Resources:
  PlatformTable: &table
    Type: AWS::DynamoDB::Table
    Properties:
      TimeToLiveSpecification: {AttributeName: purge_at, Enabled: true}
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
      GlobalSecondaryIndexes:
        - IndexName: GSI1
          Projection: {ProjectionType: INCLUDE, NonKeyAttributes: [name, %s]}
  TenantTable: *table
  AuditTable:
    Type: AWS::DynamoDB::Table
    Properties:
      TimeToLiveSpecification: {AttributeName: purge_at, Enabled: true}
"""
FUNCTION = """
Resources:
  PreSignUpFunction:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub ${Prefix}-a-b
      Role: !GetAtt Role.Arn
      LoggingConfig: {LogGroup: !Ref Logs}
      %s
  Logs:
    Type: AWS::Logs::LogGroup
    Properties:
      LogGroupName: !Sub /aws/lambda/${Prefix}-a-b
      RetentionInDays: 30
      %s
"""
QUEUE = """
Resources:
  Work:
    Type: AWS::SQS::Queue
    Properties:
      KmsMasterKeyId: key
      VisibilityTimeout: %s
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: %s}
  Dead: {Type: AWS::SQS::Queue, Properties: {KmsMasterKeyId: "%s"}}
  F: {Type: AWS::Serverless::Function, Properties: {Timeout: 10}}
  M:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !GetAtt Work.Arn
      FunctionName: !Ref F
      FunctionResponseTypes: [%s]
  A:
    Type: AWS::CloudWatch::Alarm
    Properties:
      MetricName: ApproximateNumberOfMessagesVisible
      Dimensions: [{Name: QueueName, Value: !GetAtt Dead.QueueName}]
      AlarmActions: [%s]
"""
RULE = """
Resources:
  R:
    Type: AWS::Events::Rule
    Properties:
      Targets: [{Id: q, Arn: x%s}]
"""
STREAM = """
Resources:
  F: {Type: AWS::Serverless::Function, Properties: {}}
  M:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !Ref StreamArn
      FunctionName: !Ref F
      DestinationConfig: {OnFailure: {%s}}
"""
ALARMS = """
Resources:
  F: {Type: AWS::Serverless::Function, Properties: {}}
  M: {Type: AWS::Lambda::EventSourceMapping, Properties: {EventSourceArn: x, FunctionName: !Ref F}}
  A:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmActions: [topic]
      Metrics:
        - {Id: total, Expression: SUM(METRICS())}
        - &metric
          MetricStat:
            Metric: {MetricName: %s, Dimensions: [{Name: FunctionName, Value: !Ref F}]}
        - MetricStat:
            Metric: {MetricName: %s, Dimensions: [{Name: FunctionName, Value: !Ref F}]}
        - MetricStat:
            Metric: {MetricName: %s, Dimensions: [{Name: FunctionName, Value: !Ref F}]}
"""
FIELDS = """
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties: {Environment: {Variables: {POWERTOOLS_SERVICE_NAME: shop}}}
  R: {Type: AWS::AppSync::Resolver}
  A:
    Type: AWS::CloudWatch::Alarm
    Properties:
      MetricName: %s
      Dimensions: [{Name: service, Value: %s}]
      AlarmActions: [%s]
"""
SCHEDULE = """
Resources:
  Dead: {Type: AWS::SQS::Queue, Properties: {}}
  F: {Type: AWS::Serverless::Function, Properties: {}}
  R:
    Type: AWS::Events::Rule
    Properties:
      Targets: [{Arn: !GetAtt F.Arn, DeadLetterConfig: {Arn: !GetAtt Dead.Arn}}]
  C:
    Type: AWS::Lambda::EventInvokeConfig
    Properties: {FunctionName: !Ref F, DestinationConfig: {%s}}
"""
BUCKET = """
Resources:
  StreamFailures: {Type: AWS::S3::Bucket, Properties: {BucketEncryption: {KMSMasterKeyID: key}}}
  A:
    Type: AWS::CloudWatch::Alarm
    Properties:
      MetricName: PutRequests
      Dimensions: [{Name: BucketName, Value: !Ref StreamFailures}]
      AlarmActions: [%s]
"""
CLIENT = """
Resources:
  C:
    Type: AWS::Cognito::UserPoolClient
    Properties:
      PreventUserExistenceErrors: %s
      AccessTokenValidity: %s
      TokenValidityUnits: {AccessToken: minutes}
      WriteAttributes: [email, "%s"]
"""
ROLE = """
Resources:
  R:
    Type: AWS::IAM::Role
    Properties:
      ManagedPolicyArns: %s
      Policies:
        - PolicyDocument:
            Statement:
              - !If
                - Some
                - {Effect: Allow, Action: ["%s"], Resource: "%s"}
                - !Ref AWS::NoValue
"""
SHARED = """
Resources:
  F: {Type: AWS::Serverless::Function, Properties: {Role: !GetAtt R.Arn}}
  G: {Type: AWS::Serverless::Function, Properties: {Role: !GetAtt %s.Arn}}
"""
FEW = "Resources:\n" + "".join(
    f"  T{i}: {{Type: AWS::SNS::Topic, Properties: {{KmsMasterKeyId: key}}}}\n" for i in range(400)
)

# rule: a good sample that it lets pass, and bad ones that it catches
SAMPLES: list[tuple[Rule, str, list[str]]] = [
    (
        rules.functions_without_kept_logs,
        FUNCTION % ("Timeout: 4", "KmsKeyId: key"),
        [
            FUNCTION % ("Timeout: 4", "Tags: []"),
            (FUNCTION % ("Timeout: 4", "KmsKeyId: key")).replace("RetentionInDays: 30", ""),
            (FUNCTION % ("Timeout: 4", "KmsKeyId: key")).replace("/aws/lambda/${Prefix}-a-b", "b"),
        ],
    ),
    (
        rules.log_groups_kept_for_ever,
        FUNCTION % ("Timeout: 4", "KmsKeyId: key"),
        [(FUNCTION % ("Timeout: 4", "KmsKeyId: key")).replace("RetentionInDays: 30", "")],
    ),
    (
        rules.slow_triggers,
        FUNCTION % ("Timeout: 4", "KmsKeyId: key"),
        [FUNCTION % ("Timeout: 5", "KmsKeyId: key")],
    ),
    (
        rules.too_many_layers,
        FUNCTION % ("Layers: [a, b, c, d, e]", "KmsKeyId: key"),
        [FUNCTION % ("Layers: [a, b, c, d, e, f]", "KmsKeyId: key")],
    ),
    (
        rules.asynchronous_without_dead_letters,
        QUEUE % (60, 5, "key", "ReportBatchItemFailures", "topic"),
        [
            QUEUE % (60, 1000, "key", "ReportBatchItemFailures", "topic"),
            RULE % "",
            STREAM % "",
            "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {}}}",
            FUNCTION % ("Events: {Put: {Type: S3}}", "KmsKeyId: key"),
        ],
    ),
    (
        rules.asynchronous_without_dead_letters,
        RULE % ", DeadLetterConfig: {Arn: !GetAtt Dead.Arn}",
        [RULE % ", DeadLetterConfig: {}"],
    ),
    (rules.asynchronous_without_dead_letters, STREAM % "Destination: bucket", [STREAM % ""]),
    (
        rules.asynchronous_without_dead_letters,
        SCHEDULE % "OnFailure: {Destination: !GetAtt Dead.Arn}",
        [SCHEDULE % "", (SCHEDULE % "").replace("EventInvokeConfig", "Alias")],
    ),
    (
        rules.mappings_that_fail_whole_batches,
        QUEUE % (60, 5, "key", "ReportBatchItemFailures", "topic"),
        [QUEUE % (60, 5, "key", "", "topic")],
    ),
    (
        rules.queues_that_hand_out_twice,
        QUEUE % (60, 5, "key", "ReportBatchItemFailures", "topic"),
        [QUEUE % (59, 5, "key", "ReportBatchItemFailures", "topic")],
    ),
    (
        rules.unencrypted,
        QUEUE % (60, 5, "key", "ReportBatchItemFailures", "topic"),
        [
            QUEUE % (60, 5, "", "ReportBatchItemFailures", "topic"),
            "Resources: {T: {Type: AWS::SNS::Topic, Properties: {}}}",
            "Resources: {B: {Type: AWS::S3::Bucket, Properties: {}}}",
        ],
    ),
    (
        rules.dead_letters_without_alarm,
        QUEUE % (60, 5, "key", "ReportBatchItemFailures", "topic"),
        [
            QUEUE % (60, 5, "key", "ReportBatchItemFailures", ""),
            "Resources: {PublisherFailures: {Type: AWS::SQS::Queue, Properties: {}}}",
            RULE % ", DeadLetterConfig: {Arn: !GetAtt Dead.Arn}",
        ],
    ),
    (rules.buckets_of_failures_without_alarm, BUCKET % "topic", [BUCKET % ""]),
    (
        rules.functions_without_alarm,
        ALARMS % ("Errors", "Throttles", "IteratorAge"),
        [
            ALARMS % ("Duration", "Throttles", "IteratorAge"),
            ALARMS % ("Errors", "Duration", "IteratorAge"),
            ALARMS % ("Errors", "Throttles", "Duration"),
        ],
    ),
    (
        rules.unsafe_tables,
        TABLE % "true",
        [
            TABLE % "false",
            (TABLE % "true").replace("DeletionPolicy: Retain", "DeletionPolicy: Delete"),
            (TABLE % "true").replace("[IsProd, true, false]", "[IsProd, false, false]"),
            (TABLE % "true").replace("SSEType: KMS", "SSEType: AES256"),
        ],
    ),
    (
        shaped,
        SHAPE % "slug",
        [
            SHAPE % "events",
            (SHAPE % "slug").replace("purge_at", "expires_at"),
            (SHAPE % "slug").replace("NEW_AND_OLD_IMAGES", "NEW_IMAGE"),
            (SHAPE % "slug").replace("INCLUDE", "ALL"),
        ],
    ),
    (
        rules.writable_custom_attributes,
        CLIENT % ("ENABLED", 15, "name"),
        [
            CLIENT % ("ENABLED", 15, "custom:role"),
            (CLIENT % ("ENABLED", 15, "name")).replace("WriteAttributes", "ReadAttributes"),
        ],
    ),
    (
        rules.telling_clients,
        CLIENT % ("ENABLED", 15, "name"),
        [CLIENT % ("LEGACY", 15, "name"), CLIENT % ("ENABLED", 61, "name")],
    ),
    (
        narrow,
        ROLE % ("[]", "xray:PutTraceSegments", "*"),
        [
            ROLE % ("[]", "dynamodb:GetItem", "*"),
            ROLE % ("[]", "dynamodb:*", "arn"),
            ROLE % ("[]", "s3:Get*", "arn"),
        ],
    ),
    (
        own_policies,
        ROLE % ("[]", "s3:GetObject", "arn"),
        [
            ROLE % ("[arn]", "s3:GetObject", "arn"),
            "Resources: {F: {Type: AWS::Serverless::Function, Properties: {}}}",
        ],
    ),
    (
        rules.fields_that_fail_unheard,
        FIELDS % ("ServerFaults", "shop", "topic"),
        [
            FIELDS % ("Errors", "shop", "topic"),
            FIELDS % ("ServerFaults", "other", "topic"),
            FIELDS % ("ServerFaults", "shop", ""),
        ],
    ),
    (rules.shared_roles, SHARED % "S", [SHARED % "R"]),
    (
        rules.too_many_resources,
        FEW,
        [FEW + "  One: {Type: AWS::SNS::Topic, Properties: {KmsMasterKeyId: key}}\n"],
    ),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in SAMPLES))


@pytest.mark.parametrize("template", templates(), ids=lambda template: template.name)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_template_keeps_every_rule(rule: Rule, template: Template) -> None:
    assert list(rule(template)) == []


@pytest.mark.parametrize(
    ("rule", "good", "bad"), SAMPLES, ids=[rule.__name__ for rule, _, _ in SAMPLES]
)
def test_a_rule_tells_good_from_bad(rule: Rule, good: str, bad: list[str]) -> None:
    assert list(rule(parse("root", good))) == []
    for sample in bad:
        assert list(rule(parse("root", sample))), sample


def test_every_context_has_a_template_and_is_nested_in_the_root() -> None:
    root, *nested = templates()
    locations = {
        properties["Location"] for _, properties in root.properties("AWS::Serverless::Application")
    }
    assert locations == {f"functions/{each.name}/template.yaml" for each in nested}
    assert nested
