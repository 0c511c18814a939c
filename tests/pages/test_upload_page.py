"""The Upload page: what is guessed can be changed, what cannot be read is asked for, rows are known again."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest
from toys import labelled_csv

from tagger.config import Settings
from tagger.services.importing import Upload, import_files
from tagger.services.progress import Progress
from tagger.services.store import Store

ROWS = "2024-03-13,TESCO STORES 3021,-12.50\n2024-03-14,SHELL 42,-30.00\n"
MARCH = "Date,Description,Amount\n" + ROWS


@pytest.fixture
def upload(opened):
    """`upload(text, name)`: the page with these files chosen."""

    def choose(*files: tuple[str, str], page: AppTest | None = None) -> AppTest:
        page = page or opened("upload")
        page.file_uploader[0].set_value([(name, text.encode(), "text/csv") for name, text in files])
        page.run()
        assert not page.exception, page.exception
        return page

    return choose


def import_chosen(page: AppTest) -> AppTest:
    button(page, "Import").click().run()
    jobs = page.session_state["session"].jobs
    jobs.wait(jobs.latest().id, timeout=30)
    page.run()
    assert not page.exception, page.exception
    return page


def button(page: AppTest, label: str):
    return next(each for each in page.button if each.label == label)


def box(page: AppTest, label: str):
    return next(each for each in page.selectbox if each.label == label)


def accounts(page: AppTest) -> list[str | None]:
    return [each.value for each in page.selectbox if each.key.endswith(":account")]


def parsed(page: AppTest):
    return page.dataframe[0].value


def shown(page: AppTest) -> str:
    return "\n".join(each.value for each in [*page.markdown, *page.caption, *page.error, *page.warning, *page.info])


def test_an_overlapping_export_under_another_name_is_recognized(upload, opened):
    import_chosen(upload(("march.csv", MARCH)))
    page = import_chosen(upload(("march (1).csv", MARCH + "2024-03-15,ALDI,-5.00\n"), page=opened("upload")))
    assert "3 rows: 1 added, 2 already here" in shown(page)
    assert len(Store(Settings.from_environment()).view().columns) == 3


@pytest.fixture
def joint() -> None:
    """An earlier import of the account "joint", in the layout of MARCH."""
    store = Store(Settings.from_environment())
    import_files(store, [Upload("february.csv", MARCH.replace("-03-", "-02-").encode(), account="joint")], Progress())


def test_the_account_named_for_a_layout_is_offered_the_next_time(upload, opened, joint):
    assert box(upload(("march.csv", MARCH)), "Account").value == "joint"
    other = upload(("card.csv", "Date,Merchant,Amount\n" + ROWS), page=opened("upload"))
    assert box(other, "Account").value is None
    assert box(other, "Account").options == ["joint"]


def test_taking_one_file_away_leaves_the_choices_of_the_other_alone(upload, joint):
    first, second = "Date,Merchant,Amount\n" + ROWS, "Date,Payee,Amount\n" + ROWS
    page = upload(("a.csv", first), ("b.csv", second))
    box(page, "Account").set_value("joint").run()
    assert accounts(page) == ["joint", None]
    upload(("b.csv", second), page=page)
    assert accounts(page) == [None]


def test_a_file_without_a_likely_description_asks_for_it(upload):
    page = upload(("odd.csv", "when,a,b,c\n2024-03-13,1,2,3\n2024-03-14,4,5,6\n"))
    assert "No column that could be the description" in shown(page)
    assert "when, a, b, c" in shown(page)
    assert button(page, "Import").disabled
    box(page, "Description").set_value("b").run()
    assert list(parsed(page)["Description"]) == ["2", "5"]
    assert not button(page, "Import").disabled


def test_a_delimiter_that_was_not_found_can_be_chosen(upload):
    page = upload(("odd.csv", "date description amount\n2024-03-13 TESCO -12.50\n"))
    assert "Only one column was found" in shown(page)
    assert [each.label for each in page.selectbox] == ["Cells are separated by"]


def test_naming_one_of_two_money_columns_keeps_the_other(upload):
    text = "Date,Description,Paid out,Received money\n2024-03-13,TESCO,12.50,\n2024-03-14,PAYROLL,,1602.61\n"
    page = upload(("two.csv", text))
    assert (box(page, "Money out").value, box(page, "Money in").value) == ("Paid out", "(none)")
    box(page, "Money in").set_value("Received money").run()
    assert list(parsed(page)["Amount"]) == ["−12.50", "1,602.61"]


def test_dates_that_could_be_either_are_pointed_out_and_can_be_turned_round(upload):
    page = upload(("us.csv", "Date,Description,Amount\n03/01/2024,TESCO,-1.00\n01/02/2024,SHELL,-2.00\n"))
    assert "assumed: every day is 12 or less" in shown(page).replace("\\", "")
    assert [day.month for day in parsed(page)["Date"]] == [1, 2]
    box(page, "Dates are written").set_value("month first").run()
    assert [day.month for day in parsed(page)["Date"]] == [3, 1]
    assert "assumed" not in "\n".join(each.value for each in page.warning)


def test_the_decimal_mark_can_be_chosen(upload):
    page = upload(("de.csv", "Date,Description,Amount\n2024-03-13,TESCO,1.500\n"))
    before = parsed(page)["Amount"][0]
    mark = box(page, "Decimal mark")
    mark.set_value("," if mark.value == "." else ".").run()
    assert {before, parsed(page)["Amount"][0]} == {"1.500", "1,500.00"}


def test_rows_that_came_after_review_was_opened_are_there_when_one_comes_back(upload, opened, listed):
    review = opened("review")
    assert listed(review) == []
    import_chosen(upload(("march.csv", labelled_csv(2))))
    assert len(listed(review.run())) == 6
