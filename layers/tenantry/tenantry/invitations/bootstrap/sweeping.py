"""The sweep of what is due."""

from functools import cache

from tenantry.bootstrap import platform_table, stamp
from tenantry.invitations.bootstrap.repository import invitations_in
from tenantry.invitations.sweep import InvitationSweep
from tenantry.runtime.observability import left_aside


@cache
def invitation_sweep() -> InvitationSweep:
    return InvitationSweep(invitations_in(platform_table()), stamp(), report=left_aside)
