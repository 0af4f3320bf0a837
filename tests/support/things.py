"""An entity for tests of the spine: a thing that is made, changed, and counted on its owner."""

from tenantry.messaging.event import Event, EventData
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.persistence.keys import Key
from tenantry.persistence.writes import Change, Create


class ThingChanged(EventData):
    type = "ThingChanged"
    context = "things"

    to: str


def thing_key(name: str = "1", tenant_id: str = "acme") -> Key:
    return {"PK": f"ORG#{tenant_id}", "SK": f"THING#{name}"}


def changed(stamp: Stamp, to: str, event_id: str | None = None) -> Event:
    return stamp.event(ThingChanged(to=to), Cause(), event_id)


def made(stamp: Stamp, name: str = "1", title: str = "new", tenant_id: str = "acme") -> Create:
    """A new thing with its event."""
    attributes = {
        "tenant_id": tenant_id,
        "entity_type": "Thing",
        "entity_id": name,
        "title": title,
    }
    return Create(thing_key(name, tenant_id), attributes, (changed(stamp, title),))


def retitled(
    stamp: Stamp, version: int, title: str, name: str = "1", tenant_id: str = "acme"
) -> Change:
    """The next version of a thing, under another title."""
    return Change(thing_key(name, tenant_id), version, {"title": title}, (changed(stamp, title),))
