"""Federated sign-in: six kinds of provider, what they vouch for, and who owns the address here.

Expected by hand: an identity is linked when its provider is listed, says "true" of the address,
and the account here is confirmed with a proven address. Everything else is refused.
"""

from dataclasses import replace

import pytest

from tenantry.errors import ConflictError, ForbiddenError
from tenantry.identity.model import FederatedIdentity, PoolUser, SignUpRules
from tenantry.identity.service import SignUpService
from tests.support.fakes.identity import FakeUserDirectory

POOL = "eu-central-1_TestPool1"
LISTED = (
    "Google",
    "Facebook",
    "LoginWithAmazon",
    "SignInWithApple",
    "CorporateSaml",
    "PartnerOidc",
)
VERIFIED = {"true": "true", "false": "false", "missing": None, "True": "True"}
EXISTING = {
    "confirmed": PoolUser("u-1", "CONFIRMED", enabled=True, email_verified=True),
    "unconfirmed": PoolUser("u-1", "UNCONFIRMED", enabled=True, email_verified=False),
    "disabled": PoolUser("u-1", "CONFIRMED", enabled=False, email_verified=True),
}


def attributes(verified: str | None) -> dict[str, str]:
    return {"email": "ada@example.com"} | ({"email_verified": verified} if verified else {})


@pytest.mark.parametrize("existing", EXISTING)
@pytest.mark.parametrize("verified", VERIFIED)
@pytest.mark.parametrize("provider", LISTED)
@pytest.mark.parametrize("listed", [True, False])
def test_only_a_listed_provider_that_vouches_for_the_address_is_linked_to_a_proven_account(
    sign_ups: SignUpService,
    pool: FakeUserDirectory,
    listed: bool,
    provider: str,
    verified: str,
    existing: str,
) -> None:
    service = replace(sign_ups, providers=frozenset(LISTED if listed else {"Another"}))
    pool.users["ada@example.com"] = EXISTING[existing]
    link = listed and verified == "true" and existing == "confirmed"

    with pytest.raises(ConflictError if link else ForbiddenError):
        service.admit_federated(POOL, f"{provider}_4711", attributes(VERIFIED[verified]))

    expected = {(FederatedIdentity(provider, "4711"), "u-1")} if link else set()
    assert pool.links == expected


@pytest.mark.parametrize("verified", VERIFIED)
@pytest.mark.parametrize("provider", LISTED)
@pytest.mark.parametrize("listed", [True, False])
def test_a_new_person_comes_in_only_by_a_listed_provider_that_vouches_for_them(
    sign_ups: SignUpService, listed: bool, provider: str, verified: str
) -> None:
    service = replace(sign_ups, providers=frozenset(LISTED if listed else {"Another"}))

    if listed and verified == "true":
        service.admit_federated(POOL, f"{provider}_4711", attributes(VERIFIED[verified]))
    else:
        with pytest.raises(ForbiddenError):
            service.admit_federated(POOL, f"{provider}_4711", attributes(VERIFIED[verified]))


def test_a_confirmed_account_whose_address_was_never_proven_is_left_alone(
    sign_ups: SignUpService, pool: FakeUserDirectory
) -> None:
    pool.users["ada@example.com"] = PoolUser("u-1", "CONFIRMED", enabled=True, email_verified=False)

    with pytest.raises(ForbiddenError, match="password"):
        sign_ups.admit_federated(POOL, "Google_4711", attributes("true"))

    assert pool.links == set()


def test_the_provider_is_linked_by_the_name_that_the_pool_knows(
    sign_ups: SignUpService, pool: FakeUserDirectory
) -> None:
    pool.users["ada@example.com"] = EXISTING["confirmed"]

    with pytest.raises(ConflictError, match="once more"):
        sign_ups.admit_federated(POOL, "corporatesaml_a_b", attributes("true"))

    assert pool.links == {(FederatedIdentity("CorporateSaml", "a_b"), "u-1")}


@pytest.mark.parametrize(
    "user_name", ["", "Google", "Google_", "_Google", "GoogleX_1", "x_Google_1"]
)
def test_a_name_of_no_listed_provider_is_refused(sign_ups: SignUpService, user_name: str) -> None:
    with pytest.raises(ForbiddenError):
        sign_ups.admit_federated(POOL, user_name, attributes("true"))


def test_with_self_sign_up_off_federation_brings_nobody_new_but_links(
    sign_ups: SignUpService, pool: FakeUserDirectory
) -> None:
    closed = replace(sign_ups, rules=SignUpRules(self_sign_up=False))

    with pytest.raises(ForbiddenError, match="invitation"):
        closed.admit_federated(POOL, "Google_4711", attributes("true"))
    pool.users["ada@example.com"] = EXISTING["confirmed"]
    with pytest.raises(ConflictError):
        closed.admit_federated(POOL, "Google_4711", attributes("true"))


@pytest.mark.parametrize("existing", ["unconfirmed", "disabled"])
def test_the_table_would_notice_accounts_that_are_not_looked_at(
    sign_ups: SignUpService,
    pool: FakeUserDirectory,
    monkeypatch: pytest.MonkeyPatch,
    existing: str,
) -> None:
    """The mutation twin: without the check of the account, a stranger's is linked."""
    monkeypatch.setattr(PoolUser, "proven", True)
    pool.users["ada@example.com"] = EXISTING[existing]

    with pytest.raises(ConflictError):
        sign_ups.admit_federated(POOL, "Google_4711", attributes("true"))

    assert pool.links != set()
