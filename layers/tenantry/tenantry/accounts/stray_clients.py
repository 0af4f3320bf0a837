"""Clients of the user pool's that nobody acts by: removed, so that the pool's room is not used up.

One is left where a client was made and never bound, since the answer was lost or a request broke
off, and where one that is over could not be removed. What is bound, or new, is left alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tenantry.accounts.repository import AccountRepository, MachineClients, Machines

_NEW: Final = timedelta(hours=1)
"""Whoever has made one binds it within a minute, or never."""
_MOST: Final = 200
"""Removals in one run: Cognito takes few a second."""


@dataclass(frozen=True)
class Swept:
    """`removed` are gone; `waiting` are left to the next run."""

    removed: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class StrayClients:
    """`report` is told of each that was removed: its id, and its account's."""

    clients: MachineClients
    accounts: AccountRepository
    machines: Machines
    now: Callable[[], datetime]
    report: Callable[[str, str], None] = lambda _client_id, _account_id: None

    def sweep(self) -> Swept:
        """Look through the whole pool, page by page, and remove what nobody acts by."""
        left = self._without_a_program()
        removed = waiting = 0
        for client_id, account_id in left.items():
            if removed == _MOST:
                break
            made_at = self.clients.made_at(client_id)
            if made_at is None:
                continue
            if self.now() - made_at < _NEW:
                waiting += 1
                continue
            self.clients.remove(client_id)
            self.report(client_id, account_id)
            removed += 1
        return Swept(removed, waiting)

    def _without_a_program(self) -> dict[str, str]:
        """By their ids, with their accounts'; all of it is known before anything is removed."""
        left: dict[str, str] = {}
        after = None
        while True:
            page, after = self.clients.page(after)
            acting = self._acting(page)
            left |= {its: account for its, account in page.items() if its not in acting}
            if after is None:
                return left

    def _acting(self, page: dict[str, str]) -> set[str]:
        """Two reads for a page. What comes to act meanwhile is new, and is left alone for it."""
        now = self.now()
        tenants = self.accounts.tenants(set(page.values()))
        who = [(tenants[account], its) for its, account in page.items() if account in tenants]
        return {each.client_id for each in self.machines.those(who) if each.lasts(now)}
