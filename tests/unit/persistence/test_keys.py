"""No input addresses another partition than its own."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.errors import InvalidInputError
from tenantry.persistence.keys import (
    member_key,
    organization_key,
    organization_pk,
    part,
    profile_key,
)

ANYTHING = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="ORGUSE#ab01*?-$ {}\n", max_size=20),
    st.from_regex(r"[a-z0-9-]{1,30}", fullmatch=True),
)


@given(ANYTHING, ANYTHING)
def test_a_key_stays_in_its_tenants_partition_or_is_refused(tenant: str, other: str) -> None:
    try:
        pk = organization_pk(tenant, other)
    except InvalidInputError:
        return
    assert pk == f"ORG#{tenant}#{other}"
    assert pk.count("#") == 2
    assert not set(pk) & set("*?${} \n\x00")


@given(ANYTHING, ANYTHING)
def test_two_pairs_of_ids_never_share_a_key(first: str, second: str) -> None:
    try:
        keys = [
            tuple(key.values())
            for key in (
                member_key(first, second),
                member_key(second, first),
                organization_key(first),
                organization_key(second),
                profile_key(first),
            )
        ]
    except InvalidInputError:
        return
    assert len(set(keys)) == (5 if first != second else 3)


@pytest.mark.parametrize(
    "value", ["", "#", "a#b", "a b", "*", "a*", "a?", "-a", ".", "a\n", "a\x00", "é", "a" * 256]
)
def test_what_could_be_mistaken_for_another_key_is_refused(value: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        part(value)
    assert refused.value.faults == ({"field": "id", "message": "is not a valid identifier"},)


@pytest.mark.parametrize(
    "value",
    [
        "0198f2a4-0000-7000-8000-000000000001",
        "eu-central-1:abc",
        "person+tag@example.com",
        "Google_1234",
        "a" * 255,
    ],
)
def test_ids_of_users_and_organisations_are_parts(value: str) -> None:
    assert part(value) == value


def test_without_the_rule_an_id_could_name_a_partition_of_its_neighbour() -> None:
    """The twin: what the plain join that `part` guards would make of such ids."""
    assert "#".join(("ORG", "acme#AUDIT")) == "#".join(("ORG", "acme", "AUDIT"))
    assert re.fullmatch("ORG#.*", "ORG#*")
