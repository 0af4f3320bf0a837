"""Functions may stand ready before they are asked for, as with provisioned concurrency on AWS."""

import json
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from localcloud.deployment import warm_up
from localcloud.place import Place

# Says when its module was loaded, which is when its environment started.
LOADED = """
import time

LOADED = time.time()

def handler(event, context):
    return LOADED
"""


def test_an_environment_stands_ready_and_serves_the_first_call(
    cloud: Place, client: Any, functions: Any
) -> None:
    function = functions.create(LOADED, [])

    assert warm_up(cloud, "another", function) >= 1
    time.sleep(2)
    asked = time.time()
    answer = client("lambda").invoke(FunctionName=function, Payload="{}")

    assert json.load(answer["Payload"]) < asked


def test_only_a_post_starts_anything(cloud: Place) -> None:
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(f"{cloud.endpoint}/_localcloud/warm")
