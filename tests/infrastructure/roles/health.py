"""Roles of the functions of health."""

from tests.infrastructure.grants import BUS, PLATFORM, items, of

ROLES = {
    "ApiFunction": {
        *items(PLATFORM, "DescribeTable"),
        *of(BUS, "events:DescribeEventBus"),
    },
}
