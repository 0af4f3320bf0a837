"""Adapter: notices of the provider's wait in a queue, by their ids alone."""

from typing import TYPE_CHECKING

from tenantry.billing.model import Notice

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient


class SqsNoticeQueue:
    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def put(self, notice: Notice) -> None:
        self._client.send_message(QueueUrl=self._url, MessageBody=notice.model_dump_json())
