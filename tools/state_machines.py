"""statelint over the state machines: what cfn-lint and SAM let pass fails only when it runs.

    python -m tools.state_machines      exit 1 and say what is wrong

AWS takes JSONata for `Seconds` of a Wait; statelint 3.1 does not know that yet, so there it is
shown a number. Everything else it sees as it is.
"""

import json
import sys
from pathlib import Path
from typing import Any

from statelint.linter import Linter

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "statemachines"


def problems(definition: dict[str, Any]) -> list[str]:
    """What statelint says of a definition; nothing when it is clean."""
    return list(Linter.validate(_shown(definition)))


def definitions() -> dict[str, dict[str, Any]]:
    """Every state machine by the name of its file."""
    found = sorted(FOLDER.glob("*.asl.json"))
    return {path.name.removesuffix(".asl.json"): json.loads(path.read_text()) for path in found}


def _shown(value: Any) -> Any:
    match value:
        case {"Type": "Wait", "Seconds": str(seconds)} if seconds.startswith("{%"):
            return {**value, "Seconds": 1}
        case dict():
            return {name: _shown(each) for name, each in value.items()}
        case list():
            return [_shown(each) for each in value]
        case _:
            return value


def main() -> int:
    said = {name: problems(definition) for name, definition in definitions().items()}
    for name, each in said.items():
        for problem in each:
            print(f"{name}: {problem.strip()}")
    return 1 if any(said.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
