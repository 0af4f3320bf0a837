"""Adapter: the baselines of organisations' own AWS accounts, set up as their administrator.

Before the stack is asked for, its account's external id is made and the entrance bus lets the
account in; both go again when nothing of the stack is left. The administrator's role is used for
the stack and for nothing else: each session with it may do what it is opened for.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

from tenantry.accounts.model import Account, Names, ProvisioningStatus, StackEvent
from tenantry.accounts.own_accounts import is_closed
from tenantry.accounts.repository import Entrance, ExternalIds, Stack, Stacks
from tenantry.accounts.vending import AccountVendor, Credentials, Errand, Purpose
from tenantry.errors import AccountShutError
from tenantry.runtime.services import reached

RECORDER_ROLE: Final = "AWSServiceRoleForConfig"
"""AWS Config's own, of which an account has one."""

_MARGIN: Final = timedelta(minutes=5)
_WATCHERS: Final = ("MakesTrail", "MakesRecorder", "MakesRecorderRole", "MakesDetector")


@dataclass(frozen=True)
class Inside:
    """Clients of an administrator's session in an AWS account."""

    cloudformation: Any
    dynamodb: Any
    s3: Any
    cloudtrail: Any = None
    config: Any = None
    guardduty: Any = None
    iam: Any = None


class DedicatedStacks:
    """`stacks` are CloudFormation's over there; `parameters` says what the template takes of an
    account with its external id; `looks` is whether the account is asked what watches it already.
    """

    def __init__(
        self,
        prefix: str,
        vendor: AccountVendor,
        connect: Callable[[Credentials], Inside],
        now: Callable[[], datetime],
        *,
        ids: ExternalIds,
        bus: Entrance,
        stacks: Callable[[Inside, Callable[[Account], Mapping[str, str]]], Stacks],
        parameters: Callable[[Account, str], Mapping[str, str]] = lambda _account, _id: {},
        looks: bool = True,
    ) -> None:
        self._prefix = prefix
        self._vendor = vendor
        self._connect = connect
        self._now = now
        self._ids = ids
        self._bus = bus
        self._made_of = stacks
        self._parameters = parameters
        self._looks = looks
        self._kept: tuple[Purpose, Credentials, Inside] | None = None
        self._lock = threading.Lock()

    def create(self, account: Account, token: str) -> None:
        inside = self._inside(account, Purpose.SETTING_UP)
        external = self._ids.made(account)
        self._bus.let_in(account)
        given = {**self._parameters(account, external), **self._watchers(inside)}
        self._stacks(inside, lambda _account: given).create(account, token)

    def find(self, account: Account) -> Stack | None:
        return self._stacks(self._inside(account, Purpose.LOOKING)).find(account)

    def events(self, account: Account) -> list[StackEvent]:
        return self._stacks(self._inside(account, Purpose.LOOKING)).events(account)

    def remove(self, account: Account) -> bool:
        """One that is closed is closed with all it has, and one that was too new to be entered has
        nothing of ours. AccountShutError when one that ends is open and lets nobody in."""
        if account.aws_account_id is not None:
            try:
                inside = self._inside(account, Purpose.ENDING)
                if not self._stacks(inside).remove(account):
                    return False
            except AccountShutError:
                ends = account.status is ProvisioningStatus.DELETING
                if ends and not is_closed(self._vendor, account):
                    raise
        self._bus.shut(account)
        self._ids.remove(account)
        return True

    # inside

    def _stacks(
        self,
        inside: Inside,
        parameters: Callable[[Account], Mapping[str, str]] = lambda _account: {},
    ) -> Stacks:
        return self._made_of(inside, parameters)

    def _inside(self, account: Account, purpose: Purpose) -> Inside:
        if account.aws_account_id is None:
            raise AccountShutError("The account has no AWS account of its own.")
        with self._lock:
            if self._kept is not None:
                opened_for, credentials, inside = self._kept
                if (
                    opened_for is purpose
                    and credentials.aws_account_id == account.aws_account_id
                    and credentials.until - _MARGIN > self._now()
                ):
                    return inside
            errand = Errand(purpose, Names.of(self._prefix, account).own)
            credentials = self._vendor.access(account.aws_account_id, errand)
            inside = self._connect(credentials)
            self._kept = (purpose, credentials, inside)
            return inside

    def _watchers(self, inside: Inside) -> dict[str, str]:
        """Which of what watches an account is to be made, as the account has none."""
        if not self._looks:
            return dict.fromkeys(_WATCHERS, "false")
        with reached("The organisation's own AWS account"):
            there = {
                "MakesTrail": inside.cloudtrail.describe_trails()["trailList"],
                "MakesRecorder": inside.config.describe_configuration_recorders()[
                    "ConfigurationRecorders"
                ],
                "MakesRecorderRole": _has_role(inside.iam, RECORDER_ROLE),
                "MakesDetector": inside.guardduty.list_detectors()["DetectorIds"],
            }
        return {name: "false" if found else "true" for name, found in there.items()}


def _has_role(iam: Any, name: str) -> bool:
    try:
        iam.get_role(RoleName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchEntity":
            return False
        raise
    return True
