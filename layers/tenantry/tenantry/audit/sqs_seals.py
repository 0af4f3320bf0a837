"""Adapter: tasks of sealing, in the sealers' queue."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tenantry.audit.sealing import SealTask
from tenantry.errors import UnavailableError

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient

_BATCH = 10


class SqsSealTasks:
    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, tasks: Sequence[SealTask]) -> None:
        """Ten a call; UnavailableError when the queue did not take one of them."""
        for start in range(0, len(tasks), _BATCH):
            answer = self._client.send_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "MessageBody": task.model_dump_json(exclude_none=True)}
                    for number, task in enumerate(tasks[start : start + _BATCH])
                ],
            )
            if answer.get("Failed"):
                raise UnavailableError("The queue of sealing did not take every task.")
