"""Adapter: the bus's archive, replayed to the rule that fills the audit and to no other."""

from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types_boto3_events.client import EventBridgeClient


class EventBridgeArchive:
    def __init__(
        self, client: "EventBridgeClient", archive_arn: str, bus_arn: str, rule_arn: str
    ) -> None:
        self._client = client
        self._archive_arn = archive_arn
        self._bus_arn = bus_arn
        self._rule_arn = rule_arn

    def replay(self, name: str, start: datetime, end: datetime) -> bool:
        """Some minutes later the events come by the rule; ten replays run at once in a region."""
        try:
            self._client.start_replay(
                ReplayName=name,
                EventSourceArn=self._archive_arn,
                EventStartTime=start,
                EventEndTime=end,
                Destination={"Arn": self._bus_arn, "FilterArns": [self._rule_arn]},
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ResourceAlreadyExistsException":
                return True
            if code != "LimitExceededException":
                raise
            return False
        return True
