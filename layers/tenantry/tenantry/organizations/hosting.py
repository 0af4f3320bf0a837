"""Where an organisation's data lives, for the context that provides it: its route and its epoch.

The route has a version of its own, the epoch. It moves without a new `entity_version`, like the
counters: who changes the organisation's name does not get in the way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tenantry.messaging.event import Event
from tenantry.organizations.model import PlanName
from tenantry.organizations.repository import OrganizationRepository
from tenantry.persistence.keys import organization_key
from tenantry.persistence.writes import Assign, Change, Write
from tenantry.tenancy.access import OrganizationStatus


@dataclass(frozen=True)
class Hosted:
    """An organisation, as far as its hosting goes."""

    tenant_id: str
    status: OrganizationStatus
    route: dict[str, str] = field(default_factory=dict)
    route_epoch: int = 1
    entity_version: int = 1
    holds_data: bool = False
    """Whether it has projects or files already."""
    plan: PlanName = PlanName.FREE
    """The one that it is on for good: a trial's is not."""


@dataclass(frozen=True)
class OrganizationHosting:
    organizations: OrganizationRepository

    def find(self, tenant_id: str) -> Hosted | None:
        """The organisation, strongly consistent."""
        found = self.organizations.get(tenant_id)
        if found is None:
            return None
        return Hosted(
            tenant_id=tenant_id,
            status=found.status,
            route=found.route,
            route_epoch=found.route_epoch,
            entity_version=found.entity_version,
            holds_data=bool(found.used_projects or found.used_storage),
            plan=PlanName.FREE if found.on_trial else found.plan,
        )

    def routed(self, hosted: Hosted, route: Mapping[str, str]) -> Write:
        """The next route under the next epoch: whoever writes with an older one is refused."""
        return self._amended(hosted, route, hosted.route_epoch + 1)

    def opened(self, hosted: Hosted, route: Mapping[str, str]) -> Write:
        """The route under the same epoch."""
        return self._amended(hosted, route, hosted.route_epoch)

    def cancelled(self, hosted: Hosted, route: Mapping[str, str], event: Event) -> Write:
        """The end of an organisation that loses its account, and its route as in `routed`.

        One that has ended before is only routed: `event` is not told again.
        """
        if hosted.status is OrganizationStatus.CANCELLED:
            return self.routed(hosted, route)
        return Change(
            organization_key(hosted.tenant_id),
            hosted.entity_version,
            {
                "status": OrganizationStatus.CANCELLED.value,
                "suspended_for": None,
                "updated_at": event.occurred_at.isoformat(),
                "route": dict(route),
                "route_epoch": hosted.route_epoch + 1,
            },
            (event,),
            require={"route_epoch": hosted.route_epoch},
        )

    @staticmethod
    def _amended(hosted: Hosted, route: Mapping[str, str], epoch: int) -> Write:
        return Assign(
            organization_key(hosted.tenant_id),
            {"route": dict(route) or None, "route_epoch": epoch},
            require={"route_epoch": hosted.route_epoch, "route": hosted.route or None},
        )
