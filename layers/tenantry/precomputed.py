"""What Python works out anew at every start, worked out once by the build.

A start of our functions compiles a hundred regular expressions, the methods of as many dataclasses
and named tuples, and seven hundred annotations, all from texts that never change: a fifth of it.
`precompute.py` writes what they compile to into `precomputed.bin`; here each is looked up by its
text, and one that is not there is compiled as ever. What is looked up is what the same Python would
make: a table that another version wrote is not used.

Every function calls `install` before it imports anything else (functions/context.mk).
"""

import _sre  # type: ignore[import-not-found] # the engine of `re`, which has no stub
import builtins
import collections
import gc
import marshal
import re
import sys
import typing
from collections.abc import Callable
from importlib.util import MAGIC_NUMBER
from types import CodeType
from typing import Any

TABLE = "precomputed.bin"

FOR = (MAGIC_NUMBER, sys.version_info[:2], _sre.MAGIC)
"""What a table must have been written for: the formats of bytecode and of compiled patterns."""

# Cyclic garbage is rare in a start and a request, and looking for it is not: each look walks
# through all that was just imported.
_COLLECT_AFTER = 50_000

type Patterns = dict[tuple[str | bytes, int], bytes]
type Codes = dict[tuple[str, str], bytes]


def install() -> None:
    """Have this process look up what the table beside this module holds."""
    gc.set_threshold(_COLLECT_AFTER, *gc.get_threshold()[1:])
    written_for, patterns, codes = read(__file__.rpartition("/")[0] + "/" + TABLE)
    if written_for != FOR:
        return
    _look_up_patterns(patterns)
    compiled = _compiled(codes)
    # A module's own name goes before the builtin.
    vars(collections)["eval"] = _on_text(builtins.eval, "eval", compiled)
    vars(typing)["compile"] = compiled
    import dataclasses  # which makes named tuples itself

    vars(dataclasses)["exec"] = _on_text(builtins.exec, "exec", compiled)


def read(path: str) -> tuple[tuple[Any, ...], Patterns, Codes]:
    """A table's version, patterns and codes; empty ones where there is no table."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib is not imported for it
            table: tuple[tuple[Any, ...], Patterns, Codes] = marshal.load(file)  # noqa: S302 - ours
    except FileNotFoundError:
        return (), {}, {}
    return table


def pattern_of(pattern: str | bytes, compiled: bytes) -> re.Pattern[Any]:
    """What `re.compile` makes of the pattern, out of a table's entry."""
    made: re.Pattern[Any] = _sre.compile(pattern, *marshal.loads(compiled))  # noqa: S302
    return made


def _look_up_patterns(patterns: Patterns) -> None:
    compiler: Any = vars(re)["_compiler"]
    compile_anew = compiler.compile

    def compile_pattern(pattern: Any, flags: int = 0) -> Any:
        found = patterns.get((pattern, int(flags))) if isinstance(pattern, str | bytes) else None
        if found is None:
            return compile_anew(pattern, flags)
        return pattern_of(pattern, found)

    compiler.compile = compile_pattern


def _compiled(codes: Codes) -> Callable[..., Any]:
    def compiled(source: Any, filename: str, mode: str, *options: Any, **named: Any) -> Any:
        plain = not options and not named and isinstance(source, str) and filename == "<string>"
        found = codes.get((source, mode)) if plain else None
        if found is None:
            return compile(source, filename, mode, *options, **named)
        return marshal.loads(found)  # noqa: S302

    return compiled


def _on_text(
    run: Callable[..., Any], mode: str, compiled: Callable[..., Any]
) -> Callable[..., Any]:
    """`run` for callers that name their globals, as both modules do."""

    def run_compiled(
        source: str | CodeType, globals: dict[str, Any], locals: dict[str, Any] | None = None, /
    ) -> Any:
        code = compiled(source, "<string>", mode) if isinstance(source, str) else source
        return run(code, globals, locals)

    return run_compiled
