"""Sending mails, by the fake and by Amazon SES."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from tenantry.bootstrap import CONFIG
from tenantry.errors import UnavailableError
from tenantry.mail.model import Mail, Mailer
from tenantry.mail.ses import SesMailer
from tests.support.fakes.mail import Mailbox
from tests.support.faults import down, injected, recorded, refused

SENDER = "Engines <no-reply@engines.example>"
MAIL = Mail("bob@example.com", "Ærø, 日本語 & <b>", "<p>Höllo</p>", "Höllo\nBob")


@pytest.fixture
def ses(moto: None) -> SesMailer:
    client = boto3.client("sesv2", config=CONFIG)
    client.create_email_identity(EmailIdentity="no-reply@engines.example")
    return SesMailer(client, SENDER)


@pytest.fixture(params=["in-memory", "ses"])
def mailer(request: pytest.FixtureRequest) -> Mailer:
    found: Mailer = Mailbox() if request.param == "in-memory" else request.getfixturevalue("ses")
    return found


def test_a_mail_is_taken(mailer: Mailer) -> None:
    mailer.send(MAIL)


def test_ses_gets_it_as_it_is_and_writes_the_headers_itself(ses: SesMailer) -> None:
    with recorded() as calls:
        ses.send(MAIL)

    [sent] = calls.of("SendEmail")
    assert sent.parameters == {
        "FromEmailAddress": SENDER,
        "Destination": {"ToAddresses": ["bob@example.com"]},
        "Content": {
            "Simple": {
                "Subject": {"Data": MAIL.subject, "Charset": "UTF-8"},
                "Body": {
                    "Html": {"Data": MAIL.html, "Charset": "UTF-8"},
                    "Text": {"Data": MAIL.text, "Charset": "UTF-8"},
                },
            }
        },
    }


@pytest.mark.parametrize(
    "fault", [lambda: down("SendEmail"), lambda: refused("TooManyRequestsException", "SendEmail")]
)
def test_what_may_work_later_is_unavailable(ses: SesMailer, fault: Callable[[], Any]) -> None:
    with injected(fault()), pytest.raises(UnavailableError):
        ses.send(MAIL)


def test_a_mailbox_that_is_down_says_so_too() -> None:
    with pytest.raises(UnavailableError):
        Mailbox(down=True).send(MAIL)
