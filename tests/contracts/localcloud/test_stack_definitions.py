"""What a template says of APIs, alarms and archives beyond their own text is deployed.

"AWS::AppSync::GraphQLSchema", "AWS::AppSync::Resolver", "AWS::CloudWatch::Alarm" and
"AWS::Events::Archive", AWS CloudFormation template reference;
"x-amazon-apigateway-gateway-responses object", Amazon API Gateway developer guide:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-appsync-resolver.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-archive.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-gateway-responses.html
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from localcloud.place import Place

SCHEMA = "type Query { greeting: String }"
CODE = """
export function request(ctx) {
  return { payload: null };
}

export function response(ctx) {
  return '%s';
}
"""


def deploy(client: Any, name: str, resources: dict[str, Any], outputs: dict[str, Any]) -> Any:
    """Create or update the stack `name`; returns its outputs."""
    cloudformation = client("cloudformation")
    template = json.dumps({"Resources": resources, "Outputs": outputs})
    try:
        cloudformation.create_stack(StackName=name, TemplateBody=template)
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 0.1}
        )
    except cloudformation.exceptions.AlreadyExistsException:
        cloudformation.update_stack(StackName=name, TemplateBody=template)
        cloudformation.get_waiter("stack_update_complete").wait(
            StackName=name, WaiterConfig={"Delay": 0.1}
        )
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def graphql_resources(schema: str, code: str) -> dict[str, Any]:
    api = {"Fn::GetAtt": ["Api", "ApiId"]}
    return {
        "Api": {
            "Type": "AWS::AppSync::GraphQLApi",
            "Properties": {"Name": "greeter", "AuthenticationType": "API_KEY"},
        },
        "Key": {"Type": "AWS::AppSync::ApiKey", "Properties": {"ApiId": api}},
        "Schema": {
            "Type": "AWS::AppSync::GraphQLSchema",
            "Properties": {"ApiId": api, "DefinitionS3Location": schema},
        },
        "Source": {
            "Type": "AWS::AppSync::DataSource",
            "Properties": {"ApiId": api, "Name": "none", "Type": "NONE"},
        },
        "Resolver": {
            "Type": "AWS::AppSync::Resolver",
            "DependsOn": ["Schema", "Source"],
            "Properties": {
                "ApiId": api,
                "TypeName": "Query",
                "FieldName": "greeting",
                "DataSourceName": "none",
                "Runtime": {"Name": "APPSYNC_JS", "RuntimeVersion": "1.0.0"},
                "CodeS3Location": code,
            },
        },
    }


def test_a_schema_and_a_resolvers_code_are_read_from_s3_and_again_on_update(
    cloud: Place, client: Any, name: str
) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket=name, Key="schema", Body=SCHEMA)
    for word in ("hello", "goodbye"):
        s3.put_object(Bucket=name, Key=word, Body=CODE % word)
    outputs = {
        "Id": {"Value": {"Fn::GetAtt": ["Api", "ApiId"]}},
        "Key": {"Value": {"Fn::GetAtt": ["Key", "ApiKey"]}},
    }

    answers = []
    for word in ("hello", "goodbye"):
        resources = graphql_resources(f"s3://{name}/schema", f"s3://{name}/{word}")
        deployed = deploy(client, name, resources, outputs)
        request = urllib.request.Request(
            f"{cloud.endpoint}/v1/apis/{deployed['Id']}/graphql",
            data=b'{"query": "{ greeting }"}',
            headers={"x-api-key": deployed["Key"], "content-type": "application/json"},
        )
        with urllib.request.urlopen(request) as response:
            answers.append(json.load(response))

    assert answers == [{"data": {"greeting": "hello"}}, {"data": {"greeting": "goodbye"}}]


def test_an_apis_body_words_what_the_gateway_itself_answers(
    cloud: Place, client: Any, name: str
) -> None:
    body = {
        "openapi": "3.0.3",
        "info": {"title": name, "version": "1"},
        "paths": {"/known": {"get": {"x-amazon-apigateway-integration": {"type": "mock"}}}},
        "x-amazon-apigateway-gateway-responses": {
            "MISSING_AUTHENTICATION_TOKEN": {
                "statusCode": 404,
                "responseParameters": {
                    "gatewayresponse.header.Content-Type": "'application/problem+json'"
                },
                "responseTemplates": {"application/json": '{"code":"NOT_FOUND"}'},
            }
        },
    }
    api = {"Ref": "Api"}
    resources = {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Body": body}},
        "Deployment": {"Type": "AWS::ApiGateway::Deployment", "Properties": {"RestApiId": api}},
        "Stage": {
            "Type": "AWS::ApiGateway::Stage",
            "Properties": {
                "RestApiId": api,
                "StageName": "v1",
                "DeploymentId": {"Ref": "Deployment"},
            },
        },
    }
    deployed = deploy(client, name, resources, {"Id": {"Value": api}})

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(
            f"{cloud.endpoint}/restapis/{deployed['Id']}/v1/_user_request_/unknown"
        )

    assert refused.value.status == 404
    assert refused.value.headers["content-type"] == "application/problem+json"
    assert json.load(refused.value) == {"code": "NOT_FOUND"}


def test_an_alarm_may_watch_an_expression_over_metrics(client: Any, name: str) -> None:
    metrics = [
        {"Id": "total", "Expression": "SUM(METRICS())", "ReturnData": True},
        {
            "Id": "errors",
            "ReturnData": False,
            "MetricStat": {
                "Metric": {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Dimensions": []},
                "Stat": "Sum",
                "Period": 60,
            },
        },
    ]
    alarm = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "Metrics": metrics,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
        },
    }

    deployed = deploy(client, name, {"Alarm": alarm}, {"Name": {"Value": {"Ref": "Alarm"}}})

    found = client("cloudwatch").describe_alarms(AlarmNames=[deployed["Name"]])["MetricAlarms"]
    assert [each["AlarmName"] for each in found] == [deployed["Name"]]
    assert found[0]["StateValue"] == "INSUFFICIENT_DATA"


def test_an_archive_of_a_bus_is_made_and_changed_with_its_stack(client: Any, name: str) -> None:
    events = client("events")
    found = []
    for days in (30, 90):
        resources = {
            "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": name}},
            "Archive": {
                "Type": "AWS::Events::Archive",
                "Properties": {
                    "ArchiveName": name,
                    "SourceArn": {"Fn::GetAtt": ["Bus", "Arn"]},
                    "RetentionDays": days,
                    "EventPattern": {"source": ["orders"]},
                },
            },
        }
        outputs = {
            "Name": {"Value": {"Ref": "Archive"}},
            "Arn": {"Value": {"Fn::GetAtt": ["Archive", "Arn"]}},
        }
        deployed = deploy(client, name, resources, outputs)
        archive = events.describe_archive(ArchiveName=deployed["Name"])
        assert archive["ArchiveArn"] == deployed["Arn"]
        found.append((archive["RetentionDays"], json.loads(archive["EventPattern"])))

    assert found == [(30, {"source": ["orders"]}), (90, {"source": ["orders"]})]
