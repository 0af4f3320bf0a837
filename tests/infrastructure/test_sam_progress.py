"""A build is never silent, and says each thing once."""

from collections.abc import Iterator

import pytest

from localcloud.client import until
from tools.sam_progress import tell

SAID = """\
Starting Build use cache
Cache is invalid, running build and copying resources for following layers (CoreLayer)
Building layer 'CoreLayer'
CoreLayer: Running CustomMakeBuilder:MakeBuild
CoreLayer: Current Artifacts Directory : /work/.aws-sam/build/CoreLayer
Building codeuri: /work/functions/health runtime: python3.13 functions: Health/ApiFunction

Build Succeeded

Built Artifacts  : .aws-sam/build
Commands you can use next
=========================
[*] Validate SAM template: sam validate
"""


def test_what_is_built_is_told_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    tell(SAID.splitlines(keepends=True))

    assert capsys.readouterr().out == "   layer CoreLayer\n   function Health/ApiFunction\n"


def test_warnings_and_errors_pass_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    said = "Build Failed\nError: CustomMakeBuilder:MakeBuild - Make Failed: no such file\n"

    tell(said.splitlines(keepends=True))

    assert capsys.readouterr().out == said


def test_a_silence_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    def slow() -> Iterator[str]:
        until("a silence is broken", lambda: "0 s ..." in capsys.readouterr().out)
        yield "Building layer 'CoreLayer'\n"

    tell(slow(), silence=0.01)

    assert capsys.readouterr().out.endswith("   layer CoreLayer\n")
