"""Writes the table that `precomputed` reads: run by the layer's build.

    python3.13 precompute.py <folder of the layer's packages>

It imports the product as functions do, with the packages of the checks, which are pinned to those
of the layers, and notes what is compiled meanwhile from a text. What it misses a function compiles
at its start, as it would without the table; a test of the artifact counts that.
"""

# Few, since what is imported before the noting is not noted.
import _sre  # type: ignore[import-not-found] # the engine of `re`, which has no stub
import builtins
import collections
import importlib
import marshal
import re
import sys
import typing
import warnings
from typing import Any

import precomputed

patterns: precomputed.Patterns = {}
codes: precomputed.Codes = {}


def note_patterns() -> None:
    """From now on, keep what `re` hands to its engine."""
    compiler: Any = vars(re)["_compiler"]
    compile_pattern = compiler.compile

    class Engine:
        """The engine as the compiler sees it."""

        def __getattr__(self, name: str) -> Any:
            return getattr(_sre, name)

        def compile(self, pattern: Any, *compiled: Any) -> Any:
            self.last = compiled
            return _sre.compile(pattern, *compiled)

    engine = Engine()
    compiler._sre = engine

    def noting(pattern: Any, flags: int = 0) -> Any:
        made = compile_pattern(pattern, flags)
        if isinstance(pattern, str | bytes):
            final, code, *rest = engine.last
            # Its numbers are a class of the compiler's, which has names for them.
            numbers = [int(number) for number in code]
            patterns[pattern, int(flags)] = marshal.dumps((int(final), numbers, *rest))
        return made

    compiler.compile = noting


def note_codes() -> None:
    """From now on, keep what these modules compile from a text."""

    def noted(source: str, filename: str, mode: str) -> Any:
        code = compile(source, filename, mode)
        codes[source, mode] = marshal.dumps(code)
        return code

    vars(collections)["eval"] = lambda text, names, local=None: builtins.eval(  # noqa: S307
        noted(text, "<string>", "eval"), names, local
    )
    vars(typing)["compile"] = noted
    import dataclasses  # which makes named tuples itself

    vars(dataclasses)["exec"] = lambda text, names, local=None: builtins.exec(  # noqa: S102
        noted(text, "<string>", "exec"), names, local
    )


def start() -> None:
    """What starts do: import the product's modules, make clients, have a request answered."""
    import pkgutil  # makes a named tuple, which functions look up too

    from aws_lambda_powertools.event_handler import APIGatewayRestResolver, AppSyncResolver

    import tenantry

    AppSyncResolver()
    APIGatewayRestResolver().get("/of/<a_context>")(start)
    for module in pkgutil.walk_packages(tenantry.__path__, "tenantry."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
    _ask()


def _ask() -> None:
    import boto3
    from botocore.awsrequest import AWSResponse

    answers: Any = AWSResponse

    class Body:
        def stream(self, **_: Any) -> list[bytes]:
            return [b'{"TableNames": []}']

    session = boto3.Session(
        region_name="eu-central-1",
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",  # noqa: S106 - signs a request that is not sent
    )
    session.client("s3")  # which brings more than others do
    client = session.client("dynamodb")
    headers = {"content-type": "application/x-amz-json-1.0"}
    client.meta.events.register(
        "before-send", lambda **_: answers("https://nowhere.example", 200, headers, Body())
    )
    client.list_tables()


def main(packages: str) -> None:
    sys.path.insert(0, packages)
    warnings.simplefilter("ignore")
    note_patterns()
    note_codes()
    start()
    # By text, so that the same sources make the same file.
    table = (
        precomputed.FOR,
        dict(sorted(patterns.items(), key=repr)),
        dict(sorted(codes.items(), key=repr)),
    )
    with open(f"{packages}/{precomputed.TABLE}", "wb") as file:  # noqa: PTH123 - see the imports
        marshal.dump(table, file)


if __name__ == "__main__":
    main(sys.argv[1])
