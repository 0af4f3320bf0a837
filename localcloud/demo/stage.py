"""Where the demo is told: on a local cloud of its own, or on the one that runs."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.console import Console

from localcloud import deployment, outputs, process
from localcloud.client import Product
from localcloud.demo.behind import Logs
from localcloud.deployed import deployed_cloud
from localcloud.deployment import STACK
from localcloud.errors import NotRunningError
from localcloud.place import Place, place
from localcloud.step import Step

Stage = tuple[Product, Callable[[str], Any], Logs]


@contextlib.contextmanager
def stage(console: Console, contexts: Sequence[str] = (), *, running: bool) -> Iterator[Stage]:
    """The product, clients of its AWS services, and its logs.

    A cloud of its own leaves that of `make up` alone and is gone afterwards; `running` uses that
    one, and what the demo makes there stays. Functions are started ahead of the story, those of
    `contexts` first.
    """
    if running:
        where = place()
        if process.running(where) is None:
            raise NotRunningError(where.home)
        yield on(where, outputs.read(where))
        return
    with contextlib.ExitStack() as stack:
        with Step(console, "preparing a local cloud") as step:
            where, found = stack.enter_context(deployed_cloud(progress=step.update))
            step.update(f"on {where.endpoint}, gone afterwards")
        deployment.warm_up(where, *contexts)
        yield on(where, found)


def on(where: Place, found: dict[str, str]) -> Stage:
    """What the demo uses of a running cloud with the outputs `found`."""

    def aws(service: str) -> Any:
        return deployment.client(where, service)

    def is_quiet() -> bool:
        return deployment.is_quiet(where)

    return Product(found), aws, Logs(aws("logs"), found.get("Prefix", STACK), is_quiet)
