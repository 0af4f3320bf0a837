"""Domain claims, on the fake and on DynamoDB alike."""

import pytest

from tenantry.errors import ConflictError, DomainTakenError
from tenantry.organizations.model import DomainClaim
from tenantry.organizations.repository import DomainRepository
from tests.contracts.organizations.test_organization_repository import event
from tests.support.clock import START


def pending(tenant_id: str = "t-1") -> DomainClaim:
    return DomainClaim(tenant_id=tenant_id, domain="acme.example", token="t", created_at=START)


def claimed(domains: DomainRepository, tenant_id: str = "t-1") -> DomainClaim:
    claim = pending(tenant_id)
    domains.claim(None, claim, event())
    return claim


def verified(domains: DomainRepository, tenant_id: str = "t-1") -> DomainClaim:
    before = claimed(domains, tenant_id)
    after = before.verified(START)
    domains.prove(before, after, event())
    return after


def test_a_claim_alone_holds_nothing(domains: DomainRepository) -> None:
    claim = claimed(domains)

    assert domains.read("t-1", "acme.example") == (claim, None)
    assert domains.holder("acme.example") is None


def test_a_proven_domain_has_a_holder(domains: DomainRepository) -> None:
    claim = verified(domains)

    assert domains.read("t-1", "acme.example") == (claim, "t-1")
    assert domains.holder("acme.example") == "t-1"


def test_two_may_claim_and_one_proves(domains: DomainRepository) -> None:
    late = claimed(domains, "t-2")
    verified(domains, "t-1")

    with pytest.raises(DomainTakenError):
        domains.prove(late, late.verified(START), event())

    assert domains.read("t-2", "acme.example") == (late, "t-1")


def test_claiming_twice_at_once_is_refused(domains: DomainRepository) -> None:
    claimed(domains)

    with pytest.raises(ConflictError):
        domains.claim(None, pending(), event())


def test_a_released_domain_is_free_for_others(domains: DomainRepository) -> None:
    before = verified(domains, "t-1")
    domains.release(before, before.released(), event())

    assert domains.holder("acme.example") is None
    verified(domains, "t-2")
    assert domains.holder("acme.example") == "t-2"


def test_releasing_an_open_claim_leaves_the_holder_alone(domains: DomainRepository) -> None:
    late = claimed(domains, "t-2")
    verified(domains, "t-1")

    domains.release(late, late.released(), event())

    assert domains.holder("acme.example") == "t-1"


def test_a_released_claim_can_be_made_anew_and_proven(domains: DomainRepository) -> None:
    before = verified(domains)
    released = before.released()
    domains.release(before, released, event())
    renewed = released.renewed("t2", START)

    domains.claim(released, renewed, event())
    domains.prove(renewed, renewed.verified(START), event())

    assert domains.read("t-1", "acme.example") == (renewed.verified(START), "t-1")


def test_a_claim_changed_since_is_not_proven(domains: DomainRepository) -> None:
    before = claimed(domains)
    domains.release(before, before.released(), event())

    with pytest.raises(ConflictError):
        domains.prove(before, before.verified(START), event())

    assert domains.holder("acme.example") is None
