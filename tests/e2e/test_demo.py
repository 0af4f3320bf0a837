"""The demo is a test: every step of every chapter does what it says."""

import pytest
from rich.console import Console

from localcloud.demo.__main__ import CHAPTERS
from localcloud.demo.stage import Stage
from localcloud.demo.story import Story, tell


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

    assert "health-api" in story.steps[0].behind
