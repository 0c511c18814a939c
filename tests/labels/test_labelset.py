"""Names of labels."""

from __future__ import annotations

import pytest

from tagger.labels.labelset import clean_name


@pytest.mark.parametrize("name", ["\u200bgroceries", "gro\u00adceries", "\u202egroceries\u202c", "groceries\ufeff"])
def test_what_cannot_be_seen_makes_no_other_name(name):
    assert clean_name(name) == "groceries"


def test_a_joined_emoji_stays_whole():
    assert clean_name("👩\u200d🍳 kitchen") == "👩\u200d🍳 kitchen"
