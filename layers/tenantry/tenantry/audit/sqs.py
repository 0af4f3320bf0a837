"""Adapter: the worker's queue, to which an unfinished job goes back."""

import json
from typing import TYPE_CHECKING

from tenantry.messaging.event import Envelope

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient


class SqsContinuations:
    """`account` is the platform's own, which EventBridge would have written."""

    def __init__(self, client: "SQSClient", url: str, account: str) -> None:
        self._client = client
        self._url = url
        self._account = account

    def go_on(self, envelope: Envelope, after: int = 0) -> None:
        """The event that asked for the job again, as the bus delivered it: where it stands, the
        job knows. `after` is in seconds, 900 at most."""
        event = {
            "account": self._account,
            "source": f"tenantry.{envelope.context}",
            "detail-type": envelope.type,
            "detail": envelope.model_dump(mode="json", exclude_none=True),
        }
        self._client.send_message(
            QueueUrl=self._url, MessageBody=json.dumps(event), DelaySeconds=after
        )
