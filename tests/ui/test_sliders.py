"""Sliders of two tabs, and of one tab that is faster than the page."""

from __future__ import annotations

import pytest
from steps import import_csv, three_kinds

from tagger.learning.recipe import Recipe
from tagger.services import training, tuning
from tagger.services.jobs import Jobs
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.ui.session import Session
from tagger.ui.widgets import keeping_drafts


@pytest.fixture
def tuned(store: Store) -> Store:
    import_csv(store, three_kinds())
    training.train(store, Recipe(), Progress(), promote_it=True)
    return store


def tab(store: Store):
    """A tab that shows the panel: where its sliders stand, and what it does when they are let go."""
    panel = tuning.panel(store)
    return panel.drafts, keeping_drafts(Session(store, Jobs(store)), panel)


def test_two_tabs_keep_each_others_moves(tuned):
    (first, keep_first), (second, keep_second) = tab(tuned), tab(tuned)
    keep_first(first | {1: 0.91})
    keep_second(second | {2: 0.12})
    assert tuning.panel(tuned).drafts == first | {1: 0.91, 2: 0.12}


def test_a_slider_that_is_moved_back_before_the_page_is_drawn_again_is_back(tuned):
    before, keep = tab(tuned)
    keep(before | {1: 0.91})
    keep(before)
    assert tuning.panel(tuned).drafts == before
