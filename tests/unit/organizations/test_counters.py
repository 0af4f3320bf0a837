"""What counts against a plan: percents, writes, and why one is refused."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.errors import ConflictError, LimitExceededError
from tenantry.organizations.counters import Kind, Used, given_back, refusal, taken, usage_of
from tenantry.organizations.model import PLANS, Organization, PlanName
from tenantry.persistence.keys import organization_key
from tenantry.persistence.table import ConditionFailedError
from tenantry.persistence.writes import Count
from tenantry.tenancy.access import MemberStatus, OrganizationStatus, Standing
from tenantry.tenancy.roles import Role
from tests.support.clock import START
from tests.support.fakes.table import InMemoryTable

GIB = 1024**3
STANDING = Standing(
    "t-1", "ada", Role.ADMIN, MemberStatus.ACTIVE, OrganizationStatus.ACTIVE, plan="STARTER"
)
AS_READ = {"status": "ACTIVE", "plan": "STARTER"}


def _organization(**more: object) -> Organization:
    return Organization.model_validate(
        {
            "tenant_id": "t-1",
            "name": "Acme",
            "slug": "acme",
            "founder_id": "ada",
            "created_at": START,
            "updated_at": START,
            **more,
        }
    )


def test_usage_is_told_of_every_kind() -> None:
    used = usage_of(
        _organization(
            used_users=4,
            used_projects=3,
            used_storage=GIB // 2,
            used_api_calls=8_099,
            api_month="2026-03",
        ),
        START,
    )

    assert [(kind, u.used, u.limit, u.percent) for kind, u in used.items()] == [
        ("USERS", 4, 5, 80),
        ("PROJECTS", 3, 3, 100),
        ("STORAGE", GIB // 2, GIB, 50),
        ("API_CALLS", 8_099, 10_000, 80),
    ]
    assert used[Kind.API_CALLS].resets_at == datetime(2026, 4, 1, tzinfo=UTC)
    assert used[Kind.USERS].resets_at is None


def test_calls_of_another_month_are_none() -> None:
    used = usage_of(_organization(used_api_calls=9, api_month="2026-02"), START)

    assert used[Kind.API_CALLS].used == 0


def test_without_a_limit_there_are_no_percents() -> None:
    used = usage_of(_organization(plan=PlanName.ENTERPRISE, used_users=4_000), START)

    assert {u.percent for u in used.values()} == {None}


def test_of_nothing_everything_is_used_up() -> None:
    assert Used(Kind.USERS, 0, 0).percent == 100


@pytest.mark.parametrize(
    ("kind", "attribute", "limit"),
    [
        (Kind.USERS, "used_users", 25),
        (Kind.PROJECTS, "used_projects", 25),
        (Kind.STORAGE, "used_storage", 50 * GIB),
    ],
)
def test_taking_is_bound_to_the_limit_and_to_what_was_read(
    kind: Kind, attribute: str, limit: int
) -> None:
    key = organization_key("t-1")

    assert taken(STANDING, kind, 3) == Count(key, attribute, 3, limit, AS_READ)
    assert given_back("t-1", kind, 3) == Count(key, attribute, -3)


def test_a_refusal_tells_a_limit_from_a_change() -> None:
    full = {**AS_READ, "used_projects": 25}

    assert type(refusal(STANDING, Kind.PROJECTS, full)) is LimitExceededError
    assert type(refusal(STANDING, Kind.PROJECTS, {**full, "plan": "FREE"})) is ConflictError
    assert type(refusal(STANDING, Kind.PROJECTS, {})) is ConflictError


# whatever is taken and given back, in whatever order


moves = st.lists(
    st.tuples(
        st.sampled_from(["take", "give", "plan", "suspend"]),
        st.sampled_from([Kind.PROJECTS, Kind.STORAGE]),
        st.integers(1, 12),
    ),
    max_size=60,
)


@given(moves)
def test_a_counter_is_what_was_taken_less_what_was_given_and_within_its_limit(
    tried: list[tuple[str, Kind, int]],
) -> None:
    table, standing, held = InMemoryTable(), STANDING, dict.fromkeys(_SIZE, 0)
    table.put({**organization_key("t-1"), "entity_type": "Organization", **AS_READ})
    for what, kind, amount in tried:
        stored = table.get(organization_key("t-1"))
        assert stored
        size = amount * _SIZE[kind]
        if what == "plan":
            table.put({**stored, "plan": "FREE" if amount % 2 else "STARTER"})
        elif what == "suspend":
            table.put({**stored, "status": "SUSPENDED" if amount % 4 == 0 else "ACTIVE"})
        elif what == "give":
            try:
                table.transact([given_back("t-1", kind, size)])
            except ConditionFailedError:
                assert held[kind] < size
            else:
                held[kind] -= size
        else:
            limit = PLANS[PlanName(standing.plan)]
            allowed = limit.max_projects if kind is Kind.PROJECTS else limit.max_storage
            assert allowed is not None
            try:
                table.transact([taken(standing, kind, size)])
            except ConditionFailedError as failure:
                why = refusal(standing, kind, failure.items[0])
                moved_on = (stored["plan"], stored["status"]) != ("STARTER", "ACTIVE")
                assert isinstance(why, ConflictError) is moved_on
                assert moved_on or held[kind] + size > allowed
            else:
                held[kind] += size
                assert held[kind] <= allowed
    item = table.get(organization_key("t-1"))
    assert item
    assert {kind: item.get(f"used_{kind.lower()}", 0) for kind in held} == held


_SIZE = {Kind.PROJECTS: 1, Kind.STORAGE: GIB}
