"""The step that tries the door of an organisation's own AWS account, as the platform's role."""

import secrets
from functools import cache
from typing import Any, cast

from tenantry.accounts.bootstrap.data import sessions
from tenantry.accounts.bootstrap.steps import provisioning_with
from tenantry.accounts.own_accounts import OwnAccounts
from tenantry.accounts.provisioning import Provisioning
from tenantry.accounts.tenant_data import TenantEntrance


@cache
def entering() -> Provisioning:
    """Without whoever makes AWS accounts: here their administrator's role is used no more."""
    own = OwnAccounts(
        vendor=cast("Any", None),
        settings=cast("Any", None),
        entrance=TenantEntrance(sessions()),
        guess=lambda: secrets.token_urlsafe(48),
    )
    return provisioning_with(own=own)
