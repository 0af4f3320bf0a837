"""Goal 10: what commands and reads cost, against the least that their data can cost."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from moto import mock_aws

from bench.events import ENVIRONMENT, ORG, USER, sqs
from bench.figures import Bound, Figure, Goal, Tick, series
from localcloud.place import REGION
from tests.support.capacity import measured
from tests.support.tables import create_table

_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
}


@dataclass(frozen=True)
class _Floor:
    """Items of up to 4 KB (read) and 1 KB (written), by the published rules."""

    round_trips: int
    read_units: float
    write_units: float


def units(build: Path, bound: Bound, tick: Tick) -> Iterator[Figure]:  # noqa: ARG001 - one shape
    """Round trips and capacity units by the published rules: the same each time."""
    # Not before the local mode of botocore's clients is known, as in a function.
    os.environ.update(_CREDENTIALS | ENVIRONMENT)
    os.environ.pop("AWS_ENDPOINT_URL", None)
    with mock_aws():
        yield from _figures(tick)


def _figures(tick: Tick) -> Iterator[Figure]:
    from tenantry.audit.bootstrap.recording import recording_service
    from tenantry.bootstrap import dynamodb, senders
    from tenantry.messaging.delivery import received
    from tenantry.organizations.bootstrap import organization_service
    from tenantry.tenancy.caller import Caller

    client = dynamodb()
    create_table(client, "platform", ENVIRONMENT["PLATFORM_TABLE"])
    create_table(client, "audit", ENVIRONMENT["AUDIT_TABLE"])
    service = organization_service()
    founder = Caller(user_id=USER)
    given = {"name": "Analytical Engines", "slug": "analytical-engines", "clientMutationId": "1"}
    created: list[str] = []

    def create() -> None:
        created.append(service.create(founder, given).tenant_id)

    def caller() -> Caller:
        return Caller(user_id=USER, tenant_id=created[0])

    envelope = received(sqs()["Records"][0]["body"], senders())
    settings = {"joinByDomain": True, "allowedDomains": ["example.com"]}
    # Each is its members' and organisation's one read, then one conditional write.
    works: tuple[tuple[str, Callable[[], object], _Floor], ...] = (
        ("createOrganization", create, _Floor(1, 0, 8)),
        ("organization", lambda: service.read(caller()), _Floor(1, 2, 0)),
        (
            "updateOrganization",
            lambda: service.update(caller(), {"name": "Difference Engines"}),
            _Floor(2, 2, 1),
        ),
        (
            "updateOrganizationSettings",
            lambda: service.update_settings(caller(), settings),
            _Floor(2, 2, 1),
        ),
        ("claimDomain", lambda: service.claim_domain(caller(), "example.com"), _Floor(3, 4, 1)),
        (
            "an event into the audit log",
            lambda: recording_service().record(envelope),
            _Floor(1, 0, 1),
        ),
    )
    assert envelope.tenant_id == ORG
    for name, work, floor in works:
        tick(f"units of {name}")
        with measured(client) as cost:
            work()
        for what, ours, least in (
            ("round trips", cost.round_trips, floor.round_trips),
            ("read units", cost.read_units, floor.read_units),
            ("write units", cost.write_units, floor.write_units),
        ):
            if ours or least:
                yield Figure(
                    f"{name}, {what}",
                    "",
                    series([float(ours)]),
                    series([float(least)]) if least else None,
                    "floor",
                    Goal(1 if least else 0, least=False, of_ratio=bool(least)),
                    inverse=True,
                )
