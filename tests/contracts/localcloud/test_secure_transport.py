"""A bucket that refuses plain HTTP, as AWS recommends, serves who may read it.

"Security best practices for Amazon S3": enforce encryption of data in transit,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
"""

from __future__ import annotations

import json
from typing import Any

import pytest

READ = """
import boto3

def handler(event, context):
    answer = boto3.client("s3").get_object(Bucket=event["bucket"], Key=event["key"])
    return answer["Body"].read().decode()
"""
BUCKET = "secure-transport"


@pytest.fixture(scope="module")
def function(client: Any, functions: Any) -> str:
    s3 = client("s3")
    s3.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    s3.put_object(Bucket=BUCKET, Key="open", Body=b"read")
    s3.put_object(Bucket=BUCKET, Key="closed", Body=b"read")
    tls_only = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = {"Version": "2012-10-17", "Statement": [tls_only]}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    return str(
        functions.create(
            READ,
            [
                {
                    "Effect": "Allow",
                    "Action": "s3:GetObject",
                    "Resource": f"arn:aws:s3:::{BUCKET}/open",
                }
            ],
        )
    )


def _read(client: Any, function: str, key: str) -> Any:
    payload = json.dumps({"bucket": BUCKET, "key": key})
    answer = client("lambda").invoke(FunctionName=function, Payload=payload)
    said = json.loads(answer["Payload"].read())
    return said if "FunctionError" not in answer else said["errorMessage"]


def test_a_function_reads_what_its_role_allows(client: Any, function: str) -> None:
    assert _read(client, function, "open") == "read"


def test_what_its_role_does_not_allow_stays_closed(client: Any, function: str) -> None:
    assert "AccessDenied" in _read(client, function, "closed")
