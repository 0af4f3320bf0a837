"""Who may use the doors of health."""

from tests.e2e.door import ANONYMOUS

ROUTES = {("GET", "/health"): ANONYMOUS}
