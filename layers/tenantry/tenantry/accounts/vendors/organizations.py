"""Adapter: AWS accounts by Organizations alone.

AWS gives an e-mail address to one account ever, so the order's own address is what makes one
account of many requests: a second CreateAccount for it fails with EMAIL_ALREADY_EXISTS or
CONCURRENT_ACCOUNT_MODIFICATION, and what the first one made is found again. A request under way
tells only its account's name, an account tells its address.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from tenantry.accounts.vending import (
    CLOSING_TAG,
    CLOSURES_WITHIN,
    Credentials,
    Errand,
    Order,
    Placement,
    Progress,
    Standing,
    State,
    Vended,
    VendorSettings,
)
from tenantry.accounts.vendors.management import ManagementAccount
from tenantry.errors import GuardrailMissingError, UnavailableError
from tenantry.runtime.services import reached

BUSY: Final = "BUSY"
FULL: Final = "ACCOUNT_LIMIT_EXCEEDED"
CLOSED: Final = "ACCOUNT_CLOSED"

_BUSY: Final = frozenset(
    {
        "ConcurrentModificationException",
        "FinalizingOrganizationException",
        "PolicyChangesInProgressException",
        "ServiceException",
        "TooManyRequestsException",
    }
)
"""Of Organizations: not now. All but ServiceException say that nothing was done."""
_WAITS: Final = frozenset({"create_account", "close_account"})
_NO_ROOM: Final = frozenset(
    {
        "ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED",
        "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
        "CLOSE_ACCOUNT_QUOTA_EXCEEDED",
        "CLOSE_ACCOUNT_REQUESTS_LIMIT_EXCEEDED",
    }
)
"""Reasons of a ConstraintViolationException that time takes away."""
_PASSES: Final = frozenset(
    {"ACCOUNT_LIMIT_EXCEEDED", "CONCURRENT_ACCOUNT_MODIFICATION", "INTERNAL_FAILURE"}
)
"""Of a request that failed: another one may do."""
_OPEN: Final = frozenset({"ACTIVE", "PENDING_ACTIVATION"})
_GONE: Final = frozenset({"AccountNotFoundException"})
_ENDED: Final = frozenset({"AccountAlreadyClosedException", "AccountNotFoundException"})
_SCP: Final = "SERVICE_CONTROL_POLICY"
_WHAT: Final = "AWS Organizations"


class OrganizationsVendor:
    def __init__(
        self,
        management: ManagementAccount,
        settings: VendorSettings,
        now: Callable[[], datetime],
    ) -> None:
        self._management = management
        self._settings = settings
        self._now = now

    # making

    def begin(self, order: Order) -> Progress:
        found = self.look(order)
        if found.state in (State.RUNNING, State.DONE) or found.cause == CLOSED:
            return found
        if cause := self._no_room():
            return Progress(state=State.WAITING, cause=cause)
        try:
            status = self._called(
                "create_account",
                Email=order.email,
                AccountName=order.name,
                RoleName=self._settings.access_role,
                Tags=_tags(order.tags),
            )["CreateAccountStatus"]
        except ClientError as error:
            if cause := _wait(error):
                return Progress(state=State.WAITING, cause=cause)
            if _code(error) == "ConstraintViolationException":
                return Progress(state=State.FAILED, cause=_reason(error))
            raise
        if status["State"] == "FAILED":
            # Another request for the same order may have been faster.
            return self.look(order, status["Id"])
        return self._of_status(order, status) or self.look(order)

    def look(self, order: Order, request: str | None = None) -> Progress:
        asked = self._status(request) if request else None
        if asked and (progress := self._of_status(order, asked)):
            return progress
        statuses = self._statuses("IN_PROGRESS", "SUCCEEDED", "FAILED")
        own = [each for each in statuses if each.get("AccountName") == order.name]
        for state in ("SUCCEEDED", "IN_PROGRESS"):
            for each in own:
                if each["State"] == state and (progress := self._of_status(order, each)):
                    return progress
        if progress := self._by_email(order):
            return progress
        failed = [each for each in (*own, *([asked] if asked else [])) if each["State"] == "FAILED"]
        if not failed:
            return Progress(state=State.WAITING)
        latest = max(failed, key=lambda each: each["RequestedTimestamp"])
        cause = latest.get("FailureReason", "UNKNOWN")
        passes = State.WAITING if cause in _PASSES else State.FAILED
        return Progress(state=passes, request=latest["Id"], cause=cause)

    def _no_room(self) -> str | None:
        if self._making() >= self._settings.most_creations:
            return BUSY
        most = self._settings.most_accounts
        if most and sum(1 for _ in self._accounts()) >= most:
            return FULL
        return None

    def _making(self) -> int:
        return sum(1 for _ in self._statuses("IN_PROGRESS"))

    def _by_email(self, order: Order) -> Progress | None:
        for account in self._accounts():
            if _same(account["Email"], order.email):
                return _of_account(account)
        return None

    def _of_status(self, order: Order, status: Mapping[str, Any]) -> Progress | None:
        """How far a request is; None when it failed, or made somebody else's account."""
        if status["State"] == "IN_PROGRESS":
            return Progress(state=State.RUNNING, request=status["Id"])
        if status["State"] != "SUCCEEDED":
            return None
        account = self._account(status["AccountId"])
        if account is None or not _same(account["Email"], order.email):
            return None
        return _of_account(account, status["Id"])

    def _standing(self, aws_account_id: str) -> Progress:
        account = self._account(aws_account_id)
        if account is None:
            return Progress(state=State.FAILED, aws_account_id=aws_account_id, cause=CLOSED)
        return _of_account(account)

    # placing

    def place(self, order: Order, aws_account_id: str) -> Placement:
        self._move(aws_account_id, order.unit)
        self._tag(aws_account_id, order.tags)
        policies = self._policies(aws_account_id)
        required = self._settings.required_policy
        if required and required not in policies:
            raise GuardrailMissingError(f"{required} is not in effect for {aws_account_id}.")
        return Placement(unit=order.unit, policies=policies)

    def access(self, aws_account_id: str, errand: Errand) -> Credentials:
        return self._management.enter(aws_account_id, errand)

    # ending

    def standing(self, aws_account_id: str) -> Standing:
        account = self._account(aws_account_id)
        if account is None:
            return Standing.GONE
        return Standing.OPEN if _state(account) in _OPEN else Standing.CLOSED

    def withdraw(self, order: Order) -> Progress:  # noqa: ARG002 - whatever was ordered
        """Of a request that failed Organizations keeps nothing but the answer."""
        return Progress(state=State.DONE)

    def release(self, aws_account_id: str) -> Progress:
        """Nothing governs an account that Organizations made but the organisation."""
        return Progress(state=State.DONE, aws_account_id=aws_account_id)

    def quarantine(self, aws_account_id: str) -> None:
        self._move(aws_account_id, self._settings.quarantine_unit)

    def close(self, aws_account_id: str) -> Progress:
        account = self._account(aws_account_id)
        if account is None or _state(account) in ("SUSPENDED", "CLOSED"):
            return Progress(state=State.DONE, aws_account_id=aws_account_id)
        running = Progress(state=State.RUNNING, aws_account_id=aws_account_id)
        if _state(account) == "PENDING_CLOSURE":
            return running
        waiting = Progress(state=State.WAITING, aws_account_id=aws_account_id)
        if self._closures() >= self._settings.most_closures:
            return waiting.model_copy(update={"cause": "CLOSE_ACCOUNT_QUOTA_EXCEEDED"})
        try:
            self._tag(aws_account_id, {CLOSING_TAG: self._now().isoformat()})
            self._called("close_account", AccountId=aws_account_id)
        except ClientError as error:
            if cause := _wait(error):
                return waiting.model_copy(update={"cause": cause})
            if _code(error) in _ENDED:
                return self.close(aws_account_id)
            raise
        return running

    def _closures(self) -> int:
        """Closures that count. What nobody dated, as somebody else closed it, counts as one of
        today: AWS counts it too, and does not say since when."""
        since = (self._now() - CLOSURES_WITHIN).isoformat()
        shut = [each for each in self._accounts() if _state(each) not in _OPEN]
        if len(shut) < self._settings.most_closures:
            return len(shut)
        return sum(self._tags_of(each["Id"]).get(CLOSING_TAG, since) >= since for each in shut)

    # finding

    def find(self, tenant_id: str) -> list[Vended]:
        return [each for each in self.accounts() if each.tenant_id == tenant_id]

    def quarantined(self) -> list[Vended]:
        there = self._pages(
            "list_accounts_for_parent", "Accounts", ParentId=self._settings.quarantine_unit
        )
        return self._ours(each for each in there if _state(each) in _OPEN)

    def accounts(self) -> list[Vended]:
        return self._ours(self._accounts())

    def _ours(self, accounts: Iterable[Mapping[str, Any]]) -> list[Vended]:
        enrolled = self._enrolled()
        found = []
        for account in accounts:
            tags = self._tags_of(account["Id"])
            if self._settings.owns(account["Email"], tags):
                found.append(
                    Vended(
                        aws_account_id=account["Id"],
                        name=account["Name"],
                        email=account["Email"],
                        is_open=_state(account) in _OPEN,
                        is_enrolled=not enrolled.isdisjoint({account["Id"], account["Name"]}),
                        tags=tags,
                    )
                )
        return found

    def _enrolled(self) -> frozenset[str]:
        """Ids and names of accounts that something governs."""
        return frozenset()

    # Organizations

    def _move(self, aws_account_id: str, unit: str) -> None:
        parent = self._parent(aws_account_id)
        if parent in (unit, None):
            return  # it is there, or gone
        try:
            self._called(
                "move_account",
                AccountId=aws_account_id,
                SourceParentId=parent,
                DestinationParentId=unit,
            )
        except ClientError as error:
            # It is there, by an answer that was lost or by somebody else's call.
            if _code(error) != "DuplicateAccountException":
                raise

    def _parent(self, child: str) -> str | None:
        try:
            parents = self._called("list_parents", ChildId=child)["Parents"]
        except ClientError as error:
            if _code(error) == "ChildNotFoundException":
                return None
            raise
        return str(parents[0]["Id"]) if parents else None

    def _policies(self, aws_account_id: str) -> tuple[str, ...]:
        """Those of the account and of every unit above it: each of them is in effect."""
        found: list[str] = []
        target: str | None = aws_account_id
        while target:
            pages = self._pages(
                "list_policies_for_target", "Policies", TargetId=target, Filter=_SCP
            )
            found += [each["Id"] for each in pages]
            target = None if target.startswith("r-") else self._parent(target)
        return tuple(dict.fromkeys(found))

    def _tag(self, aws_account_id: str, tags: Mapping[str, str]) -> None:
        there = self._tags_of(aws_account_id)
        if missing := {key: tag for key, tag in tags.items() if there.get(key) != tag}:
            self._called("tag_resource", ResourceId=aws_account_id, Tags=_tags(missing))

    def _tags_of(self, aws_account_id: str) -> dict[str, str]:
        pages = self._pages("list_tags_for_resource", "Tags", ResourceId=aws_account_id)
        return {each["Key"]: each["Value"] for each in pages}

    def _account(self, aws_account_id: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = self._called("describe_account", AccountId=aws_account_id)
        except ClientError as error:
            if _code(error) in _GONE:
                return None
            raise
        account: Mapping[str, Any] = found["Account"]
        return account

    def _accounts(self) -> Iterator[Mapping[str, Any]]:
        return self._pages("list_accounts", "Accounts")

    def _status(self, request: str) -> Mapping[str, Any] | None:
        try:
            answer = self._called("describe_create_account_status", CreateAccountRequestId=request)
        except ClientError as error:
            if _code(error) == "CreateAccountStatusNotFoundException":
                return None
            raise
        status: Mapping[str, Any] = answer["CreateAccountStatus"]
        return status

    def _statuses(self, *states: str) -> Iterator[Mapping[str, Any]]:
        return self._pages(
            "list_create_account_status", "CreateAccountStatuses", States=list(states)
        )

    def _pages(self, operation: str, of: str, **request: Any) -> Iterator[Mapping[str, Any]]:
        """Pages may be empty and still have a next one."""
        more: dict[str, str] = {}
        while True:
            page = self._called(operation, **request, **more)
            yield from page[of]
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}

    def _called(self, operation: str, **request: Any) -> Any:
        with reached(_WHAT), _refusals(operation):
            return getattr(self._management.organizations, operation)(**request)


@contextmanager
def _refusals(operation: str) -> Iterator[None]:
    """What is refused for now, as unavailable; making and closing say so as a wait themselves."""
    try:
        yield
    except ClientError as error:
        waits = operation in _WAITS and _code(error) != "ServiceException"
        if _code(error) in _BUSY and not waits:
            raise UnavailableError(f"{_WHAT} is busy right now; try again.") from error
        raise


def _wait(error: ClientError) -> str | None:
    """Why it has to wait; None for an error that no time takes away."""
    if _code(error) == "ConstraintViolationException" and _reason(error) in _NO_ROOM:
        return _reason(error)
    return BUSY if _code(error) in _BUSY else None


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def _reason(error: ClientError) -> str:
    """Which limit: Organizations says it beside the message."""
    return str(error.response.get("Reason", "CONSTRAINT_VIOLATION"))


def _state(account: Mapping[str, Any]) -> str:
    """`Status` is what it was called until September 2026."""
    return str(account.get("State") or account["Status"])


def _of_account(account: Mapping[str, Any], request: str | None = None) -> Progress:
    state = _state(account)
    if state == "ACTIVE":
        return Progress(state=State.DONE, aws_account_id=account["Id"], request=request)
    if state in _OPEN:
        return Progress(state=State.RUNNING, request=request)
    return Progress(state=State.FAILED, aws_account_id=account["Id"], cause=CLOSED)


def _same(one: str, other: str) -> bool:
    """E-mail addresses: AWS lowers them."""
    return one.lower() == other.lower()


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": tag} for key, tag in tags.items()]
