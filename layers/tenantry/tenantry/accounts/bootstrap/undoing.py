"""Undoing, which reaches whatever any step has made."""

from functools import cache

from tenantry.accounts.bootstrap import private_stacks
from tenantry.accounts.bootstrap.data import data
from tenantry.accounts.bootstrap.own_accounts import dedicated_stacks, own_accounts
from tenantry.accounts.bootstrap.steps import provisioning_with
from tenantry.accounts.bootstrap.technical_users import technical_users
from tenantry.accounts.bootstrap.tree import tree
from tenantry.accounts.provisioning import Provisioning
from tenantry.accounts.stacks import StacksByKind


@cache
def undoing() -> Provisioning:
    return provisioning_with(
        stacks=StacksByKind(private_stacks.removable(), dedicated_stacks()),
        tree=tree(),
        data=data(),
        own=own_accounts(),
        users=technical_users(),
    )
