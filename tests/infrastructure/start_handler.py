"""Starts one handler as Lambda does and prints, as JSON, what that took. Run by `python -I -S`.

    python -I -S start_handler.py functions.health.api.handler <code> <layer>/python ...

Imports the handler, then builds what it takes from a bootstrap, as its first request would. Knows
nothing else of the project: whatever the handler imports comes from the folders it is given.
"""

import importlib
import importlib.machinery
import inspect
import json
import re
import sys
from typing import Any

handler, *folders = sys.argv[1:]
sys.path[:0] = folders

compiled: list[str] = []
opened: list[str] = []
texts: list[tuple[str, str]] = []
patterns: list[str] = []
_compile = importlib.machinery.SourceFileLoader.source_to_code


def _noting_compile(self: Any, data: Any, path: Any, **options: Any) -> Any:
    compiled.append(str(path))
    return _compile(self, data, path, **options)


def _noting(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and "/botocore/data/" in str(arguments[0]):
        opened.append(str(arguments[0]))
    elif event == "compile" and isinstance(arguments[0], str | bytes):
        text = arguments[0] if isinstance(arguments[0], str) else arguments[0].decode()
        texts.append((sys._getframe(1).f_globals["__name__"], text))


parser: Any = vars(re)["_parser"]
_parse = parser.parse


def _noting_pattern(pattern: Any, *options: Any) -> Any:
    patterns.append(str(pattern))
    return _parse(pattern, *options)


parser.parse = _noting_pattern


importlib.machinery.SourceFileLoader.source_to_code = _noting_compile  # type: ignore[method-assign]
sys.addaudithook(_noting)

module_name, _, function = handler.rpartition(".")
module = importlib.import_module(module_name)

for taken in list(vars(module).values()):
    if (
        callable(taken)
        and "bootstrap" in getattr(taken, "__module__", "").split(".")
        and not inspect.isclass(taken)
        and not inspect.signature(taken).parameters
    ):
        taken()

sys.stdout.write(
    json.dumps(
        {
            "callable": callable(getattr(module, function)),
            "compiled": [path for path in compiled if any(path.startswith(f) for f in folders)],
            "texts": texts,
            "patterns": patterns,
            "models": sorted(
                {
                    path.split("/botocore/data/")[1].split("/")[0]
                    for path in opened
                    if "-2.json" in path
                }
            ),
            "modules": sorted(sys.modules),
            "files": {
                name: found.__file__
                for name, found in sorted(sys.modules.items())
                if getattr(found, "__file__", None)
            },
        }
    )
)
