"""Adapter: which AWS account is an organisation's own, by the route on its item."""

from tenantry.persistence.keys import organization_key
from tenantry.persistence.table import Table

_SPEAKS = frozenset({"creating", "active", "moving", "closing"})
"""States of a route in which its account may still have something to tell."""


class RegisteredSenders:
    def __init__(self, table: Table) -> None:
        self._table = table

    def may_speak(self, account: str, tenant_id: str | None) -> bool:
        """Whether the organisation's route leads into this account."""
        if not tenant_id:
            return False
        route = (self._table.get(organization_key(tenant_id)) or {}).get("route") or {}
        return (
            route.get("kind") == "dedicated"
            and route.get("state") in _SPEAKS
            and route.get("aws_account") == account
        )
