"""What arrives from the bus: an EventBridge event, believed only if its sender is known."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import ValidationError

from tenantry.errors import CorruptDataError, ForbiddenError
from tenantry.messaging.event import Envelope


class Senders(Protocol):
    """Port: which AWS account may speak for an organisation."""

    def may_speak(self, account: str, tenant_id: str | None) -> bool: ...


@dataclass(frozen=True)
class PlatformSenders:
    """Only the platform's own account speaks, for every organisation."""

    account: str

    def may_speak(self, account: str, tenant_id: str | None) -> bool:  # noqa: ARG002 - port's shape
        return account == self.account


def received(body: str | Mapping[str, Any], senders: Senders) -> Envelope:
    """The envelope of an EventBridge event (a queue message's body, or the event itself).

    CorruptDataError when it is none, ForbiddenError when its account may not speak for the tenant:
    EventBridge itself writes `account`, a sender cannot choose it.
    """
    try:
        event = json.loads(body) if isinstance(body, str) else body
        envelope = Envelope.model_validate(event["detail"])
        account, source, kind = event["account"], event["source"], event["detail-type"]
    except (ValidationError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptDataError(f"not an event of this product: {type(error).__name__}") from error
    if (source, kind) != (f"tenantry.{envelope.context}", envelope.type):
        raise CorruptDataError("the envelope and its event name different types")
    if not senders.may_speak(account, envelope.tenant_id):
        raise ForbiddenError(f"account {account} does not speak for this organisation")
    return envelope
