"""Slugs: which are taken as they are, and which are made of a name."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.organizations.model import checked_slug, slugify, slugs_of

RULE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
TENANT = "0190f5de-7c1a-7000-8000-0123456789ab"


@pytest.mark.parametrize("slug", ["abc", "a-b-c", "42-north", "a" * 48])
def test_a_good_slug_is_taken(slug: str) -> None:
    assert checked_slug(slug) == slug


@pytest.mark.parametrize(
    "slug",
    ["", "ab", "a" * 49, "Acme", "acme_1", "-acme", "acme-", "ac--me", "äcme", "a b", "acme\n"],
)
def test_a_bad_slug_is_refused(slug: str) -> None:
    with pytest.raises(ValueError, match="must"):
        checked_slug(slug)


@pytest.mark.parametrize("slug", ["admin", "api", "www", "tenantry", "graphql"])
def test_a_reserved_slug_is_refused(slug: str) -> None:
    with pytest.raises(ValueError, match="reserved"):
        checked_slug(slug)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Acme", "acme"),
        ("  Acme, Inc.  ", "acme-inc"),
        ("Müller & Söhne", "muller-and-sohne"),
        ("Straße 7", "strasse-7"),
        ("Ærø Łódź Þór", "aero-lodz-thor"),
        ("Crédit Agricole", "credit-agricole"),
        ("ＡＢＣ", "abc"),
        ("株式会社", "organization-1"),
        ("🚀", "organization-1"),
        ("A", "a-organization"),
        ("Admin", "admin-organization"),
        ("x" * 100, "x" * 48),
        ("a" * 47 + " b", "a" * 47),
    ],
)
def test_a_name_becomes_a_slug(name: str, slug: str) -> None:
    assert slugify(name) == slug


@given(st.text(max_size=200))
def test_every_name_gets_slugs_that_keep_the_rule(name: str) -> None:
    for slug in slugs_of(name, TENANT):
        assert RULE.fullmatch(slug)
        assert checked_slug(slug) == slug


def test_the_last_slug_to_try_is_the_organisations_own() -> None:
    assert slugs_of("Acme", TENANT) == (
        "acme",
        "acme-89ab",
        "acme-456789ab",
        "acme-0190f5de7c1a700080000123456789ab",
    )
