"""The services over a table in memory."""

import pytest

from tenantry.messaging.stamp import Stamp
from tests.support.clock import FakeClock
from tests.support.fakes.table import InMemoryTable
from tests.support.invitations import Acme


@pytest.fixture
def acme(clock: FakeClock, stamp: Stamp) -> Acme:
    return Acme(InMemoryTable("platform"), clock, stamp)
