"""Steps of moves, each with the ports that it uses, and the sweep for the copies they leave."""

from datetime import timedelta
from functools import cache
from typing import Any, cast

from tenantry.accounts.bootstrap import private_stacks
from tenantry.accounts.bootstrap.data import copies as tenant_copies
from tenantry.accounts.bootstrap.data import data
from tenantry.accounts.bootstrap.steps import provisioning_with
from tenantry.accounts.bootstrap.tree import tree
from tenantry.accounts.moving import Moving
from tenantry.accounts.repository import TenantCopies
from tenantry.bootstrap import settings


@cache
def routing() -> Moving:
    """For steps that work on the ledger and the organisation alone."""
    return _moving()


@cache
def copying() -> Moving:
    return _moving(copies=tenant_copies(), data=data())


@cache
def undoing_moves() -> Moving:
    return _moving(copies=tenant_copies(), stacks=private_stacks.removable())


@cache
def retiring() -> Moving:
    return _moving(copies=tenant_copies(), stacks=private_stacks.removable(), tree=tree())


def _moving(copies: Any = None, **ports: Any) -> Moving:
    return Moving(
        provisioning=provisioning_with(**ports),
        copies=cast("TenantCopies", copies),
        settle=_seconds("MOVE_SETTLE_SECONDS"),
        confirmed_within=_seconds("MOVE_CONFIRM_SECONDS"),
        kept=_seconds("MOVE_KEPT_SECONDS"),
    )


def _seconds(name: str) -> timedelta:
    return timedelta(seconds=settings().number(name, 0))
