"""The tables that tests make are the tables that the template makes."""

import pytest

from tests.infrastructure.templates import templates
from tests.support.tables import PROJECTED, Kind, definition

LOGICAL_IDS: dict[str, Kind] = {
    "PlatformTable": "platform",
    "TenantTable": "tenant",
    "AuditTable": "audit",
    "LegacyTable": "legacy",
}


@pytest.mark.parametrize("logical_id", LOGICAL_IDS)
def test_tests_and_template_define_the_same_table(logical_id: str) -> None:
    root = next(template for template in templates() if template.name == "root")
    declared = dict(root.properties("AWS::DynamoDB::Table"))[logical_id]
    expected = definition(LOGICAL_IDS[logical_id], "any")
    del expected["TableName"]
    stream = expected.pop("StreamSpecification", None)
    assert {name: declared.get(name) for name in expected} == expected
    assert declared.get("StreamSpecification") == (
        {"StreamViewType": stream["StreamViewType"]} if stream else None
    )


def test_no_index_carries_events() -> None:
    assert "events" not in PROJECTED
    assert "event_ids" not in PROJECTED
