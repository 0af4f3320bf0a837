"""What comes in about organisations: every fault listed, nothing coerced."""

from typing import Any

import pytest

from tenantry.errors import InvalidInputError
from tenantry.organizations.model import (
    Branding,
    CreateOrganizationInput,
    OrganizationSettingsInput,
    Settings,
    UpdateOrganizationInput,
    company_domain,
    domain_of,
)
from tenantry.runtime.inputs import parse


def faulty_fields(model: Any, values: dict[str, Any]) -> set[str]:
    with pytest.raises(InvalidInputError) as caught:
        parse(model, values)
    return {fault["field"] for fault in caught.value.faults}


def test_every_fault_of_a_new_organisation_is_named() -> None:
    values = {"name": " ", "slug": "A", "size": "HUGE", "industry": "a\nb", "plan": "ENTERPRISE"}

    assert faulty_fields(CreateOrganizationInput, values) == set(values)


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, "é", "a\n"])
def test_an_idempotency_key_is_plain_and_short(key: str) -> None:
    values = {"name": "Acme", "clientMutationId": key}

    assert faulty_fields(CreateOrganizationInput, values) == {"clientMutationId"}


def test_the_fingerprint_is_of_the_content_not_of_its_key() -> None:
    def fingerprint(**values: Any) -> str:
        return parse(CreateOrganizationInput, values).fingerprint

    assert fingerprint(name="Acme", clientMutationId="a") == fingerprint(
        name=" Acme ", clientMutationId="b"
    )
    assert fingerprint(name="Acme") != fingerprint(name="Acme", slug="acme")


def test_a_name_cannot_be_cleared_and_a_description_can() -> None:
    assert faulty_fields(UpdateOrganizationInput, {"name": None}) == {"name"}
    assert parse(UpdateOrganizationInput, {"description": None}).description is None


def test_every_fault_of_settings_is_named() -> None:
    values = {
        "allowedDomains": ["nodomain", "example.com"],
        "joinByDomain": "yes",
        "branding": {"primaryColor": "red", "logoKey": "../up", "supportEmail": "x", "font": "y"},
        "featureFlags": [{"name": "Beta!", "enabled": 1}],
        "theme": "dark",
    }

    assert faulty_fields(OrganizationSettingsInput, values) == {
        "allowedDomains",
        "joinByDomain",
        "branding.primaryColor",
        "branding.logoKey",
        "branding.supportEmail",
        "branding.font",
        "featureFlags.0.name",
        "featureFlags.0.enabled",
        "theme",
    }


def test_a_logo_lies_among_the_organisations_own_objects() -> None:
    values = {"branding": {"logoKey": "orgs/acme/branding/logo.svg"}}
    given = parse(OrganizationSettingsInput, values)

    assert given.faults("acme") == []
    assert [fault["field"] for fault in given.faults("acme-2")] == ["branding.logoKey"]
    for elsewhere in ("orgs/acme/contracts/secret.pdf", "users/acme/branding/x", "orgs/acme/../x"):
        branding = {"branding": {"logoKey": elsewhere}}
        assert faulty_fields(OrganizationSettingsInput, branding) == {"branding.logoKey"}


def test_a_setting_that_is_null_stays_as_it_is() -> None:
    before = Settings(join_by_domain=True, allowed_domains=("example.com",))
    nulls = {"joinByDomain": None, "allowedDomains": None, "branding": None, "featureFlags": None}

    assert parse(OrganizationSettingsInput, nulls).applied_to(before) == before


def test_a_feature_flag_is_named_once() -> None:
    flags = [{"name": "beta", "enabled": True}, {"name": "beta", "enabled": False}]

    assert faulty_fields(OrganizationSettingsInput, {"featureFlags": flags}) == {"featureFlags"}


def test_settings_left_out_stay_as_they_are() -> None:
    before = Settings(
        allowed_domains=("example.com",),
        join_by_domain=True,
        branding=Branding(logo_key="logo.png", primary_color="#112233"),
        feature_flags={"beta": True},
    )
    values = {"branding": {"primaryColor": "#AABBCC"}}

    after = parse(OrganizationSettingsInput, values).applied_to(before)

    assert after == before.model_copy(
        update={"branding": Branding(logo_key="logo.png", primary_color="#aabbcc")}
    )


def test_null_clears_a_field_of_the_branding() -> None:
    before = Settings(branding=Branding(logo_key="logo.png"))

    after = parse(OrganizationSettingsInput, {"branding": {"logoKey": None}}).applied_to(before)

    assert after.branding == Branding()


def test_domains_come_normalised_and_once() -> None:
    values = {"allowedDomains": ["Bücher.de", "xn--bcher-kva.de", "EXAMPLE.com."]}

    given = parse(OrganizationSettingsInput, values)

    assert given.allowed_domains == ["xn--bcher-kva.de", "example.com"]


@pytest.mark.parametrize(
    "domain",
    [
        "",
        "com",
        "127.0.0.1",
        "-a.com",
        "a-.com",
        "a..com",
        "a_b.com",
        "exa mple.com",
        "a.com/x",
        "a.com:80",
        "[::1]",
        "x" * 64 + ".com",
        "a." * 120 + "com",
        "☃️‍.de\u202e",
        "example.com#ORG",
    ],
)
def test_what_is_no_domain_is_refused(domain: str) -> None:
    with pytest.raises(ValueError, match="domain"):
        company_domain(domain)


@pytest.mark.parametrize("domain", ["gmail.com", "GMX.de", "outlook.com", "Gmail.com."])
def test_a_free_mail_provider_proves_nobody(domain: str) -> None:
    with pytest.raises(ValueError, match="open to everybody"):
        company_domain(domain)


@pytest.mark.parametrize(
    ("email", "domain"),
    [
        ("ada@Example.COM", "example.com"),
        ("ada@bücher.de", "xn--bcher-kva.de"),
        ('"a@b"@example.com', "example.com"),
        ("ada", None),
        ("ada@", None),
    ],
)
def test_the_domain_of_an_address(email: str, domain: str | None) -> None:
    assert domain_of(email) == domain
