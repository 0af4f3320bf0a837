"""The rules that every template keeps. Each rule lists what breaks it; a good template, nothing."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from tests.infrastructure.templates import Json, Template, as_list, target, transformed, walk

COGNITO_TRIGGERS = frozenset(
    {
        "PreSignUpFunction",
        "PostConfirmationFunction",
        "PreAuthenticationFunction",
        "PostAuthenticationFunction",
        "PreTokenGenerationFunction",
        "CustomMessageFunction",
        "UserMigrationFunction",
    }
)
MOST_RESOURCES = 400
MOST_LAYERS = 5
COGNITO_WAITS = 5

# What the services do with a function's role themselves, whatever its code calls.
LAMBDAS_OWN = frozenset(
    {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "s3:ListBucket",
        "s3:PutObject",
    }
)


def functions_without_kept_logs(template: Template) -> Iterator[str]:
    """Every function writes to a log group of this template, encrypted and kept for a time."""
    groups = dict(template.properties("AWS::Logs::LogGroup"))
    for logical_id, function in template.functions():
        group = groups.get(target(function.get("LoggingConfig", {}).get("LogGroup")), {})
        own = str(group.get("LogGroupName")).endswith(_name(function) + "'}")
        if not own or "RetentionInDays" not in group or "KmsKeyId" not in group:
            yield f"{template.name}.{logical_id} has no log group with retention and key"


def _name(function: Json) -> str:
    return str(function.get("FunctionName", {}).get("Fn::Sub", "?"))


def log_groups_kept_for_ever(template: Template) -> Iterator[str]:
    for logical_id, group in template.properties("AWS::Logs::LogGroup"):
        if "RetentionInDays" not in group:
            yield f"{template.name}.{logical_id} is kept for ever"


def dead_letters(template: Template) -> set[str]:
    """The queues that hold what others gave up."""
    redrives = (
        target(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn"))
        for _, queue in template.properties("AWS::SQS::Queue")
    )
    rules = (
        target(each["DeadLetterConfig"]["Arn"]) for _, each in _targets(template) if _dead(each)
    )
    failures = {
        logical_id
        for logical_id, _ in template.properties("AWS::SQS::Queue")
        if logical_id.endswith("Failures")
    }
    return {name for name in (*redrives, *rules) if name} | failures


def _targets(template: Template) -> Iterator[tuple[str, Json]]:
    for logical_id, rule in template.properties("AWS::Events::Rule"):
        for each in rule.get("Targets", []):
            yield logical_id, each


def _dead(rule_target: Json) -> bool:
    return bool(target(rule_target.get("DeadLetterConfig", {}).get("Arn")))


def asynchronous_without_dead_letters(template: Template) -> Iterator[str]:
    """Queues, targets of rules and streams' mappings give up into something that is kept."""
    terminal = dead_letters(template)
    for logical_id, queue in template.properties("AWS::SQS::Queue"):
        policy = queue.get("RedrivePolicy", {})
        redriven = target(policy.get("deadLetterTargetArn")) and policy.get("maxReceiveCount") == 5
        if logical_id not in terminal and not redriven:
            yield f"{template.name}.{logical_id} has no dead letters after five tries"
    for logical_id, each in _targets(template):
        if not _dead(each):
            yield f"{template.name}.{logical_id} has a target without dead letters"
    functions = {name for name, _ in template.functions()}
    for logical_id, each in _targets(template):
        called = target(each.get("Arn"))
        if called in functions and not gives_up_to(template, called):
            yield f"{template.name}.{logical_id} calls a function whose failures are not kept"
    queues = {name for name, _ in template.properties("AWS::SQS::Queue")}
    for logical_id, mapping in template.properties("AWS::Lambda::EventSourceMapping"):
        kept = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if target(mapping["EventSourceArn"]) not in queues and not kept:
            yield f"{template.name}.{logical_id} has no destination on failure"
    for logical_id, function in template.functions():
        if "Events" in function:
            yield f"{template.name}.{logical_id} is called by an event of SAM's, beside these rules"


def gives_up_to(template: Template, function: str) -> str | None:
    """Where Lambda sends an asynchronous call of a function that failed to the end."""
    for _, config in template.properties("AWS::Lambda::EventInvokeConfig"):
        if target(config["FunctionName"]) == function:
            kept = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
            return target(kept) or None
    return None


def mappings_that_fail_whole_batches(template: Template) -> Iterator[str]:
    """A mapping takes the word of the function on which messages failed."""
    for logical_id, mapping in template.properties("AWS::Lambda::EventSourceMapping"):
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{template.name}.{logical_id} fails whole batches"


def queues_that_hand_out_twice(template: Template) -> Iterator[str]:
    """A message stays hidden for six times as long as its function may take."""
    functions = dict(template.functions())
    queues = dict(template.properties("AWS::SQS::Queue"))
    for logical_id, mapping in template.properties("AWS::Lambda::EventSourceMapping"):
        source = target(mapping["EventSourceArn"])
        if source in queues:
            timeout = functions[target(mapping["FunctionName"])]["Timeout"]
            if queues[source].get("VisibilityTimeout", 30) < 6 * timeout:
                yield f"{template.name}.{logical_id} hands out a message that is being worked on"


def unencrypted(template: Template) -> Iterator[str]:
    """Queues, topics and buckets are encrypted with the system's key."""
    for logical_id, each in template.properties("AWS::SQS::Queue", "AWS::SNS::Topic"):
        if not each.get("KmsMasterKeyId"):
            yield f"{template.name}.{logical_id} is not encrypted"
    for logical_id, bucket in template.properties("AWS::S3::Bucket"):
        if "KMSMasterKeyID" not in str(bucket.get("BucketEncryption")):
            yield f"{template.name}.{logical_id} is not encrypted"


def dead_letters_without_alarm(template: Template) -> Iterator[str]:
    watched = _watched(template, "ApproximateNumberOfMessagesVisible")
    for name in sorted(dead_letters(template) - watched):
        yield f"{template.name}.{name} has no alarm"


def buckets_of_failures_without_alarm(template: Template) -> Iterator[str]:
    watched = _watched(template, "PutRequests")
    for logical_id, _ in template.properties("AWS::S3::Bucket"):
        if logical_id.endswith("Failures") and logical_id not in watched:
            yield f"{template.name}.{logical_id} has no alarm"


def functions_without_alarm(template: Template) -> Iterator[str]:
    """Errors and throttles ring; of one that refuses by raising, what it logs does."""
    logged = {
        target(each["LogGroupName"]).removesuffix("Logs") + "Function"
        for _, each in template.properties("AWS::Logs::MetricFilter")
        if each["MetricTransformations"][0]["MetricName"] in _custom_metrics(template)
    }
    errors = _watched(template, "Errors") | logged
    throttles = _watched(template, "Throttles")
    ages = _watched(template, "IteratorAge")
    queues = {name for name, _ in template.properties("AWS::SQS::Queue")}
    for logical_id, _ in template.functions():
        if logical_id not in errors:
            yield f"{template.name}.{logical_id} may fail unheard"
        if logical_id not in throttles:
            yield f"{template.name}.{logical_id} may be throttled unheard"
    for logical_id, mapping in template.properties("AWS::Lambda::EventSourceMapping"):
        streams = target(mapping["EventSourceArn"]) not in queues
        if streams and target(mapping["FunctionName"]) not in ages:
            yield f"{template.name}.{logical_id} may lag unheard"


def fields_that_fail_unheard(template: Template) -> Iterator[str]:
    """A failure told as data is no error of the function's: what the function counts rings."""
    counted = {
        str(each["Value"])
        for alarm in _alarms(template)
        if alarm.get("MetricName") == "ServerFaults"
        for each in alarm.get("Dimensions", [])
    }
    services = {
        function["Environment"]["Variables"].get("POWERTOOLS_SERVICE_NAME")
        for _, function in template.functions()
    }
    if any(template.resources("AWS::AppSync::Resolver")) and counted != services:
        yield f"{template.name} has fields that fail unheard"


def _alarms(template: Template) -> Iterator[Json]:
    """Alarms that tell somebody."""
    for _, alarm in template.properties("AWS::CloudWatch::Alarm"):
        if alarm.get("AlarmActions"):
            yield alarm


def _watched(template: Template, metric: str) -> set[str]:
    """What alarms watch by `metric`: the resources in the metric's dimensions."""
    metrics = (
        each
        for alarm in _alarms(template)
        for each in walk(alarm)
        if isinstance(each, dict) and each.get("MetricName") == metric
    )
    return {target(part["Value"]) for each in metrics for part in each.get("Dimensions", [])}


def _custom_metrics(template: Template) -> set[str]:
    return {str(alarm.get("MetricName")) for alarm in _alarms(template)}


def unsafe_tables(template: Template) -> Iterator[str]:
    """Tables outlive the stack and mistakes: retained, restorable, encrypted, protected in prod."""
    wanted: dict[str, Any] = {
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {
            "SSEEnabled": True,
            "SSEType": "KMS",
            "KMSMasterKeyId": {"Fn::GetAtt": ["Key", "Arn"]},
        },
        "DeletionProtectionEnabled": {"Fn::If": ["IsProd", True, False]},
    }
    for logical_id, table in template.resources("AWS::DynamoDB::Table"):
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if table.get(policy) != "Retain":
                yield f"{template.name}.{logical_id} has no {policy} Retain"
        for name, value in wanted.items():
            if table["Properties"].get(name) != value:
                yield f"{template.name}.{logical_id} has another {name}"


def badly_shaped_tables(
    template: Template, streamed: Iterable[str], silent: Iterable[str]
) -> Iterator[str]:
    """Tables of entities purge by `purge_at`, and no index shows `events` of a streamed one."""
    tables = dict(template.properties("AWS::DynamoDB::Table"))
    for name in (*streamed, *silent):
        if tables[name].get("TimeToLiveSpecification") != {
            "AttributeName": "purge_at",
            "Enabled": True,
        }:
            yield f"{name} does not purge"
    for name in streamed:
        if tables[name].get("StreamSpecification") != {"StreamViewType": "NEW_AND_OLD_IMAGES"}:
            yield f"{name} has no stream of both images"
        for index in tables[name]["GlobalSecondaryIndexes"]:
            projection = index["Projection"]
            if (
                projection["ProjectionType"] != "INCLUDE"
                or "events" in projection["NonKeyAttributes"]
            ):
                yield f"{name}.{index['IndexName']} may show events"
    for name in silent:
        if "StreamSpecification" in tables[name]:
            yield f"{name} has a stream"


def writable_custom_attributes(template: Template) -> Iterator[str]:
    """No client writes a custom attribute; without a list, Cognito lets it write them all."""
    for logical_id, client in template.properties("AWS::Cognito::UserPoolClient"):
        writable = client.get("WriteAttributes")
        if not writable or any(name.startswith("custom:") for name in writable):
            yield f"{template.name}.{logical_id} writes custom attributes"


def telling_clients(template: Template) -> Iterator[str]:
    """No client tells whether a user exists, or keeps a token for long."""
    for logical_id, client in template.properties("AWS::Cognito::UserPoolClient"):
        if client.get("PreventUserExistenceErrors") != "ENABLED":
            yield f"{template.name}.{logical_id} tells who exists"
        units = client.get("TokenValidityUnits", {})
        if units.get("AccessToken") != "minutes" or client.get("AccessTokenValidity", 60) > 60:
            yield f"{template.name}.{logical_id} has long-lived access tokens"


def slow_triggers(template: Template) -> Iterator[str]:
    for logical_id, function in template.functions():
        if logical_id in COGNITO_TRIGGERS and function.get("Timeout", 3) >= COGNITO_WAITS:
            yield f"{template.name}.{logical_id} may take longer than Cognito waits"


def too_many_layers(template: Template) -> Iterator[str]:
    for logical_id, function in template.functions():
        if len(function["Layers"]) > MOST_LAYERS:
            yield f"{template.name}.{logical_id} has more than {MOST_LAYERS} layers"


def too_many_resources(template: Template) -> Iterator[str]:
    count = len(transformed(template)["Resources"])
    if count > MOST_RESOURCES:
        yield f"{template.name} has {count} resources"


def statements(role: Json) -> list[Json]:
    """The statements of a role's own policies, those under a condition too."""
    return [
        each
        for policy in role.get("Policies", [])
        for each in walk(policy["PolicyDocument"]["Statement"])
        if isinstance(each, dict) and "Effect" in each
    ]


def grants(role: Json) -> set[tuple[str, str]]:
    """What a role may do, as (action, resource); the resource as the template writes it."""
    return {
        (action, _resource(resource))
        for statement in statements(role)
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


def keyed(role: Json, resource: str) -> set[tuple[str, str]]:
    """What a role may do to a table, as (action, partition key); `*` where any will do."""
    return {
        (action, key)
        for statement in statements(role)
        if resource in map(_resource, as_list(statement["Resource"]))
        for action in as_list(statement["Action"])
        for key in _leading_keys(statement.get("Condition", {}))
    }


def keyed_writes(role: Json, actions: Collection[str]) -> set[tuple[str, str]]:
    """Which of `actions` a role may do to any table at all, as (action, partition key)."""
    return {
        (action, key)
        for statement in statements(role)
        for action in as_list(statement["Action"])
        if action in actions
        for key in _leading_keys(statement.get("Condition", {}))
    }


def _leading_keys(condition: Json) -> list[str]:
    """The keys that a condition holds requests to, those that name none included."""
    name = "dynamodb:LeadingKeys"
    if condition.get("Null") != {name: "false"}:
        return ["*"]
    return as_list(condition.get("ForAllValues:StringLike", {}).get(name, "*"))


def _resource(value: Any) -> str:
    """The telling end of a resource: `table/${PlatformTable}`, `RecordEventsQueue.Arn`."""
    match value:
        case {"Fn::Sub": str(text)}:
            return text.rpartition("${AWS::AccountId}:")[2].removeprefix(
                "arn:${AWS::Partition}:s3:::"
            )
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": parts}:
            return ".".join(parts)
        case {"Fn::If": [_, *choices]}:
            return " or ".join(_resource(each) for each in choices)
        case _:
            return str(value)


def wildcards(template: Template, reasons: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """Neither an action nor a whole resource is a wildcard, but for a named reason."""
    for logical_id, role in template.properties("AWS::IAM::Role"):
        for action, resource in sorted(grants(role)):
            if "*" in action:
                yield f"{template.name}.{logical_id} may {action}"
            if resource in ("*", "/*") and (action, resource) not in reasons:
                yield f"{template.name}.{logical_id} may {action} on everything"


def managed_policies(template: Template, reasons: Mapping[str, str]) -> Iterator[str]:
    """Roles carry policies of their own; a managed one grants what nobody here reads."""
    for logical_id, role in template.properties("AWS::IAM::Role"):
        if role.get("ManagedPolicyArns") and logical_id not in reasons:
            yield f"{template.name}.{logical_id} has a managed policy"
    for logical_id, function in template.functions():
        if "Policies" in function or "Role" not in function:
            yield f"{template.name}.{logical_id} has no role of its own"


def shared_roles(template: Template) -> Iterator[str]:
    uses = Counter(target(function.get("Role")) for _, function in template.functions())
    for role, count in uses.items():
        if count > 1:
            yield f"{template.name}.{role} is shared by {count} functions"


def wider_than(role: Json, allowed: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """What a role may do beyond `allowed`."""
    return grants(role) - allowed


def beyond_code(role: Json, called: set[str]) -> set[str]:
    """Actions of a role that neither its function's code calls nor Lambda needs."""
    return {action for action, _ in grants(role)} - called - LAMBDAS_OWN


def resolver_faults(
    fields: set[tuple[str, str]], resolvers: Iterable[tuple[str, str]]
) -> Iterator[str]:
    """Every field of Query, Mutation and Subscription has exactly one resolver."""
    counts = Counter(resolvers)
    for field in sorted(fields | counts.keys()):
        if field not in fields:
            yield f"{'.'.join(field)} is not in the schema"
        elif counts[field] != 1:
            yield f"{'.'.join(field)} has {counts[field]} resolvers"
