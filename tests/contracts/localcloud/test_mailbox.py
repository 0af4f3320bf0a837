"""The mailbox shows what SES and Cognito sent, and shows it harmlessly."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest

from localcloud.edge.mailbox import read_mail
from localcloud.place import Place

SENDER = "no-reply@mailbox.example"


@pytest.fixture(scope="module")
def send(client: Any) -> Any:
    ses = client("ses")
    ses.verify_email_identity(EmailAddress=SENDER)

    def send_mail(to: str, subject: str, **body: str) -> None:
        ses.send_email(
            Source=SENDER,
            Destination={"ToAddresses": [to]},
            Message={
                "Subject": {"Data": subject},
                "Body": {kind: {"Data": content} for kind, content in body.items()},
            },
        )

    return send_mail


def get(url: str) -> tuple[Mapping[str, str], str]:
    with urllib.request.urlopen(url) as answer:
        return answer.headers, answer.read().decode()


def mails(cloud: Place, to: str) -> Any:
    return json.loads(get(f"{cloud.endpoint}/mailbox.json?to={quote(to)}")[1])


def test_mails_are_listed_newest_first_for_the_address_alone(cloud: Place, send: Any) -> None:
    send("Ada@Box.example", "First", Text="one")
    send("ada@box.example", "Second", Text="two")
    send("not-ada@box.example", "Other", Text="three")

    listed = mails(cloud, "ada@box.example")

    assert [mail["subject"] for mail in listed] == ["Second", "First"]
    assert listed[0]["from"] == SENDER
    assert listed[0]["to"] == ["ada@box.example"]
    assert listed[0]["text"] == "two"
    assert listed[0]["sent_at"].endswith("+00:00")


def test_codes_and_links_are_found(cloud: Place, send: Any) -> None:
    send(
        "codes@box.example",
        "Your code",
        Html="<style>p{color:#333333}</style><p>Use <b>048213</b> before 20:15.</p>"
        '<p>Or <a href="https://app.example/confirm?code=777777&amp;x=1">open this</a>.</p>',
    )

    (mail,) = mails(cloud, "codes@box.example")

    assert mail["codes"] == ["048213"]
    assert mail["links"] == ["https://app.example/confirm?code=777777&x=1"]
    assert mail["text"] == "Use 048213 before 20:15.\n\nOr open this."


def test_the_html_of_a_mail_runs_and_loads_nothing(cloud: Place, send: Any) -> None:
    send(
        "safe@box.example", "Hostile", Html="<script>alert(1)</script><img src='https://x.example'>"
    )
    (mail,) = mails(cloud, "safe@box.example")

    headers, _ = get(f"{cloud.endpoint}/mailbox/{mail['id']}")
    page_headers, page = get(f"{cloud.endpoint}/mailbox")

    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "img-src data:" in policy
    assert "script-src" not in policy
    assert "allow-scripts" not in policy
    assert "sandbox" in policy
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "unsafe-inline" not in page_headers["content-security-policy"]


def test_cognitos_own_codes_arrive(cloud: Place, client: Any, name: str) -> None:
    cognito = client("cognito-idp")
    pool = cognito.create_user_pool(PoolName=name, AutoVerifiedAttributes=["email"])["UserPool"]
    app = cognito.create_user_pool_client(UserPoolId=pool["Id"], ClientName=name)["UserPoolClient"]
    cognito.sign_up(
        ClientId=app["ClientId"],
        Username=name,
        Password="Correct-Horse-7",
        UserAttributes=[{"Name": "email", "Value": f"{name}@box.example"}],
    )

    (mail,) = mails(cloud, f"{name}@box.example")

    (code,) = mail["codes"]
    cognito.confirm_sign_up(ClientId=app["ClientId"], Username=name, ConfirmationCode=code)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Your verification code is 123456.", ["123456"]),
        ("Code: 12345678", ["12345678"]),
        ("123456 and again 123456", ["123456"]),
        ("Call +49 30 123456789 or pay 123456,00", []),
        ("order-123456, 1234567, #123456, 2026/123456", []),
    ],
)
def test_only_codes_are_taken_for_codes(text: str, codes: list[str]) -> None:
    record = {
        "MessageId": "1@example",
        "Source": SENDER,
        "To": ["a@b.example"],
        "CC": [],
        "BCC": [],
        "Subject": "",
        "BodyText": text,
        "BodyHtml": None,
        "Timestamp": 0.0,
    }

    assert read_mail(record).codes == codes
