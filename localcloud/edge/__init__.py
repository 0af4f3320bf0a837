"""The edge fills the gaps between MiniStack and AWS: one small module for each.

A mend wraps what MiniStack does; its contract test in tests/contracts/localcloud/ fails without
it, so that an upgrade of MiniStack shows which mends can go. `LOCALCLOUD_WITHOUT=name,name`
leaves mends out, to see just that.
"""

from __future__ import annotations

import importlib
import os

MENDS = (
    "nested_applications",
    "appsync_files",
    "graphql_requests",
    "gateway_responses",
    "metric_math",
    "leading_keys",
    "mail_senders",
    "secure_transport",
    "queue_batches",
    "kms_conditions",
    "role_boundaries",
    "event_bus_resources",
    "event_buses_across_accounts",
    "event_archives",
    "lambda_errors",
    "shared_layers",
    "stream_mappings",
    "stream_records",
    "principal_arns",
    "organization_accounts",
    "organization_requests",
    "service_catalog",
    "cognito",
)


def install_all() -> tuple[str, ...]:
    """Install every mend and return the names of those installed."""
    left_out = set(filter(None, os.environ.get("LOCALCLOUD_WITHOUT", "").split(",")))
    installed = []
    for name in MENDS:
        if name in left_out:
            continue
        importlib.import_module(f"localcloud.edge.{name}").install()
        installed.append(name)
    return tuple(installed)
