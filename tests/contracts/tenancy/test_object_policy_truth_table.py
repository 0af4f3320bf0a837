"""Whom a session's policy lets at which objects, decided by IAM of the local cloud (row 1).

The role itself may do everything with buckets: what is refused, the session's policy refuses.
"""

import itertools
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from tenantry.tenancy.sessions import DataScope
from tests.support.ministack import MiniStack

OWN, OTHER = "acme", "umbrella"
KEYS = {
    "own": f"{OWN}/exports/1.csv",
    "other": f"{OTHER}/exports/1.csv",
    "longer name": f"{OWN}X/exports/1.csv",
    "upwards": f"{OTHER}/../{OWN}/1.csv",
    "no tenant": "1.csv",
}

type Act = Callable[[Any, str, str], object]

ACTIONS: dict[str, Act] = {
    "GetObject": lambda s3, bucket, key: s3.get_object(Bucket=bucket, Key=key),
    "HeadObject": lambda s3, bucket, key: s3.head_object(Bucket=bucket, Key=key),
    "PutObject": lambda s3, bucket, key: s3.put_object(Bucket=bucket, Key=key, Body=b"x"),
    "CreateMultipartUpload": lambda s3, bucket, key: s3.create_multipart_upload(
        Bucket=bucket, Key=key
    ),
    "UploadPart": lambda s3, bucket, key: s3.upload_part(
        Bucket=bucket, Key=key, UploadId="none", PartNumber=1, Body=b"x"
    ),
    "CompleteMultipartUpload": lambda s3, bucket, key: s3.complete_multipart_upload(
        Bucket=bucket,
        Key=key,
        UploadId="none",
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": "x"}]},
    ),
    "AbortMultipartUpload": lambda s3, bucket, key: s3.abort_multipart_upload(
        Bucket=bucket, Key=key, UploadId="none"
    ),
    "DeleteObject": lambda s3, bucket, key: s3.delete_object(Bucket=bucket, Key=key),
    "ListObjectsV2": lambda s3, bucket, key: s3.list_objects_v2(Bucket=bucket, Prefix=key),
}
READS = {"GetObject", "HeadObject"}
WRITES = READS | {
    "PutObject",
    "CreateMultipartUpload",
    "UploadPart",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
}


@pytest.fixture(scope="module")
def bucket(ministack: MiniStack) -> str:
    s3 = ministack.client("s3")
    name = f"exports-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": ministack.region}
    )
    for key in KEYS.values():
        s3.put_object(Bucket=name, Key=key, Body=b"x")
    return name


@pytest.fixture(scope="module")
def role(ministack: MiniStack) -> str:
    iam = ministack.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
    everything = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
    }
    name = f"objects-{uuid.uuid4().hex[:8]}"
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(everything))
    return str(made["Role"]["Arn"])


def _ours(bucket: str, *, writes: bool) -> str:
    scope = DataScope(
        (f"arn:aws:dynamodb:::{bucket}",),
        bucket_arns=(f"arn:aws:s3:::{bucket}",),
        writes_objects=writes,
    )
    return scope.policy(OWN)


def _with_resource(bucket: str, resource: str) -> str:
    policy = json.loads(_ours(bucket, writes=True))
    [statement] = [each for each in policy["Statement"] if "s3:GetObject" in each["Action"]]
    statement["Resource"] = [f"arn:aws:s3:::{bucket}/{resource}"]
    return json.dumps(policy)


def _session(ministack: MiniStack, role: str, policy: str) -> Any:
    session = ministack.client("sts").assume_role(
        RoleArn=role, RoleSessionName="row-1", Policy=policy
    )["Credentials"]
    return ministack.client(
        "s3",
        {
            "aws_access_key_id": session["AccessKeyId"],
            "aws_secret_access_key": session["SecretAccessKey"],
            "aws_session_token": session["SessionToken"],
        },
    )


def _allowed(ministack: MiniStack, role: str, bucket: str, policy: str) -> set[tuple[str, str]]:
    s3 = _session(ministack, role, policy)
    root = ministack.client("s3")
    allowed: set[tuple[str, str]] = set()
    for (action, act), (kind, key) in itertools.product(ACTIONS.items(), KEYS.items()):
        root.put_object(Bucket=bucket, Key=key, Body=b"x")
        try:
            act(s3, bucket, key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("AccessDenied", "403"):
                continue
        allowed.add((action, kind))
    return allowed


def test_our_policy_lets_a_tenant_write_its_own_objects_and_nothing_else(
    ministack: MiniStack, role: str, bucket: str
) -> None:
    allowed = _allowed(ministack, role, bucket, _ours(bucket, writes=True))
    assert allowed == {(action, "own") for action in WRITES}


def test_who_only_reads_gets_no_write(ministack: MiniStack, role: str, bucket: str) -> None:
    allowed = _allowed(ministack, role, bucket, _ours(bucket, writes=False))
    assert allowed == {(action, "own") for action in READS}


@pytest.mark.parametrize(
    ("resource", "leaks"),
    [("*", set(KEYS) - {"own"}), (f"{OWN}*", {"longer name"}), (f"*/{OWN}/*", {"upwards"})],
)
def test_each_weaker_policy_leaks(
    ministack: MiniStack, role: str, bucket: str, resource: str, leaks: set[str]
) -> None:
    """The twins that show the table can tell."""
    allowed = _allowed(ministack, role, bucket, _with_resource(bucket, resource))
    assert {kind for action, kind in allowed if action == "GetObject"} >= leaks


def test_a_presigned_link_opens_the_one_object_it_names(
    ministack: MiniStack, role: str, bucket: str
) -> None:
    s3 = _session(ministack, role, _ours(bucket, writes=False))
    links = {
        kind: s3.generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=60
        )
        for kind, key in KEYS.items()
    }
    answers = {kind: requests.get(link, timeout=10).status_code for kind, link in links.items()}
    assert answers == {kind: 200 if kind == "own" else 403 for kind in KEYS}

    moved = links["own"].replace(f"/{OWN}/", f"/{OTHER}/")
    assert requests.get(moved, timeout=10).status_code == 403
