"""The layer `core` carries the models of the services that the code names, and no others."""

import pytest

from tools.aws_services import SERVICES, UnreadableClientError, services_in, services_of


def test_the_list_is_what_the_code_names() -> None:
    assert SERVICES.read_text().split() == services_in()


@pytest.mark.parametrize(
    ("source", "services"),
    [
        ('boto3.client("sqs", config=CONFIG)', {"sqs"}),
        ('self._session.client(service_name="events")', {"events"}),
        ('sts_client = make_client("sts")', {"sts"}),
        ("from aws_lambda_powertools.utilities.parameters import get_secret", {"secretsmanager"}),
        ("sessions.client(tenant_id)", set()),
        ('"client"; clients("x"); http.request("dynamodb")', set()),
    ],
)
def test_a_service_is_found_where_its_client_is_made(source: str, services: set[str]) -> None:
    assert services_of(source) == services


def test_a_function_that_makes_clients_for_others_may_be_told_the_service() -> None:
    source = 'def client(name):\n    return boto3.client(name)\n\nevents = client("events")\n'
    assert services_of(source) == {"events"}


def test_a_service_without_a_literal_name_is_refused() -> None:
    with pytest.raises(UnreadableClientError, match=r"topic\.py:2"):
        services_of("def send(name):\n    boto3.client(name).publish()\n", "topic.py")
