"""People's names, as the profiles of the identity context keep them."""

from tenantry.audit.dynamodb import DynamoDBPeopleNames
from tenantry.persistence.keys import profile_key
from tenantry.persistence.table import Table


def test_those_who_have_given_a_name_are_named(platform_table: Table) -> None:
    platform_table.put({**profile_key("ada"), "name": "Ada Lovelace"})
    platform_table.put({**profile_key("bob"), "locale": "en"})

    assert DynamoDBPeopleNames(platform_table).of({"ada", "bob", "eve"}) == {"ada": "Ada Lovelace"}
