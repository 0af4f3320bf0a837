"""What a start looks up instead of compiling it, and what it does without."""

import marshal
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import precomputed

SAID = """
import sys
sys.path.insert(0, sys.argv[1])
import precomputed
precomputed.install()
import dataclasses, re, typing, collections
compiled = []
sys.addaudithook(lambda event, given: compiled.append(given[0]) if event == "compile" else None)
point = dataclasses.make_dataclass("Point", [("x", int)], frozen=True)
pair = collections.namedtuple("Pair", "a b")
print(point(1) == point(1), repr(point(2)), pair(1, b=2), typing.ForwardRef("int | str"))
print(re.compile(r"^(?P<of>\\d+)$").match("12")["of"], re.compile("any", re.I).findall("Any"))
print(len(compiled))
"""
ANSWERS = ["True Point(x=2) Pair(a=1, b=2) ForwardRef('int | str')", "12 ['Any']"]
# The methods of a dataclass, a named tuple's, and an annotation.
COMPILED = "3"


def said(folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-I", "-c", SAID, str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(precomputed.__file__, tmp_path)
    return tmp_path


def _table(folder: Path, of: Any, codes: precomputed.Codes) -> None:
    (folder / precomputed.TABLE).write_bytes(marshal.dumps((of, {}, codes)))


def test_without_a_table_python_compiles(folder: Path) -> None:
    assert said(folder) == [*ANSWERS, COMPILED]


def test_what_the_table_holds_is_looked_up_by_its_text(folder: Path) -> None:
    code = marshal.dumps(compile("'looked up'", "<string>", "eval"))
    _table(folder, precomputed.FOR, {("int | str", "eval"): code})

    assert said(folder) == [*ANSWERS, "2"]


def test_a_table_for_another_python_is_not_used(folder: Path) -> None:
    code = marshal.dumps(compile("'looked up'", "<string>", "eval"))
    other = (precomputed.FOR[0], (3, 99), precomputed.FOR[2])
    _table(folder, other, {("int | str", "eval"): code})

    assert said(folder) == [*ANSWERS, COMPILED]
