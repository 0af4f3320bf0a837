"""Adapter: mails through Amazon SES, from the one sender of this deployment."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from tenantry.errors import UnavailableError
from tenantry.mail.model import Mail

if TYPE_CHECKING:
    from types_boto3_sesv2.client import SESV2Client

_PASSING = frozenset(
    {
        "TooManyRequestsException",
        "LimitExceededException",
        "SendingPausedException",
        "ThrottlingException",
        "InternalServiceErrorException",
        "ServiceUnavailable",
    }
)


class SesMailer:
    def __init__(self, client: "SESV2Client", sender: str) -> None:
        self._client: Any = client
        self._sender = sender

    def send(self, mail: Mail) -> None:
        """As structured content: SES itself writes the headers."""
        try:
            self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [mail.to]},
                Content={
                    "Simple": {
                        "Subject": _utf8(mail.subject),
                        "Body": {"Html": _utf8(mail.html), "Text": _utf8(mail.text)},
                    }
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _PASSING:
                raise
            raise UnavailableError("Mails cannot be sent right now.") from error
        except BotoCoreError as error:
            raise UnavailableError("The mail service does not answer.") from error


def _utf8(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}
