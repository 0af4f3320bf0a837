"""The step that tries the door of an organisation's own AWS account, as the platform's role.

Without whoever makes AWS accounts: here their administrator's role is used no more.
"""

from functools import cache

from tenantry.accounts.bootstrap.data import sessions
from tenantry.accounts.bootstrap.steps import provisioning_with
from tenantry.accounts.own_accounts import Guard, external_id
from tenantry.accounts.provisioning import Provisioning
from tenantry.accounts.tenant_data import TenantEntrance


@cache
def entering() -> Provisioning:
    return provisioning_with(guards=Guard(TenantEntrance(sessions()), external_id))
