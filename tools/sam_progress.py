"""What `sam build` says on standard input, told shortly: a line for each thing that it builds.

Warnings and errors pass as they are. Where it says nothing for a while, that it is still at work.
"""

from __future__ import annotations

import queue
import re
import sys
import threading
import time
from collections.abc import Iterable

SILENCE_SECONDS = 3.0

_LAYER = re.compile(r"Building layer '(\w+)'")
_FUNCTION = re.compile(r"Building codeuri: .* (\S+)$")
_SAID_ELSEWHERE = re.compile(
    r"$|\[\*\]|=+$|Starting|Commands|Built|Build Succeeded|Valid cache|Cache is"
    r"|\w+: (Running|Current) "
)


def told(line: str) -> str | None:
    """What is told of a line; None for nothing."""
    if layer := _LAYER.match(line):
        return f"   layer {layer[1]}"
    if function := _FUNCTION.match(line):
        return f"   function {function[1]}"
    return None if _SAID_ELSEWHERE.match(line) else line


def tell(lines: Iterable[str], silence: float = SILENCE_SECONDS) -> None:
    """Print what is told of `lines` as they come, and the time in each `silence` between."""
    started = time.monotonic()
    waiting: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in lines:
            waiting.put(line)
        waiting.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = waiting.get(timeout=silence)
        except queue.Empty:
            print(f"   {time.monotonic() - started:.0f} s ...", flush=True)
            continue
        if line is None:
            return
        if (text := told(line.rstrip())) is not None:
            print(text, flush=True)


if __name__ == "__main__":
    tell(sys.stdin)
