"""A service that is busy or out of reach is something to try again, and not a fault of ours."""

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tenantry.errors import UnavailableError
from tenantry.runtime.services import calling, reached


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "secret words"}}, "Decrypt")


@pytest.mark.parametrize(
    "error",
    [refused("ThrottlingException"), refused("SlowDown"), ReadTimeoutError(endpoint_url="x")],
)
def test_what_may_pass_is_unavailable_and_says_what(error: Exception) -> None:
    with (
        pytest.raises(UnavailableError, match="The store of seals") as told,
        reached("The store of seals"),
    ):
        raise error
    assert "secret" not in str(told.value)


def test_what_is_refused_stays_what_it_is() -> None:
    with pytest.raises(ClientError), reached("The store of seals"):
        raise refused("AccessDeniedException")


def test_a_call_goes_through_with_its_request_and_says_who_is_busy() -> None:
    called = calling("The store of seals")

    assert called(dict, Name="n") == {"Name": "n"}
    with pytest.raises(UnavailableError, match="The store of seals"):
        called(_busy, Name="n")


def _busy(**_request: str) -> None:
    raise refused("ProvisionedThroughputExceededException")
