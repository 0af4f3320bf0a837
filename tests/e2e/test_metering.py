"""API calls on the deployed product: each function adds up what it counted, with its own role."""

import pytest

from localcloud.client import Product
from tenantry.organizations.dynamodb import DynamoDBOrganizationRepository
from tenantry.tenancy.metering import EVERY
from tests.e2e.conftest import People

QUERIES = {
    "organizations-api": "query { organization { id } }",
    "audit-api": "query { activity(first: 1) { items { type } } }",
    "licenses-api": "query { licenses { items { id } } }",
}


@pytest.mark.parametrize("function", QUERIES)
def test_what_a_function_counted_is_added_up(
    function: str,
    product: Product,
    people: People,
    organizations: DynamoDBOrganizationRepository,
) -> None:
    owner = people.owner()
    made = 0

    def counted() -> int:
        found = organizations.get(owner.organization_id)
        assert found
        return found.used_api_calls

    # Several processes may share the calls; then each takes longer to have its fifty.
    while made < 6 * EVERY and not counted():
        for _ in range(EVERY // 2):
            product.graphql(QUERIES[function], owner.tokens)
        made += EVERY // 2

    assert 0 < counted() <= made
