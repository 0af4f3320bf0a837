"""Nested SAM applications are expanded, and an update keeps what it did not change.

"AWS::Serverless::Application", AWS SAM developer guide, and "Embed stacks within other stacks
using nested stacks", AWS CloudFormation user guide:
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-application.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
"""

from __future__ import annotations

import json
from typing import Any

import pytest

TRANSFORM = "AWS::Serverless-2016-10-31"
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
    },
}


def child(source: str) -> dict[str, Any]:
    return {
        "Transform": TRANSFORM,
        "Parameters": {"Seconds": {"Type": "Number"}},
        "Resources": {
            "Function": {
                "Type": "AWS::Serverless::Function",
                "Properties": {
                    "Runtime": "python3.13",
                    "Handler": "index.handler",
                    "InlineCode": source,
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                },
            },
            "Role": ROLE,
            "Queue": {
                "Type": "AWS::SQS::Queue",
                "Properties": {"VisibilityTimeout": {"Ref": "Seconds"}},
            },
        },
        "Outputs": {
            "FunctionName": {"Value": {"Ref": "Function"}},
            "FunctionArn": {"Value": {"Fn::GetAtt": ["Function", "Arn"]}},
            "QueueArn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}},
            "RoleArn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}},
        },
    }


class Application:
    """A stack that nests one application, and a topic of its own."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._cloudformation = client("cloudformation")
        self._name = name
        client("s3").create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        self._exists = False

    def deploy(self, nested: dict[str, Any], *, seconds: int = 30, title: str = "t") -> Any:
        key = f"{abs(hash(json.dumps(nested)))}.json"
        self._client("s3").put_object(Bucket=self._name, Key=key, Body=json.dumps(nested))
        outputs = nested["Outputs"]
        template = {
            "Transform": TRANSFORM,
            "Resources": {
                "Nested": {
                    "Type": "AWS::Serverless::Application",
                    "Properties": {
                        "Location": f"https://s3.amazonaws.com/{self._name}/{key}",
                        "Parameters": {"Seconds": str(seconds)},
                    },
                },
                "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": title}},
            },
            "Outputs": {
                each: {"Value": {"Fn::GetAtt": ["Nested", f"Outputs.{each}"]}} for each in outputs
            },
        }
        change = (
            self._cloudformation.update_stack if self._exists else self._cloudformation.create_stack
        )
        change(
            StackName=self._name,
            TemplateBody=json.dumps(template),
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        kind = "stack_update_complete" if self._exists else "stack_create_complete"
        self._cloudformation.get_waiter(kind).wait(
            StackName=self._name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )
        self._exists = True
        (stack,) = self._cloudformation.describe_stacks(StackName=self._name)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


@pytest.fixture
def application(client: Any, name: str) -> Application:
    return Application(client, name)


HELLO = "def handler(event, context):\n    return 'hello'\n"
GOODBYE = "def handler(event, context):\n    return 'goodbye'\n"


def answer(client: Any, outputs: dict[str, str]) -> Any:
    called = client("lambda").invoke(FunctionName=outputs["FunctionName"])
    return json.loads(called["Payload"].read())


def test_a_nested_application_is_expanded(client: Any, application: Application) -> None:
    outputs = application.deploy(child(HELLO))

    assert answer(client, outputs) == "hello"
    assert outputs["FunctionArn"].endswith(f":function:{outputs['FunctionName']}")


def test_an_update_inside_keeps_the_attributes_of_the_rest(
    client: Any, application: Application
) -> None:
    before = application.deploy(child(HELLO))

    after = application.deploy(child(GOODBYE), seconds=45)

    assert after == before
    assert answer(client, after) == "goodbye"
    queue = client("sqs").get_queue_url(QueueName=after["QueueArn"].rpartition(":")[2])
    attributes = client("sqs").get_queue_attributes(
        QueueUrl=queue["QueueUrl"], AttributeNames=["VisibilityTimeout"]
    )
    assert attributes["Attributes"]["VisibilityTimeout"] == "45"


def test_an_update_outside_keeps_the_nested_outputs(client: Any, application: Application) -> None:
    before = application.deploy(child(HELLO))

    after = application.deploy(child(HELLO), title="another")

    assert after == before
    assert answer(client, after) == "hello"
