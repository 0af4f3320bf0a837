"""Who makes AWS accounts, in memory: it takes its time, has no room, and can be made to fail."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tenantry.accounts.vending import (
    CLOSURES_WITHIN,
    Credentials,
    Errand,
    Order,
    Placement,
    Progress,
    Purpose,
    Standing,
    State,
    Vended,
    VendorSettings,
)
from tenantry.errors import AccountShutError, GuardrailMissingError
from tests.support.clock import FakeClock

SETTINGS = VendorSettings(
    deployment="tenantry",
    management_role_arn="arn:aws:iam::111111111111:role/tenantry-vendor",
    external_id="a-shared-word",
    root_email="aws@example.com",
    unit="ou-root-tenants1",
    quarantine_unit="ou-root-quarantine",
    required_policy="p-guardrail",
)
ROOT = "r-root"
LOOKING = Errand(Purpose.LOOKING, "tenantry-acme")


@dataclass
class Made:
    """An account in the making, and after."""

    order: Order
    aws_account_id: str
    left: int
    """Looks until it is there."""
    unit: str = ROOT
    tags: dict[str, str] = field(default_factory=dict)
    enrolled: bool = False
    leaving: int = 0
    """Looks until it is no longer enrolled, or closed."""
    closed_at: datetime | None = None
    closed: bool = False

    @property
    def is_there(self) -> bool:
        return self.left <= 0


@dataclass
class FakeVendor:
    """An `AccountVendor`. `takes` looks make an account, as many release and close it.

    `refuses` gives causes with which the next orders fail; `before` and `after` are called with
    the name of every call and may raise: an error before it works, a lost answer after.
    """

    settings: VendorSettings = SETTINGS
    clock: Callable[[], datetime] = field(default_factory=FakeClock)
    takes: int = 1
    refuses: list[str] = field(default_factory=list)
    is_busy: bool = False
    policies: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {ROOT: ("p-FullAWSAccess",), SETTINGS.unit: ("p-guardrail",)}
    )
    """What is attached to a unit."""
    before: Callable[[str], None] = lambda _name: None
    after: Callable[[str], None] = lambda _name: None
    made: dict[str, Made] = field(default_factory=dict)
    """By e-mail address."""
    failed: dict[str, str] = field(default_factory=dict)
    left_of: set[str] = field(default_factory=set)
    """Addresses of orders of which something is left although they made no account."""
    calls: list[str] = field(default_factory=list)
    errands: list[Errand] = field(default_factory=list)
    """What sessions were opened for."""
    _lock: Any = field(default_factory=threading.RLock)

    def begin(self, order: Order) -> Progress:
        return self._called("begin", lambda: self._begin(order))

    def look(self, order: Order, request: str | None = None) -> Progress:
        return self._called("look", lambda: self._look(order))

    def place(self, order: Order, aws_account_id: str) -> Placement:
        return self._called("place", lambda: self._place(order, aws_account_id))

    def access(self, aws_account_id: str, errand: Errand) -> Credentials:
        def enter() -> Credentials:
            credentials = self._access(aws_account_id)
            self.errands.append(errand)
            return credentials

        return self._called("access", enter)

    def withdraw(self, order: Order) -> Progress:
        """What is left of it goes in a look."""

        def left() -> Progress:
            if order.email in self.left_of:
                self.left_of.remove(order.email)
                return Progress(state=State.RUNNING)
            return Progress(state=State.DONE)

        return self._called("withdraw", left)

    def release(self, aws_account_id: str) -> Progress:
        return self._called("release", lambda: self._release(aws_account_id))

    def standing(self, aws_account_id: str) -> Standing:
        def stands() -> Standing:
            its = self._of(aws_account_id)
            if its is None:
                return Standing.GONE
            return Standing.CLOSED if its.closed_at else Standing.OPEN

        return self._called("standing", stands)

    def quarantine(self, aws_account_id: str) -> None:
        def move() -> None:
            if its := self._of(aws_account_id):
                its.unit = self.settings.quarantine_unit

        self._called("quarantine", move)

    def close(self, aws_account_id: str) -> Progress:
        return self._called("close", lambda: self._close(aws_account_id))

    def find(self, tenant_id: str) -> list[Vended]:
        return [each for each in self._called("find", self._ours) if each.tenant_id == tenant_id]

    def quarantined(self) -> list[Vended]:
        unit = self.settings.quarantine_unit
        lie_there = {m.aws_account_id for m in self.made.values() if m.unit == unit}
        found = self._called("quarantined", self._ours)
        return [each for each in found if each.is_open and each.aws_account_id in lie_there]

    def accounts(self) -> list[Vended]:
        return self._called("accounts", self._ours)

    # inside

    def _called[T](self, name: str, work: Callable[[], T]) -> T:
        with self._lock:
            self.calls.append(name)
            self.before(name)
            result = work()
            self.after(name)
            return result

    def _begin(self, order: Order) -> Progress:
        if order.email in self.made:
            return self._look(order)
        if self.is_busy or self._in_the_making() >= self.settings.most_creations:
            return Progress(state=State.WAITING, cause="BUSY")
        if self.settings.most_accounts and len(self.made) >= self.settings.most_accounts:
            return Progress(state=State.WAITING, cause="ACCOUNT_LIMIT_EXCEEDED")
        if self.refuses:
            cause = self.failed[order.email] = self.refuses.pop(0)
            return Progress(state=State.FAILED, cause=cause)
        number = f"{300000000000 + len(self.made) + 1}"
        self.made[order.email] = Made(order, number, self.takes, tags=dict(order.tags))
        self.failed.pop(order.email, None)
        return Progress(state=State.RUNNING, request=f"car-{number}")

    def _in_the_making(self) -> int:
        return sum(not each.is_there for each in self.made.values())

    def _look(self, order: Order) -> Progress:
        its = self.made.get(order.email)
        if its is None:
            cause = self.failed.get(order.email)
            return Progress(state=State.FAILED if cause else State.WAITING, cause=cause)
        if its.closed_at:
            return Progress(
                state=State.FAILED, aws_account_id=its.aws_account_id, cause="ACCOUNT_CLOSED"
            )
        its.left -= 1
        if its.left > 0:
            return Progress(state=State.RUNNING, request=f"car-{its.aws_account_id}")
        return Progress(state=State.DONE, aws_account_id=its.aws_account_id)

    def _place(self, order: Order, aws_account_id: str) -> Placement:
        its = self._of(aws_account_id)
        assert its
        its.unit = order.unit
        its.tags = {**its.tags, **order.tags}
        policies = (*self.policies.get(ROOT, ()), *self.policies.get(its.unit, ()))
        if self.settings.required_policy and self.settings.required_policy not in policies:
            raise GuardrailMissingError(f"{self.settings.required_policy} is not in effect.")
        return Placement(unit=its.unit, policies=policies)

    def _access(self, aws_account_id: str) -> Credentials:
        its = self._of(aws_account_id)
        if its is None or its.closed_at or not its.is_there:
            raise AccountShutError(f"Nobody can enter {aws_account_id}.")
        until = self.clock() + timedelta(hours=1)
        return Credentials(aws_account_id, aws_account_id, "secret", "token", until)

    def _release(self, aws_account_id: str) -> Progress:
        its = self._of(aws_account_id)
        if its and its.enrolled:
            its.leaving += 1
            if its.leaving <= self.takes:
                return Progress(state=State.RUNNING, aws_account_id=aws_account_id)
            its.enrolled, its.leaving = False, 0
        return Progress(state=State.DONE, aws_account_id=aws_account_id)

    def _close(self, aws_account_id: str) -> Progress:
        its = self._of(aws_account_id)
        if its and its.closed_at is None:
            since = self.clock() - CLOSURES_WITHIN
            closed = [each.closed_at for each in self.made.values() if each.closed_at]
            if sum(at > since for at in closed) >= self.settings.most_closures:
                return Progress(
                    state=State.WAITING,
                    aws_account_id=aws_account_id,
                    cause="CLOSE_ACCOUNT_QUOTA_EXCEEDED",
                )
            its.closed_at = self.clock()
        if its and not its.closed:
            its.leaving += 1
            its.closed = its.leaving > self.takes
        state = State.DONE if its is None or its.closed else State.RUNNING
        return Progress(state=state, aws_account_id=aws_account_id)

    def _ours(self) -> list[Vended]:
        return [each for each in self._all() if self.settings.owns(each.email, each.tags)]

    def _all(self) -> list[Vended]:
        return [
            Vended(
                aws_account_id=each.aws_account_id,
                name=each.order.name,
                email=email,
                is_open=each.closed_at is None,
                is_enrolled=each.enrolled,
                tags=each.tags,
            )
            for email, each in self.made.items()
            if each.is_there
        ]

    def _of(self, aws_account_id: str) -> Made | None:
        return next((m for m in self.made.values() if m.aws_account_id == aws_account_id), None)
