"""Adapter: records that cannot be published, whole and with their cause, in their own queue."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient

_LONGEST_CAUSE = 1024
_FORBIDDEN = "\ufffe\uffff"
"""Characters that no message may hold, and that JSON does not escape by itself."""


class SqsFailureQueue:
    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def keep(self, record: Mapping[str, Any], cause: str) -> None:
        """Keep `record`: a DynamoDB item has 400 KB, a message takes 1 MiB, two images fit."""
        body = {"cause": cause[:_LONGEST_CAUSE], "record": record}
        # Escaped to ASCII, text in other scripts would take up to three times its place.
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str)
        for forbidden in _FORBIDDEN:
            text = text.replace(forbidden, f"\\u{ord(forbidden):04x}")
        self._client.send_message(QueueUrl=self._url, MessageBody=text)
