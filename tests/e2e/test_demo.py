"""The demo is a test: every step of every chapter does what it says."""

from collections.abc import Iterator

import pytest
from rich.console import Console

from localcloud.demo.__main__ import CHAPTERS, main
from localcloud.demo.stage import Stage, on
from localcloud.demo.story import Story, refused, tell
from localcloud.deployed import deployed_cloud
from tests.e2e.conftest import PASSWORD


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A local cloud of its own, as `make demo` has one."""
    with deployed_cloud() as running:
        yield on(*running)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_step_does_what_it_says(stage: Stage, chapter: str) -> None:
    story = Story(*stage, Console())

    assert tell(story, {chapter: CHAPTERS[chapter]})
    assert len(story.steps) > 1


def test_a_step_that_fails_fails_the_demo(stage: Stage) -> None:
    def broken(story: Story) -> None:
        with story.step("what cannot be"):
            raise AssertionError("is not")

    story = Story(*stage, Console())

    assert not tell(story, {"broken": broken})
    assert [step.error for step in story.steps] == ["AssertionError: is not"]


def test_a_step_shows_what_lay_behind_it(stage: Stage) -> None:
    story = Story(*stage, Console())

    with story.step("ask how it is"):
        assert stage[0].rest("GET", "/health").ok

    assert story.steps[0].behind.functions == ("health-api",)


def test_a_refusal_is_told_in_the_words_that_aws_answered(stage: Stage) -> None:
    told = refused(
        lambda: stage[0].sign_in("nobody@example.com", PASSWORD), "NotAuthorizedException"
    )

    assert told == "NotAuthorizedException: Incorrect username or password."


def test_a_chapter_that_does_not_exist_is_answered_with_those_that_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--chapter", "nope"]) == 1
    assert f"There are: {', '.join(CHAPTERS)}." in " ".join(capsys.readouterr().err.split())
