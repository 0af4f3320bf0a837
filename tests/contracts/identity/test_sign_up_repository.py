"""What is remembered of sign-ups, in memory and in DynamoDB alike."""

from datetime import timedelta

import pytest

from tenantry.identity.dynamodb import DynamoDBSignUpRepository
from tenantry.identity.model import Wishes
from tenantry.identity.repository import Kept, SignUpRepository
from tests.support.clock import START
from tests.support.fakes.identity import InMemorySignUpRepository

LATER = START + timedelta(days=30)
WISHES = Wishes(organization_name="Ängines & Söhne", locale="de", name="Ada")
NOTHING = Kept(Wishes(), migrated=False)


@pytest.fixture(params=["in memory", "dynamodb"])
def kept(request: pytest.FixtureRequest) -> SignUpRepository:
    if request.param == "in memory":
        return InMemorySignUpRepository()
    return DynamoDBSignUpRepository(request.getfixturevalue("platform_table"))


def test_wishes_are_remembered_by_user_name(kept: SignUpRepository) -> None:
    kept.keep("u-1", WISHES, LATER)
    kept.keep("u-2", Wishes(organization_name="Evil"), LATER)

    assert kept.kept("u-1", "ada@example.com", START) == Kept(WISHES, migrated=False)


def test_who_wished_for_nothing_is_remembered_as_nothing(kept: SignUpRepository) -> None:
    assert kept.kept("u-1", "ada@example.com", START) == NOTHING
    assert kept.kept(None, "ada@example.com", START) == NOTHING


def test_the_newest_wishes_of_a_sign_up_stand(kept: SignUpRepository) -> None:
    kept.keep("u-1", WISHES, LATER)
    kept.keep("u-1", Wishes(locale="en"), LATER)

    assert kept.kept("u-1", "ada@example.com", START).wishes == Wishes(locale="en")


def test_who_came_over_is_remembered_by_address(kept: SignUpRepository) -> None:
    kept.mark_migrated("o'brien+x#!@example.com", LATER)

    assert kept.kept(None, "o'brien+x#!@example.com", START).migrated
    assert kept.comes_over("o'brien+x#!@example.com", START)
    assert not kept.comes_over("other@example.com", START)
    assert not kept.kept(None, "other@example.com", START).migrated


def test_what_is_past_its_time_is_forgotten_though_it_is_not_deleted_yet(
    kept: SignUpRepository,
) -> None:
    kept.keep("u-1", WISHES, LATER)
    kept.mark_migrated("ada@example.com", LATER)

    assert kept.kept("u-1", "ada@example.com", LATER) == NOTHING
    assert not kept.comes_over("ada@example.com", LATER)
    assert kept.kept("u-1", "ada@example.com", LATER - timedelta(seconds=1)).migrated
    assert kept.comes_over("ada@example.com", LATER - timedelta(seconds=1))
