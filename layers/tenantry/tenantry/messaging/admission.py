"""Changes that organisations' own AWS accounts tell of, let onto the bus of all.

An account tells what its table's stream told it. It is believed of its own organisation, and of
what contexts declare to lie in a tenant's table and to tell of itself (`tenancy.holdings`): nothing
it says can look like a change of the platform's own.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tenantry.errors import CorruptDataError, ForbiddenError, UnavailableError
from tenantry.messaging.changes import envelopes
from tenantry.messaging.delivery import Senders
from tenantry.messaging.event import Envelope
from tenantry.messaging.publisher import EventBus

SOURCE: Final = "tenantry.changes"
KIND: Final = "ItemChanged"


@dataclass(frozen=True)
class Admission:
    senders: Senders
    bus: EventBus
    believed: Collection[tuple[str, str, str]]
    """What may be told: type of entity, context and type of event."""

    def admit(self, body: str) -> list[Envelope]:
        """Publish the events of a change; answers what was published.

        CorruptDataError for what is no change, ForbiddenError for an account that may not speak
        for the organisation or of such a thing, UnavailableError when the bus does not take it:
        all of it comes again, and consumers know events by their ids.
        """
        account, record = _told(body)
        found = envelopes(record)
        for each in found:
            if each.tenant_id is None or not self.senders.may_speak(account, each.tenant_id):
                raise ForbiddenError(f"account {account} does not speak for this organisation")
            if (each.entity_type, each.context, each.type) not in self.believed:
                raise ForbiddenError(f"nothing in tenants' tables tells {each.context} {each.type}")
        if self.bus.publish(found):
            raise UnavailableError("The bus did not take every event; try again.")
        return found


def _told(body: str) -> tuple[str, Mapping[str, Any]]:
    """Whose account it is, as EventBridge says, and the stream's record."""
    try:
        event = json.loads(body)
        account, detail = str(event["account"]), event["detail"]
        kind = (event["source"], event["detail-type"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptDataError(f"not a change: {type(error).__name__}") from error
    if kind != (SOURCE, KIND) or not isinstance(detail, dict):
        raise CorruptDataError("not a change of a table")
    return account, detail
