"""`import`: what the labels in a file say about its rows."""

from __future__ import annotations

from command_line.common import THREE_ROWS, by_name, export_rows, verdicts_of


def test_a_filled_cell_judges_its_row_and_an_empty_one_does_not(bring, ok):
    assert bring(THREE_ROWS)["judged"] == 2
    for name in ("food", "fuel", "car"):
        assert verdicts_of(ok, name) == (2, 1)


def test_with_blank_means_none_an_empty_cell_says_that_no_label_applies(bring, ok, tmp_path):
    assert bring(THREE_ROWS, "--blank-means-none")["judged"] == 3
    for name in ("food", "fuel", "car"):
        assert verdicts_of(ok, name) == (3, 1)
    assert {row["description"]: row["tag_source"] for row in export_rows(ok, tmp_path)}["ODD"] == "confirmed"


def test_the_order_of_rows_does_not_matter(bring, ok):
    header, *rows = THREE_ROWS.splitlines()
    bring("\n".join([header, *reversed(rows)]) + "\n")
    # The first row is judged for labels that only later rows name.
    for name in ("food", "fuel", "car"):
        assert verdicts_of(ok, name) == (2, 1)


def test_labels_known_from_elsewhere_stay_not_judged(bring, ok):
    bring(THREE_ROWS)
    bring("date,description,amount,tags\n2024-04-01,RENT,-9,rent\n2024-04-02,ALDI,-9,food\n", name="april.csv")
    assert verdicts_of(ok, "rent") == (2, 1)
    assert verdicts_of(ok, "food") == (4, 2)
    assert verdicts_of(ok, "fuel") == (2, 1)


def test_each_file_of_one_import_judges_its_own_labels(ok, write):
    ok(
        "import",
        write("a.csv", "date,description,amount,tags\n2024-03-01,TESCO,-1,food\n"),
        write("b.csv", "date,description,amount,tags\n2024-03-02,SHELL,-1,fuel\n"),
    )
    assert verdicts_of(ok, "food") == (1, 1)
    assert verdicts_of(ok, "fuel") == (1, 1)


def test_labels_of_a_duplicate_are_recorded_unless_a_person_judged_it(bring, ok, write, tmp_path):
    plain = "date,description,amount\n2024-03-01,TESCO,-1\n2024-03-02,SHELL,-2\n"
    bring(plain)
    ids = {row["description"]: row["transaction_id"] for row in export_rows(ok, tmp_path)}
    ok("judge", write("verdicts.csv", f"transaction_id,label,verdict\n{ids['SHELL']},travel,yes\n"))

    found = bring(
        "date,description,amount,tags\n2024-03-01,TESCO,-1,food\n2024-03-02,SHELL,-2,food\n", name="later.csv"
    )
    assert (found["added"], found["duplicates"], found["judged"], found["conflicts"]) == (0, 2, 1, 1)
    assert verdicts_of(ok, "food") == (1, 1)
    assert verdicts_of(ok, "travel") == (1, 1)

    # What an earlier import said gives way to a later one.
    found = bring("date,description,amount,tags\n2024-03-01,TESCO,-1,home\n2024-03-09,X,-2,food\n", name="last.csv")
    assert (found["judged"], found["conflicts"]) == (2, 0)
    assert {row["description"]: row["tags"] for row in export_rows(ok, tmp_path)} == {
        "TESCO": "home",
        "SHELL": "travel",
        "X": "food",
    }


def test_labels_matching_keeps_only_these(bring, ok):
    text = (
        "date,description,amount,tags\n2024-03-01,A ONE,-1,group:food|merchant:one\n2024-03-02,B TWO,-1,merchant:two\n"
    )
    assert bring(text, "--labels-matching", "^group:")["judged"] == 2
    assert set(by_name(ok("labels", "list"))) == {"group:food"}
    assert verdicts_of(ok, "group:food") == (2, 1)


def test_labels_matching_has_to_be_a_pattern(fails, write):
    assert "regular expression" in fails("import", write("bank.csv", THREE_ROWS), "--labels-matching", "(")["message"]


def test_the_separator_divides_a_cell_into_labels(bring, ok):
    bring("date,description,amount,tags\n2024-03-01,TESCO,-1,food; drink ;food\n", "--labels-separator", ";")
    assert set(by_name(ok("labels", "list"))) == {"food", "drink"}


def test_labels_are_one_whatever_their_case_and_spacing(bring, ok):
    bring("date,description,amount,tags\n2024-03-01,TESCO,-1,Eating  Out\n2024-03-02,SHELL,-1,eating out\n")
    assert verdicts_of(ok, "Eating Out") == (2, 2)


def test_a_label_that_cannot_be_a_name_is_an_error_of_its_row(bring, ok):
    found = bring(f"date,description,amount,tags\n2024-03-01,TESCO,-1,food\n2024-03-02,SHELL,-1,{'x' * 81}|fuel\n")
    assert (found["added"], found["judged"]) == (1, 1)
    (error,) = found["errors"]
    assert (error["line"], error["column"], error["value"]) == (3, "tags", "x" * 81)
    assert "81 characters" in error["message"]
    assert set(by_name(ok("labels", "list"))) == {"food"}
