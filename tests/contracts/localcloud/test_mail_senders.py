"""A role that may send from its own identity sends from that one, and from no other."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

from localcloud.edge.mail_senders import sender_of
from tests.support.ministack import MiniStack

OWN, OTHER = "own@senders.example", "other@senders.example"


def send(cloud: MiniStack, credentials: dict[str, str], sender: str) -> None:
    cloud.client("sesv2", credentials).send_email(
        FromEmailAddress=f"Ours <{sender}>",
        Destination={"ToAddresses": ["bob@example.com"]},
        Content={"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hi"}}}},
    )


def test_mails_are_sent_from_the_identity_that_a_role_names(ministack: MiniStack) -> None:
    ses, iam = ministack.client("sesv2"), ministack.client("iam")
    for address in (OWN, OTHER):
        ses.create_email_identity(EmailIdentity=address)
    name = f"sender-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    resource = f"arn:aws:ses:{ministack.region}:{ministack.account}:identity/{OWN}"
    allowed = {"Effect": "Allow", "Action": "ses:SendEmail", "Resource": resource}
    policy = {"Version": "2012-10-17", "Statement": [allowed]}
    iam.put_user_policy(UserName=name, PolicyName="send", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    credentials = {
        "aws_access_key_id": key["AccessKeyId"],
        "aws_secret_access_key": key["SecretAccessKey"],
    }

    send(ministack, credentials, OWN)
    with pytest.raises(ClientError) as refused:
        send(ministack, credentials, OTHER)

    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


@pytest.mark.parametrize("body", [b"", b"[]", b"x", b"{}"])
def test_a_request_without_a_sender_has_none(body: bytes) -> None:
    assert sender_of(body) == ""
