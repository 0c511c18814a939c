from __future__ import annotations

from tagger.learning.recipe import EXTRAS, POOLINGS
from tagger.ui.recipes import BESIDES, EMBEDDINGS


def test_everything_that_a_head_may_look_at_has_a_name_on_screen():
    assert sorted(BESIDES.values()) == sorted(EXTRAS)
    assert set(POOLINGS) <= set(EMBEDDINGS.values())
