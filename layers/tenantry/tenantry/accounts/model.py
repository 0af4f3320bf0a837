"""Accounts: where an organisation's data lives, and the ledger of the operations that change it.

An operation is a list of steps. A step is written down before it is done and after, so whoever
finds the ledger knows what may be there. What was done is undone newest first, until the operation
is committed: from then on the organisation may write into what was made, and it only goes forward.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from tenantry.errors import ConflictError
from tenantry.runtime.inputs import IdempotencyKey, Input, Line, fingerprint
from tenantry.tenancy.roles import OWNERS, Permission

# permissions

ACCOUNT_READ: Final = Permission("account:read", OWNERS, writes=False, scope="accounts.read")
ACCOUNT_MANAGE: Final = Permission("account:manage", OWNERS)
ACCOUNT_CREDENTIALS: Final = Permission("account:credentials", OWNERS, support=False)
"""What opens the organisation to programs: the vendor hands it to nobody."""

SCOPES: Final = ("accounts.read", "entitlements.read", "usage.read")
"""What a technical user may, of the scopes of the product's resource server."""

# times

STALE_AFTER: Final = timedelta(minutes=5)
"""Without a heartbeat for this long an operation is looked after: no task takes longer."""
GIVEN_UP_AFTER: Final = timedelta(minutes=30)
"""An execution that runs but says nothing for this long is stopped."""
MOST_RESUMES: Final = 3
"""How often an operation is taken up again by itself; then it is undone."""
MOST_AT_ONCE: Final = 10
"""Operations that run at a time; others wait in the order in which they came."""
APPROVED_WITHIN: Final = timedelta(days=7)
"""How long a teardown waits for its approval."""
GRACE: Final = timedelta(days=7)
"""How long after its approval a teardown may be cancelled, where nothing else is configured."""
OLD_CREDENTIALS_LAST: Final = timedelta(days=1)
"""How long programs have to take up new credentials, where they are given no other time."""


class CloudType(StrEnum):
    PUBLIC = "public"
    PRIVATE = "private"
    DEDICATED = "dedicated"


class ProvisioningStatus(StrEnum):
    PENDING = "pending"
    CREATING = "creating"
    ACTIVE = "active"
    FAILED = "failed"
    DELETING = "deleting"
    DELETED = "deleted"


_NEXT: Final = {
    ProvisioningStatus.PENDING: {"creating", "failed", "deleted"},
    ProvisioningStatus.CREATING: {"active", "failed", "deleted"},
    ProvisioningStatus.ACTIVE: {"deleting"},
    ProvisioningStatus.FAILED: {"pending", "deleted", "deleting", "active"},
    ProvisioningStatus.DELETING: {"deleted", "failed", "active"},
    ProvisioningStatus.DELETED: set[str](),
}


class Kind(StrEnum):
    PROVISION = "PROVISION"
    TEARDOWN = "TEARDOWN"
    MOVE = "MOVE"


class StepName(StrEnum):
    VALIDATE = "VALIDATE"
    RESERVE = "RESERVE"
    # of an AWS account of the organisation's own
    VEND = "VEND"
    PLACE = "PLACE"
    CREATE = "CREATE"
    GUARD = "GUARD"
    CONFIGURE = "CONFIGURE"
    SEED = "SEED"
    VERIFY = "VERIFY"
    ACTIVATE = "ACTIVATE"
    ANNOUNCE = "ANNOUNCE"
    # of a move
    BACKFILL = "BACKFILL"
    CATCH_UP = "CATCH_UP"
    FENCE = "FENCE"
    COPY_TAIL = "COPY_TAIL"
    COMPARE = "COMPARE"
    FLIP = "FLIP"
    CONFIRM = "CONFIRM"
    OPEN = "OPEN"
    # teardown
    AWAIT = "AWAIT"
    EXPORT = "EXPORT"
    STOP = "STOP"
    PURGE = "PURGE"
    DELETE = "DELETE"
    RELEASE = "RELEASE"
    CLOSE = "CLOSE"
    INVENTORY = "INVENTORY"
    CERTIFY = "CERTIFY"


@dataclass(frozen=True)
class Course:
    """The steps of a kind of operation: which leave something to undo, and which one commits."""

    steps: tuple[StepName, ...]
    undone: frozenset[StepName]
    commits: StepName


COURSES: Final = {
    Kind.PROVISION: Course(
        steps=(
            StepName.VALIDATE,
            StepName.RESERVE,
            StepName.CREATE,
            StepName.CONFIGURE,
            StepName.SEED,
            StepName.VERIFY,
            StepName.ACTIVATE,
            StepName.ANNOUNCE,
        ),
        undone=frozenset(
            {
                StepName.RESERVE,
                StepName.CREATE,
                StepName.CONFIGURE,
                StepName.SEED,
                StepName.VERIFY,
            }
        ),
        commits=StepName.ACTIVATE,
    ),
    Kind.MOVE: Course(
        steps=(
            StepName.VALIDATE,
            StepName.CREATE,
            StepName.VERIFY,
            StepName.BACKFILL,
            StepName.CATCH_UP,
            StepName.FENCE,
            StepName.COPY_TAIL,
            StepName.COMPARE,
            StepName.FLIP,
            StepName.CONFIRM,
            StepName.OPEN,
            StepName.ANNOUNCE,
        ),
        undone=frozenset({StepName.CREATE, StepName.BACKFILL, StepName.FENCE, StepName.FLIP}),
        # Until it is open nobody has written into the copy, so the way back loses nothing.
        commits=StepName.OPEN,
    ),
    Kind.TEARDOWN: Course(
        steps=(
            StepName.AWAIT,
            StepName.EXPORT,
            StepName.STOP,
            StepName.PURGE,
            StepName.DELETE,
            StepName.INVENTORY,
            StepName.CERTIFY,
        ),
        # Until it commits it takes nothing away: giving it up opens the account again, and no more.
        undone=frozenset(),
        commits=StepName.STOP,
    ),
}


def _with(kind: Kind, undone: frozenset[StepName], **steps: tuple[StepName, ...]) -> Course:
    """The course of `kind` with more `steps`, each given by the name of the step that follows."""
    usual = COURSES[kind]
    return replace(
        usual,
        steps=tuple(each for step in usual.steps for each in (*steps.get(step.value, ()), step)),
        undone=usual.undone | undone,
    )


_OF_OWN: Final = {
    # Placing and guarding go with the AWS account, and are done anew with the next one.
    Kind.PROVISION: _with(
        Kind.PROVISION,
        frozenset({StepName.VEND, StepName.PLACE, StepName.GUARD}),
        CREATE=(StepName.VEND, StepName.PLACE),
        CONFIGURE=(StepName.GUARD,),
    ),
    Kind.TEARDOWN: _with(Kind.TEARDOWN, frozenset(), CERTIFY=(StepName.RELEASE, StepName.CLOSE)),
}
"""Where the organisation has an AWS account of its own, that is made and ended too."""


def course(kind: Kind, cloud_type: CloudType) -> Course:
    """The steps of an operation on an account of this kind of hosting."""
    own = _OF_OWN.get(kind) if cloud_type is CloudType.DEDICATED else None
    return own or COURSES[kind]


class StepState(StrEnum):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    UNDOING = "UNDOING"
    UNDONE = "UNDONE"


class OperationStatus(StrEnum):
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPENSATING = "COMPENSATING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


LEFTOVERS: Final = "LEFTOVERS"
"""The code of a teardown that found something where nothing was to be left."""
OPEN: Final = frozenset({OperationStatus.RUNNING, OperationStatus.COMPENSATING})


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


# what there is of an account


class Inventory(_Stored):
    """What the services themselves say there is of an account, at a time.

    `resources` are what has the account's names or tags; whole parts of it are counted.
    """

    items: int = 0
    item_bytes: int = 0
    objects: int = 0
    """Versions of objects, and marks of deleted ones."""
    object_bytes: int = 0
    records: int = 0
    """What the platform's administration holds and contexts do not keep: members, invitations."""
    parameters: int = 0
    resources: tuple[str, ...] = ()
    is_whole: bool = True
    """False where there was more than was counted."""

    going: tuple[str, ...] = ()
    """What AWS itself deletes later, such as keys, and when."""

    def plus(self, other: "Inventory") -> "Inventory":
        """Both counted together; what is named is of this one."""
        counted = ("items", "item_bytes", "objects", "object_bytes", "records")
        return self.model_copy(
            update={each: getattr(self, each) + getattr(other, each) for each in counted}
        )

    @property
    def is_by_tags_alone(self) -> bool:
        """Whether nothing is left but what the index of tags tells of."""
        counted = self.items, self.objects, self.records, self.parameters
        tagged = all(each.startswith("arn:") for each in self.resources)
        return not any(counted) and bool(self.resources) and tagged

    @property
    def is_empty(self) -> bool:
        counted = self.items, self.objects, self.records, self.parameters
        return not (any(counted) or self.resources)


class Sums(_Stored):
    """What a tenant has in a place, so far as it was counted: equal sums, equal contents."""

    items: int = 0
    objects: int = 0
    bytes: int = 0
    checksum: str = ""
    next: str | None = None
    """Where the count goes on."""
    is_whole: bool = False


class Tally(_Stored):
    """How two places have come apart: what is the same in both, what is not, and what one lacks."""

    same: int = 0
    changed: int = 0
    added: int = 0
    """What is in the newer place alone."""
    missing: int = 0
    """What is in the older place alone."""

    def plus(self, other: "Tally") -> "Tally":
        return Tally(
            same=self.same + other.same,
            changed=self.changed + other.changed,
            added=self.added + other.added,
            missing=self.missing + other.missing,
        )


class Differences(_Stored):
    """What an old copy and the place of now do not have in common, so far as it was looked at."""

    items: Tally = Tally()
    objects: Tally = Tally()
    """By their names and sizes: what is encrypted tells no more."""
    next: str | None = None
    """Where the comparison goes on."""
    is_whole: bool = False

    @property
    def is_equal(self) -> bool:
        both = self.items.plus(self.objects)
        return self.is_whole and not (both.changed or both.added or both.missing)


# accounts


class Options(_Stored):
    """`capacity` is the table's way of billing; of a public account `parameters` writes its SSM
    tree, and `own_buckets` gives it buckets that nobody shares."""

    capacity: str = "on-demand"
    parameters: bool = False
    own_buckets: bool = False


class Account(_Stored):
    """An organisation's hosting. One that is not deleted is the organisation's only one."""

    account_id: str
    tenant_id: str
    name: str
    master_account_name: str
    cloud_type: CloudType
    status: ProvisioningStatus = ProvisioningStatus.PENDING
    error: str | None = None
    """Why provisioning failed: a stable code, and words for people."""
    table_name: str | None = None
    aws_account_id: str | None = None
    """The organisation's own AWS account, of a dedicated one that has been made."""
    generation: int = 1
    """Counts AWS accounts: one that failed is closed, and never used again."""
    addresses: tuple[str, ...] = ()
    technical_user: str | None = None
    credentials: int | None = None
    """The number of the program whose credentials were handed out last."""
    licenses: int | None = None
    region: str
    options: Options = Options()
    operation_id: str
    """The operation that was begun last."""
    fingerprint: str
    """Of the request, to tell a repetition from another one."""
    requested_by: str
    retiring: str | None = None
    """The move whose old copy is being removed: nobody moves back to it meanwhile."""
    created_at: datetime
    updated_at: datetime
    entity_version: int = 1

    @property
    def has_own_tree(self) -> bool:
        """Whether other systems find it in the SSM tree."""
        return self.has_stack or self.options.parameters

    @property
    def has_own_buckets(self) -> bool:
        """Whether it shares the table alone."""
        return self.cloud_type is CloudType.PUBLIC and self.options.own_buckets

    @property
    def has_stack(self) -> bool:
        """Whether anything is made for it alone."""
        return self.cloud_type is not CloudType.PUBLIC or self.has_own_buckets

    @property
    def forms(self) -> tuple[Self, ...]:
        """What it may have stacks as: a move leaves that of before for a while."""
        if self.cloud_type is CloudType.DEDICATED:
            return (self,)
        shared = (self.hosted_as(CloudType.PUBLIC),) if self.options.own_buckets else ()
        return (self.hosted_as(CloudType.PRIVATE), *shared)

    def hosted_as(self, cloud_type: CloudType) -> Self:
        """The account as it is, or will be, with hosting of this kind."""
        return self.model_copy(update={"cloud_type": cloud_type})

    def amended(self, now: datetime, **fields: Any) -> Self:
        """The next version, in the same status."""
        return self.model_copy(
            update={**fields, "updated_at": now, "entity_version": self.entity_version + 1}
        )

    def moved(self, status: ProvisioningStatus, now: datetime, **fields: Any) -> Self:
        """The next version, in `status`; ConflictError where no way leads there."""
        if status.value not in _NEXT[self.status]:
            raise ConflictError(f"An account that is {self.status} cannot become {status}.")
        return self.amended(now, **fields, status=status)


# operations


class Step(_Stored):
    """One step as it stands; `error` is the code of its latest failure."""

    name: StepName
    state: StepState = StepState.PENDING
    attempts: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None


NOTHING_COPIED: Final[Mapping[str, Any]] = {
    "position": None,
    "passes": 0,
    "differed": 0,
    "old": None,
    "new": None,
}


class Operation(_Stored):
    """A run of steps on an account, and where it stands.

    `run` counts its executions: what an older one still does is refused. A step that is left in
    RUNNING may have had its effect, so it is undone like one that is DONE.
    """

    operation_id: str
    account_id: str
    tenant_id: str
    kind: Kind = Kind.PROVISION
    cloud_type: CloudType
    own_buckets: bool = False
    """Whether what is public is to have buckets of its own."""
    status: OperationStatus = OperationStatus.PENDING
    steps: tuple[Step, ...]
    run: int = 0
    resumes: int = 0
    cancel_requested: bool = False
    error_code: str | None = None
    error: str | None = None
    approval_id: str | None = None
    """What a second person approves it by; of a teardown only, like what follows."""
    approval_until: datetime | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None
    not_before: datetime | None = None
    """When its grace period ends."""
    asks_again_at: datetime | None = None
    """Of one that is back in the line: when it asks again for what there was no room for."""
    found: Inventory | None = None
    """What was there before it took anything away."""
    copied: int = 0
    """Objects whose latest version is kept with the final export, and their bytes."""
    copied_bytes: int = 0
    people: int = 0
    """Users who were deleted, since they belonged nowhere else."""
    certificate: str | None = None
    """Where its certificate lies."""
    identity: str | None = None
    """Who the tenant's session was, as STS told when the account was verified."""
    position: str | None = None
    """Where the pass of a copy goes on, or a final backup."""
    passes: int = 0
    """How many passes its step has made, and how many things differed in this one."""
    differed: int = 0
    old: Sums | None = None
    """What was found where the data was, and in the copy, when they were compared."""
    new: Sums | None = None
    retire_at: datetime | None = None
    """When the old copy may be removed; None once nothing of it is left."""
    correlation_id: str | None = None
    requested_by: str
    created_at: datetime
    heartbeat_at: datetime
    ended_at: datetime | None = None
    entity_version: int = 1

    # reading

    @property
    def course(self) -> Course:
        return course(self.kind, self.cloud_type)

    @property
    def leaves_files(self) -> bool:
        """Whether what it leaves behind is files alone, in the buckets that all share."""
        return self.kind is Kind.PROVISION and self.own_buckets

    @property
    def is_open(self) -> bool:
        """Whether an execution is, or should be, at work on it."""
        return self.status in OPEN

    @property
    def is_parked(self) -> bool:
        """Whether it is back in the line, with a step begun that there was no room for."""
        return self.status is OperationStatus.PENDING and self.asks_again_at is not None

    @property
    def is_over(self) -> bool:
        return self.status in (OperationStatus.SUCCEEDED, OperationStatus.CANCELLED)

    @property
    def is_settled(self) -> bool:
        """Whether it has ended, well or not: nothing is at work, and nothing waits to be."""
        return self.is_over or self.status is OperationStatus.FAILED

    @property
    def is_committed(self) -> bool:
        return self.step(self.course.commits).state is StepState.DONE

    @property
    def percent(self) -> int:
        """How much of it is done, 0 to 100."""
        done = sum(step.state is StepState.DONE for step in self.steps)
        return 100 * done // len(self.steps)

    @property
    def next_step(self) -> StepName | None:
        """The first step that is not done."""
        return next((s.name for s in self.steps if s.state is not StepState.DONE), None)

    @property
    def next_undo(self) -> StepName | None:
        """The newest step that may have left something behind."""
        left = (StepState.RUNNING, StepState.DONE, StepState.FAILED, StepState.UNDOING)
        return next(
            (
                step.name
                for step in reversed(self.steps)
                if step.name in self.course.undone and step.state in left
            ),
            None,
        )

    @property
    def execution_name(self) -> str:
        """The same for the same run, so that a run is started once."""
        return f"{self.operation_id}-{self.run}"

    def step(self, name: StepName) -> Step:
        return next(step for step in self.steps if step.name is name)

    # moving

    def approved(self, by: str, now: datetime, grace: timedelta) -> Self:
        """In the queue, to begin when its grace period is over."""
        self._only(OperationStatus.AWAITING_APPROVAL)
        return self._next(
            now,
            status=OperationStatus.PENDING,
            approved_by=by,
            approved_at=now,
            not_before=now + grace,
        )

    def halted(self, code: str, words: str, now: datetime) -> Self:
        """Stopped where it is: given up where that was asked for in time, else to be retried."""
        self._only(*OPEN)
        gives_up = self.cancel_requested and not self.is_committed
        stopped = {"state": StepState.FAILED, "error": code, "ended_at": now}
        steps = tuple(
            step.model_copy(update=stopped) if step.state is StepState.RUNNING else step
            for step in self.steps
        )
        return self._next(
            now,
            status=OperationStatus.CANCELLED if gives_up else OperationStatus.FAILED,
            steps=steps,
            error_code=None if gives_up else code,
            error=None if gives_up else words,
            ended_at=now,
        )

    def begun(self, now: datetime) -> Self:
        """Taken from the queue: its first or next run starts."""
        self._only(OperationStatus.PENDING)
        return self._next(now, status=OperationStatus.RUNNING, run=self.run + 1, asks_again_at=None)

    def parked(self, until: datetime, now: datetime) -> Self:
        """Back in the line until then, its step as it is: there is no room for it now.

        That it was taken up before counts no more: it is told why it waits.
        """
        self._only(OperationStatus.RUNNING)
        return self._next(now, status=OperationStatus.PENDING, asks_again_at=until, resumes=0)

    def taken_up(self, now: datetime) -> Self:
        """Another run of what an execution left; goes on in the direction it had."""
        self._only(*OPEN)
        return self._next(now, run=self.run + 1, resumes=self.resumes + 1)

    def beaten(self, now: datetime) -> Self:
        """Alive."""
        self._only(*OPEN)
        return self._next(now)

    def step_begun(self, name: StepName, now: datetime) -> Self:
        """About to be done, maybe again; only when every step before it is done."""
        self._only(OperationStatus.RUNNING)
        if self.next_step is not name:
            raise ConflictError(f"{name} is not the step that is next.")
        step = self.step(name)
        return self._with(
            now,
            step.model_copy(
                update={
                    "state": StepState.RUNNING,
                    "attempts": step.attempts + 1,
                    "started_at": step.started_at or now,
                    "ended_at": None,
                }
            ),
        )

    def step_done(self, name: StepName, now: datetime, **fields: Any) -> Self:
        self._only(OperationStatus.RUNNING)
        step = self._in(name, StepState.RUNNING)
        done = {"state": StepState.DONE, "ended_at": now, "error": None}
        return self._with(now, step.model_copy(update=done), **fields)

    def compensating(self, code: str, words: str, now: datetime) -> Self:
        """Turned round: the step that runs has failed, and what was done is undone."""
        self._only(OperationStatus.RUNNING)
        if self.is_committed:
            raise ConflictError("What was activated is in use; it is not undone.")
        failed = {"state": StepState.FAILED, "error": code, "ended_at": now}
        steps = tuple(
            step.model_copy(update=failed) if step.state is StepState.RUNNING else step
            for step in self.steps
        )
        return self._next(
            now,
            status=OperationStatus.COMPENSATING,
            steps=steps,
            error_code=code,
            error=words,
            resumes=0,
            # Where a pass was: what undoes it goes its own way; a backup goes on there.
            position=self.position if self.kind is Kind.TEARDOWN else None,
            passes=0,
            differed=0,
        )

    def undoing(self, name: StepName, now: datetime) -> Self:
        self._only(OperationStatus.COMPENSATING)
        if self.next_undo is not name:
            raise ConflictError(f"{name} is not the step that is undone next.")
        return self._with(
            now, self.step(name).model_copy(update={"state": StepState.UNDOING, "ended_at": None})
        )

    def undone(self, name: StepName, now: datetime) -> Self:
        self._only(OperationStatus.COMPENSATING)
        step = self._in(name, StepState.UNDOING)
        return self._with(now, step.model_copy(update={"state": StepState.UNDONE, "ended_at": now}))

    def succeeded(self, now: datetime) -> Self:
        self._only(OperationStatus.RUNNING)
        if self.next_step is not None:
            raise ConflictError(f"{self.next_step} is not done.")
        return self._next(
            now, status=OperationStatus.SUCCEEDED, ended_at=now, error=None, error_code=None
        )

    def compensated(self, now: datetime) -> Self:
        """Nothing is left of it: failed, or cancelled where that was asked for."""
        self._only(OperationStatus.COMPENSATING)
        if self.next_undo is not None:
            raise ConflictError(f"{self.next_undo} is not undone.")
        ended = OperationStatus.CANCELLED if self.cancel_requested else OperationStatus.FAILED
        return self._next(now, status=ended, ended_at=now)

    def retired(self, now: datetime) -> Self:
        """Nothing of what a move left behind is there any more."""
        self._only(OperationStatus.SUCCEEDED)
        return self._next(now, retire_at=None, position=None)

    def retried(self, now: datetime) -> Self:
        """In the queue again, to go on with the first step that is not done.

        Where something was left over it is purged once more, since it came after the purge. A move
        that failed has been led back, so that nothing of it stands: what it checked, copied and
        compared is of another day, and is done anew.
        """
        self._only(OperationStatus.FAILED)
        anew = {"state": StepState.PENDING, "started_at": None, "ended_at": None}
        again = StepName.PURGE if self.error_code == LEFTOVERS else None
        kept = self.kind is not Kind.MOVE
        steps = tuple(
            step
            if kept and step.state is StepState.DONE and step.name is not again
            else step.model_copy(update=anew)
            for step in self.steps
        )
        return self._next(
            now,
            status=OperationStatus.PENDING,
            steps=steps,
            resumes=0,
            ended_at=None,
            # A final backup goes on where it was.
            **({} if self.kind is Kind.TEARDOWN else NOTHING_COPIED),
        )

    def cancelled(self, now: datetime) -> Self:
        """Ended where nothing runs; otherwise marked, and turned round at its next step.

        One that is back in the line has something to undo: it is let in at once for that.
        """
        waits = (
            OperationStatus.AWAITING_APPROVAL,
            OperationStatus.PENDING,
            OperationStatus.FAILED,
        )
        self._only(*waits, *OPEN)
        if self.is_committed:
            raise ConflictError("The operation only goes forward; nothing is left to cancel.")
        if self.is_parked:
            return self._next(now, cancel_requested=True, asks_again_at=now)
        if self.status in waits:
            return self._next(now, status=OperationStatus.CANCELLED, ended_at=now)
        return self._next(self.heartbeat_at, cancel_requested=True)

    # inside

    def _only(self, *statuses: OperationStatus) -> None:
        if self.status not in statuses:
            raise ConflictError(f"The operation is {self.status}.")

    def _in(self, name: StepName, state: StepState) -> Step:
        step = self.step(name)
        if step.state is not state:
            raise ConflictError(f"{name} is {step.state}.")
        return step

    def _with(self, now: datetime, changed: Step, **fields: Any) -> Self:
        steps = tuple(changed if step.name is changed.name else step for step in self.steps)
        return self._next(now, steps=steps, **fields)

    def _next(self, now: datetime, **fields: Any) -> Self:
        return self.model_copy(
            update={**fields, "heartbeat_at": now, "entity_version": self.entity_version + 1}
        )


def planned(kind: Kind, cloud_type: CloudType) -> tuple[Step, ...]:
    """The steps of a new operation."""
    return tuple(Step(name=name) for name in course(kind, cloud_type).steps)


class StackEvent(_Stored):
    """What CloudFormation told of one resource, as it is kept in the ledger."""

    event_id: str
    at: datetime
    resource: str
    type: str
    status: str
    reason: str | None = None


# names of what an account has for itself

_LONGEST_OWN: Final = 63 - len("-") - len("-processed")
BESIDE: Final = "-own"
"""Ends the names of what a public account has for itself."""


@dataclass(frozen=True)
class Names:
    """What the resources of an account are called; the provisioner may make no others.

    Made of 64 bits of the account's id, so that the longest, a bucket's, stays within 63
    characters. In an AWS account of the organisation's own (`tenant_id`) they are made of the
    organisation's id, as long as that is short enough. Buckets of a public account (`beside`) are
    called otherwise than those it would have if it were private: a move copies from one to the
    other.
    """

    prefix: str
    account_id: str
    tenant_id: str = ""
    beside: str = ""

    @classmethod
    def of(cls, prefix: str, account: Account) -> Self:
        own = account.cloud_type is CloudType.DEDICATED
        beside = BESIDE if account.has_own_buckets else ""
        return cls(prefix, account.account_id, account.tenant_id if own else "", beside)

    @property
    def own(self) -> str:
        tenant = self.tenant_id.lower()
        if tenant and len(self.prefix) + len(tenant) <= _LONGEST_OWN:
            return f"{self.prefix}-{tenant}"
        digest = hashlib.sha256((self.tenant_id or self.account_id).encode()).hexdigest()[:16]
        return f"{self.prefix}-{'tenant' if tenant else 'account'}-{digest}{self.beside}"

    @property
    def stack(self) -> str:
        return self.own

    @property
    def table(self) -> str:
        return self.own

    @property
    def raw(self) -> str:
        return f"{self.own}-raw"

    @property
    def processed(self) -> str:
        return f"{self.own}-processed"

    @property
    def buckets(self) -> tuple[str, ...]:
        """All that a stack makes, and that have to be empty before it can be deleted."""
        more = (f"{self.own}-failures", f"{self.own}-records") if self.tenant_id else ()
        return (self.raw, self.processed, *more)

    @property
    def tree(self) -> str:
        """Where its parameters are."""
        return f"/{self.prefix}/accounts/{self.account_id}"

    def technical_user(self, number: int | None = None) -> str:
        """The name of a client of the user pool: its `number`th, or what all of them begin with."""
        return f"{self.prefix}-technical-user-{self.account_id}-{'' if number is None else number}"

    @staticmethod
    def account_of_client(prefix: str, name: str) -> str | None:
        """The id of the account whose technical user has this name; None of any other name."""
        rest = name.removeprefix(f"{prefix}-technical-user-")
        account_id, _, number = rest.rpartition("-")
        return account_id if account_id and rest != name and number.isdecimal() else None

    @property
    def external_id(self) -> str:
        """The parameter that holds the external id of the organisation's own AWS account."""
        return f"{self.tree}/external-id"


# what would happen


@dataclass(frozen=True)
class CostLine:
    """What one kind of things costs a month, at a price of the table."""

    what: str
    quantity: float
    unit: str
    price: Decimal
    monthly: Decimal


@dataclass(frozen=True)
class Cost:
    """An estimate by what was counted and a dated table of prices: never a bill."""

    monthly: Decimal
    currency: str
    region: str
    as_of: date
    source: str
    lines: tuple[CostLine, ...]
    unpriced: tuple[str, ...]
    """Kinds of what is there whose price nobody has written down."""
    is_whole: bool
    """False where there was more than was counted, so that it costs more than this."""


_BOUNDED: Final = ("items", "objects", "records")


@dataclass(frozen=True)
class NotMoved:
    """What stays where it is, of a move: older versions of objects, as they were measured last."""

    old_versions: int = 0
    old_bytes: int = 0
    measured_at: datetime | None = None
    """None where nobody has measured yet."""


@dataclass(frozen=True)
class Plan:
    """What a command would do; `hash` names it, and another world has another hash."""

    action: str
    account_id: str | None
    steps: tuple[str, ...]
    resources: tuple[str, ...]
    known_by: tuple[str, ...] | None = None
    """What the hash says of the resources, where their names are none of the plan's."""
    basis: tuple[str, ...] = ()
    """What it was decided on, such as versions."""
    inventory: Inventory | None = None
    """What would be taken away, of a teardown."""
    counted_up_to: int | None = None
    """Of each kind so many are counted at most."""
    cost: Cost | None = None
    """What that costs a month. It is no part of the hash: prices change without the world."""
    not_moved: NotMoved | None = None
    """Of a move. It is no part of the hash: what is measured anew is moved no more than before."""

    @property
    def at_least(self) -> tuple[str, ...]:
        """What there is as much of as was counted, or more."""
        found = self.inventory
        if found is None or found.is_whole:
            return ()
        most = self.counted_up_to or 0
        return tuple(each for each in _BOUNDED if getattr(found, each) >= most)

    @property
    def hash(self) -> str:
        told = self.resources if self.known_by is None else self.known_by
        content = [self.action, *self.steps, *told, *self.basis]
        if self.inventory:
            content.append(self.inventory.model_dump_json())
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Outcome:
    """What a command answers: the account and its operation, or on a dry run the plan."""

    account: Account | None = None
    operation: Operation | None = None
    plan: Plan | None = None


@dataclass(frozen=True)
class Compared:
    """A comparison on its way: what was found between `began` and `at`, and where it goes on."""

    operation_id: str
    began: datetime
    at: datetime
    found: Differences
    next_cursor: str | None


@dataclass(frozen=True)
class AccountPage:
    items: tuple[Account, ...]
    next_cursor: str | None


# what comes in


class _CamelInput(Input):
    model_config = ConfigDict(alias_generator=to_camel, defer_build=True)


_IDENTIFIER: Final = r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$"
Identifier = Annotated[str, StringConstraints(pattern=_IDENTIFIER)]


def _unique(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("names one twice")
    return values


class OptionsInput(_CamelInput):
    capacity: Annotated[str, StringConstraints(pattern=r"^(on-demand|provisioned)$")] = "on-demand"
    parameters: bool = False
    own_buckets: bool = False


class RequestAccountInput(_CamelInput):
    """`organizationId` is for operators; an owner acts on their own organisation."""

    organization_id: Identifier | None = None
    name: Line
    master_account_name: Line
    cloud_type: Annotated[CloudType, Field(strict=False)]
    addresses: Annotated[list[Line], Field(max_length=10), AfterValidator(_unique)] = Field(
        default_factory=list
    )
    technical_user: (
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")] | None
    ) = None
    licenses: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] | None = None
    options: OptionsInput = OptionsInput()
    client_mutation_id: IdempotencyKey | None = None

    @property
    def fingerprint(self) -> str:
        """The same for the same content, whatever its idempotency key."""
        return fingerprint(self, "organization_id")


class AccountInput(_CamelInput):
    account_id: Identifier


class ReasonInput(_CamelInput):
    """Why an operator does what organisations do themselves."""

    reason: Line | None = None


class ApprovalInput(AccountInput):
    approval_id: Identifier


class CredentialsInput(AccountInput):
    """`grace_seconds` is how long the credentials before still work; 0 ends them at once."""

    grace_seconds: Annotated[int, Field(ge=0, le=7 * 24 * 3600)] = int(
        OLD_CREDENTIALS_LAST.total_seconds()
    )


class MoveInput(AccountInput):
    to: Annotated[CloudType, Field(strict=False)]


class OperationInput(AccountInput):
    operation_id: Identifier
