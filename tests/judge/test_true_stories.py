"""What went by the book is no breach."""

import pytest

from tests.judge.judging import judge
from tests.judge.stories import TRUE


@pytest.mark.parametrize("name", TRUE)
def test_a_true_story_is_accepted(name: str) -> None:
    assert judge(TRUE[name]()) == []
