"""The panel that says why a transaction has a tag."""

from __future__ import annotations

import pytest
from steps import import_and_train, import_csv
from streamlit.testing.v1 import AppTest

from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.services.tagging import tag_all

pytestmark = pytest.mark.usefixtures("one_thread")


def fill(store: Store) -> None:
    import_and_train(store)
    known = store.view().columns.descriptions[0]
    import_csv(
        store, f"date,description,amount,tags\n2025-01-01,TESCO <b>of</b> yonder,-5,\n2025-01-02,{known},-5,\n", "2.csv"
    )
    tag_all(store, Progress())


@pytest.fixture
def trained(prepared) -> Store:
    return prepared(fill)


def _panel(transaction_id: str) -> None:
    from tagger.ui import grounds, session

    grounds.show(session.current().store, transaction_id)


def panel(store: Store, row: int) -> AppTest:
    page = AppTest.from_function(_panel, args=(store.view().columns.ids[row],), default_timeout=30).run()
    assert not page.exception, page.exception
    return page


def said(page: AppTest) -> str:
    return "\n".join(each.value for each in (*page.markdown, *page.caption))


def drawn(page: AppTest) -> str:
    return "\n".join(each.proto.body for each in page.get("html"))


def test_a_prediction_shows_probability_threshold_words_and_what_is_near(trained):
    page = panel(trained, -2)
    assert "The model says" in said(page)
    assert "at or above its threshold" in said(page)
    assert "<bdi>TESCO</bdi>" in drawn(page)
    assert 'class="why-near"' in drawn(page)


def test_html_in_a_description_is_text(trained):
    assert "&lt;b&gt;of&lt;/b&gt;" in drawn(panel(trained, -2))
    assert "<b>" not in drawn(panel(trained, -2))


def test_a_remembered_tag_shows_how_many_equal_rows_have_it_and_no_words(trained):
    page = panel(trained, -1)
    assert "Remembered: 1 of 1 reviewed row with this description has" in said(page)
    assert 'class="why-words" role' not in drawn(page)


def test_a_tag_that_is_not_shown_can_be_asked_about(trained):
    page = panel(trained, -2)
    assert page.selectbox[0].options[0] == "groceries"
    assert "rent (not shown)" in page.selectbox[0].options
    page.selectbox[0].set_value("rent").run()
    assert "below its threshold" in said(page)


def test_a_transaction_that_is_gone_is_told(trained):
    page = AppTest.from_function(_panel, args=("nowhere",), default_timeout=30).run()
    assert "not there any more" in page.error[0].value
