"""Imports: one batch each, all or nothing, taken back whole."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from steps import StopAt, confirm, ids_by_description, import_csv, make_labels, statement, three_kinds, undo, verdict

from tagger.errors import CancelledError, NotFoundError, TaggerError, UnreadableFileError
from tagger.labels.truth import NO, NOT_JUDGED, YES
from tagger.learning.recipe import Recipe
from tagger.services import doctor, exporting, home, importing, labelset, tables, tagging, training
from tagger.services.importing import Upload, import_files
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.storage.runs import STARTER, write_bundle
from tagger.transactions.layout import ReadOptions

PLAIN = "date,description,amount"
pytestmark = pytest.mark.usefixtures("one_thread")


def values(store: Store) -> dict[str, list[int]]:
    view = store.view()
    return dict(zip(view.columns.descriptions, view.truth.values.tolist(), strict=True))


def everything(store: Store) -> list[object]:
    """Every row of every table a person's data lies in."""
    with store.db.read() as connection:
        return [
            connection.exec_driver_sql(f"select * from {table}").all()
            for table in ("batches", "transactions", "labels", "judgements")
        ]


def test_a_filled_cell_judges_its_row_for_the_labels_of_its_file_only(store):
    make_labels(store, "holiday")
    import_csv(store, statement("2024-03-01,TESCO,-1.00,food", "2024-03-02,SHELL,-2.00,fuel", "2024-03-03,RENT,-3.00,"))
    assert [label.name for label in store.view().labels] == ["holiday", "food", "fuel"]
    assert values(store) == {
        "TESCO": [NOT_JUDGED, YES, NO],
        "SHELL": [NOT_JUDGED, NO, YES],
        "RENT": [NOT_JUDGED, NOT_JUDGED, NOT_JUDGED],
    }


def test_a_second_import_of_a_row_is_recorded_unless_a_person_has_judged_it(store):
    text = statement("2024-03-01,TESCO,-1.00,food", "2024-03-02,SHELL,-2.00,food", "2024-03-03,RENT,-3.00,food")
    import_csv(store, text)
    ids = ids_by_description(store)
    verdict(store, ids["TESCO"], 1, "no")
    undo(store, verdict(store, ids["SHELL"], 1, "no"))
    (report,) = import_csv(store, text.replace("food", "fuel"), "again.csv")["files"]
    assert (report["added"], report["duplicates"], report["judged"], report["conflicts"]) == (0, 3, 2, 1)
    assert values(store) == {"TESCO": [NO, NOT_JUDGED], "SHELL": [YES, YES], "RENT": [YES, YES]}


@pytest.mark.parametrize("judged", [False, True])
def test_taking_an_import_back_leaves_the_store_as_it_was(store, judged):
    import_csv(store, statement("2024-03-01,TESCO,-1.00,food"), "own.csv")
    before = everything(store)
    batch = import_csv(store, three_kinds(judged=judged), "march.csv")["batch_id"]
    if judged:
        verdict(store, ids_by_description(store)["TESCO groceries aaa"], 2, "no")
    importing.undo_import(store, batch)
    assert everything(store) == before
    assert doctor.examine(store)["problems"] in ([], ["Run starter: There is no run 'no starter'."])


def test_a_label_that_a_person_used_elsewhere_outlives_its_import(store):
    import_csv(store, statement("2024-03-01,TESCO,-1.00", header=PLAIN), "own.csv")
    batch = import_csv(store, statement("2024-03-02,SHELL,-2.00,fuel", "2024-03-03,BAKER,-3.00,food"), "b.csv")[
        "batch_id"
    ]
    verdict(store, ids_by_description(store)["TESCO"], 2, "yes")
    importing.undo_import(store, batch)
    assert [label.name for label in store.view().labels] == ["food"]
    assert values(store) == {"TESCO": [YES]}


def test_what_a_person_said_about_a_row_goes_with_the_row_and_undoing_it_later_does_no_harm(store):
    batch = import_csv(store, statement("2024-03-01,TESCO,-1.00,food"))["batch_id"]
    step = confirm(store, ids_by_description(store)["TESCO"], [1])
    importing.undo_import(store, batch)
    undo(store, step)
    import_csv(store, statement("2024-03-01,TESCO,-1.00", header=PLAIN))
    assert values(store) == {"TESCO": []}
    assert not store.view().truth.confirmed.any()


@pytest.mark.parametrize("name", ["", "nothing like it"])
def test_an_import_that_does_not_exist_cannot_be_taken_back(store, name):
    import_csv(store, three_kinds())
    with pytest.raises(NotFoundError, match="no import"):
        importing.undo_import(store, name)
    assert len(store.view().columns) == 42


def test_one_unreadable_file_among_several_keeps_them_all_out(store):
    uploads = [Upload("good.csv", three_kinds().encode(), account="main"), Upload("bad.csv", b"\x00\x01\x02" * 99)]
    with pytest.raises(UnreadableFileError):
        import_files(store, uploads, Progress())
    assert everything(store) == [[], [], [], []]


@pytest.fixture
def trained(store: Store) -> Store:
    import_csv(store, three_kinds())
    training.train(store, Recipe(), Progress(), promote_it=True)
    return store


MAY = statement("2024-05-01,CINEMA may,-1.00,fun", "2024-05-02,TESCO groceries may,-2.00,groceries")


@pytest.mark.parametrize("stage", ["Reading", "Storing", "Loading the encoder", "Tagging"])
def test_an_import_that_was_stopped_leaves_nothing(trained, stage):
    before = everything(trained)
    with pytest.raises(CancelledError) as caught:
        import_files(trained, [Upload("may.csv", MAY.encode())], StopAt(stage))
    assert "Nothing was changed" in caught.value.hint
    assert everything(trained) == before
    assert import_csv(trained, MAY, "may.csv")["files"][0]["added"] == 2
    assert trained.view().tagging.n_waiting == 0


def test_an_import_that_was_stopped_after_a_person_judged_one_of_its_rows_stays(trained):
    def meanwhile():
        verdict(trained, ids_by_description(trained)["CINEMA may"], 1, "no")

    with pytest.raises(CancelledError) as caught:
        import_files(trained, [Upload("may.csv", MAY.encode())], StopAt("Tagging", meanwhile))
    assert "stay" in caught.value.hint
    assert len(trained.view().columns) == 44
    assert values(trained)["CINEMA may"][0] == NO
    assert trained.view().tagging.n_waiting == 2
    tagging.tag_all(trained, Progress())
    assert trained.view().tagging.n_waiting == 0


def test_a_disk_that_fills_up_while_tagging_keeps_the_rows_and_the_rest_follows(trained, monkeypatch):
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(TaggerError, match="disk is full"):
            import_csv(trained, MAY, "may.csv")
    assert len(trained.view().columns) == 44
    tagging.tag_all(trained, Progress())
    assert trained.view().tagging.n_waiting == 0


FULL = """
    import resource, sys
    from pathlib import Path
    from tagger.config import Settings
    from tagger.errors import TaggerError
    from tagger.services.importing import Upload, import_files
    from tagger.services.progress import Progress
    from tagger.services.store import Store
    store = Store(Settings(home=Path(sys.argv[1])))
    text = "date,description,amount\\n" + "".join(f"2024-03-01,SHOP {n} OF THE BANK,-1.00\\n" for n in range(20000))
    limit = store.settings.database_path.stat().st_size + 300_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        import_files(store, [Upload("big.csv", text.encode())], Progress(), tag=False)
    except TaggerError as error:
        print(f"{error} {error.hint}")
"""


def test_a_disk_that_fills_up_while_storing_leaves_no_half_import(trained):
    before = everything(trained)
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL), str(trained.settings.home)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "disk is full" in ended.stdout, ended.stderr
    assert everything(trained) == before
    assert trained.db.check() == []


def starter_of(store: Store) -> None:
    """Make the store's own run its starter."""
    bundle = store.bundle(store.view().tagging.run_id)
    write_bundle(store.settings.starter_path, replace(bundle, run_id=STARTER, store_id="elsewhere", evidence={}))


@pytest.fixture
def started(trained: Store, tmp_path: Path) -> Store:
    """An empty store with a starter that knows groceries, fuel, rent and recurring."""
    starter_of(trained)
    settings = replace(trained.settings, home=tmp_path / "new home")
    (tmp_path / "new home").mkdir()
    trained.settings.starter_path.rename(settings.starter_path)
    opened = Store(settings)
    opened.encoding.use(trained.encoding.encoder)
    yield opened
    opened.close()


def names(store: Store) -> list[str]:
    return [label.name for label in store.view().labels]


def test_a_first_statement_without_labels_shows_the_starters_tags_at_once(started):
    import_csv(started, statement("2024-05-01,TESCO groceries new,-1.00", header=PLAIN))
    assert names(started) == ["groceries", "fuel", "rent", "recurring"]
    assert started.view().sources[0, 0] == 1
    assert started.view().tagging.run_id == STARTER


def test_a_labelled_statement_takes_the_place_of_the_starters_labels_and_taking_it_back_returns_them(started):
    import_csv(started, statement("2024-05-01,TESCO groceries new,-1.00", header=PLAIN))
    batch = import_csv(started, statement("2024-05-02,SHELL,-1.00,motoring"), "own.csv")["batch_id"]
    assert names(started) == ["motoring"]
    importing.undo_import(started, batch)
    assert names(started) == ["groceries", "fuel", "rent", "recurring"]


def test_an_archived_starter_label_stays_archived_through_imports_and_taking_them_back(started):
    import_csv(started, statement("2024-05-01,TESCO groceries new,-1.00", header=PLAIN))
    for name in names(started):
        labelset.archive(started, name)
    batch = import_csv(started, statement("2024-05-02,SHELL,-1.00", header=PLAIN), "two.csv")["batch_id"]
    assert names(started) == []
    importing.undo_import(started, batch)
    assert names(started) == []
    assert len(started.view().columns) == 1


def test_texts_are_encoded_once_however_often_they_come(trained):
    encoder = trained.encoding.encoder
    known = len(encoder.texts_encoded)
    import_csv(trained, three_kinds(), "again.csv")
    import_csv(trained, three_kinds().replace("2024-03", "2025-03"), "a year later.csv")
    assert len(encoder.texts_encoded) == known
    import_csv(trained, MAY, "may.csv")
    assert sorted(encoder.texts_encoded[known:]) == ["CINEMA may", "TESCO groceries may"]


def test_home_names_the_one_next_step(store):
    make_labels(store, "groceries")
    shops = ("TESCO", "ALDI", "SHELL", "BP", "RENT", "BAKER", "CINEMA")
    import_csv(store, statement(*(f"2024-03-0{day},{shop},-1.00" for day, shop in enumerate(shops, 1)), header=PLAIN))
    ids = store.view().columns.ids
    assert home.overview(store).next_page == "pages/review.py"
    for number, row in enumerate(ids[:5]):
        assert home.overview(store).next_page == "pages/review.py"
        confirm(store, row, [1] * (number % 2))
    assert home.overview(store).next_page == "pages/train.py"
    training.train(store, Recipe(), Progress(), promote_it=True)
    assert home.overview(store).next_page == "pages/review.py"
    for row in ids[5:]:
        confirm(store, row)
    overview = home.overview(store)
    assert (overview.next_page, overview.n_confirmed, overview.n_transactions) == ("pages/export.py", 7, 7)
    assert overview.run_created_at is not None


def test_the_counts_of_an_export_are_those_of_its_rows(trained):
    ids = make_labels(trained, "fun")
    import_csv(trained, MAY.replace(",fun", ",").replace(",groceries\n", ",\n"), "may.csv")
    import_csv(
        trained, three_kinds().replace("2024-03", "2024-04").splitlines()[0] + "\n2024-04-01,ZZZ,-1.00,\n", "z.csv"
    )
    view = trained.view()
    verdict(trained, view.columns.ids[-1], ids[0], "yes")
    rows = list(exporting.records(trained.view()))
    counted = exporting.counts(trained)
    assert counted["transactions"] == len(rows) == 45
    for source in ("predicted", "remembered", "confirmed"):
        assert counted[source] == sum(row["tag_source"] == source for row in rows)
    view = trained.view()
    for row in rows:
        place = view.columns.ids.index(row["transaction_id"])
        present = [int(source) for source in view.sources[place] if source]
        if present:
            assert row["tag_source"] == ("predicted", "remembered", "confirmed")[min(present) - 1]
        elif view.truth.confirmed[place]:
            assert row["tag_source"] == "confirmed"
    assert np.count_nonzero(view.sources) == sum(len(row["tags"]) for row in rows)


def test_taking_the_only_import_back_keeps_the_starters_tags_beside_a_label_of_ones_own(started):
    text = statement("2024-05-01,TESCO groceries new,-1.00", header=PLAIN)
    batch = import_csv(started, text)["batch_id"]
    labelset.add(started, "mine")
    importing.undo_import(started, batch)
    import_csv(started, text)
    assert names(started) == ["groceries", "fuel", "rent", "recurring", "mine"]
    assert started.view().sources[0, 0] == 1


def test_a_bank_file_judges_its_own_labels_and_the_sample_judges_all_of_its_labels(store):
    files = [statement("2024-05-01,TESCO,-1.00,food"), statement("2024-05-02,SHELL,-1.00,fuel")]
    for is_sample, judged in ((False, 2), (True, 4)):
        uploads = [Upload(f"{number}.csv", text.encode()) for number, text in enumerate(files)]
        report = import_files(store, uploads, Progress(), is_sample=is_sample)
        assert int(store.view().truth.judged.sum()) == judged
        importing.undo_import(store, report["batch_id"])


def learn_own_tag(started: Store) -> dict:
    """Rows that the starter calls groceries; some are called "food shop" instead, and a run learns from them.

    Rows of another kind are not that: of a tag that nobody said no to, a run says nothing.
    """
    towns = [f"{a}{b}" for a in "abcdefgh" for b in "xyz"]
    rows = [f"2024-05-{day:02d},TESCO groceries {town},-1.00" for day, town in enumerate(towns, 1)]
    rows += [f"2024-05-30,PARCEL post {town},-1.00" for town in towns[:6]]
    import_csv(started, statement(*rows, header=PLAIN))
    (mine,) = make_labels(started, "food shop")
    tesco = [public_id for text, public_id in ids_by_description(started).items() if text.startswith("TESCO")]
    for public_id in tesco[:14]:
        confirm(started, public_id, [mine])
    for text, public_id in ids_by_description(started).items():
        if text.startswith("PARCEL"):
            verdict(started, public_id, mine, "no")
    return training.train(started, Recipe(), Progress(), promote_it=True)


def tags_of_open_rows(store: Store) -> set[str]:
    view = store.view()
    open_rows = ~view.truth.confirmed
    return {label.name for column, label in enumerate(view.labels) if view.sources[open_rows, column].any()}


def test_a_starter_tag_that_was_only_ever_rejected_is_given_no_more(started):
    learn_own_tag(started)
    assert tags_of_open_rows(started) == {"food shop", "fuel"}  # fuel is what the toy starter says of parcels
    assert started.bundle(started.view().tagging.run_id).summary["rejected_labels"] == ["groceries"]
    training.train(started, Recipe(), Progress(), promote_it=True)
    assert tags_of_open_rows(started) == {"food shop", "fuel"}


@pytest.mark.parametrize(("n_merchants", "given"), [(2, True), (3, False)])
def test_it_takes_three_merchants_to_silence_a_starter_tag(started, n_merchants, given):
    rows = [
        f"2024-05-0{day},TESCO groceries {town},-1.00" for day, town in enumerate(["leeds", "york", "hull", "bath"], 1)
    ]
    import_csv(started, statement(*rows, header=PLAIN))
    (mine,) = make_labels(started, "food shop")
    for public_id in list(ids_by_description(started).values())[:n_merchants]:
        confirm(started, public_id, [mine])
    training.train(started, Recipe(), Progress(), promote_it=True)
    assert ("groceries" in tags_of_open_rows(started)) == given


def test_a_starter_tag_that_was_let_stand_once_or_never_met_is_still_given(started):
    import_csv(started, statement("2024-06-01,SHELL fuel new,-1.00", header=PLAIN), "fuel.csv")
    learn_own_tag(started)
    assert tags_of_open_rows(started) == {"food shop", "fuel"}


def test_a_table_is_tagged_as_the_app_tags_the_same_rows(started, tmp_path):
    import_csv(started, statement("2024-06-01,SHELL fuel new,-1.00", header=PLAIN), "fuel.csv")
    learn_own_tag(started)
    (tmp_path / "in.csv").write_text("date,description,amount\n2024-06-01,SHELL fuel new,-1.00\n")
    tables.tag_table(started, tmp_path / "in.csv", tmp_path / "out.csv", ReadOptions(), Progress())
    row = next(row for row in exporting.records(started.view()) if row["description"] == "SHELL fuel new")
    assert "fuel" in row["tags"]
    tagged = (tmp_path / "out.csv").read_text().splitlines()[1]
    assert tagged.split(",")[3:] == ["|".join(row["tags"]), row["tag_source"]]


def test_an_export_names_the_run_that_gave_the_tags(started):
    import_csv(started, statement("2024-06-01,SHELL fuel new,-1.00", header=PLAIN), "fuel.csv")
    run_id = learn_own_tag(started)["run_id"]
    found = {row["description"]: row for row in exporting.records(started.view())}
    assert found["SHELL fuel new"]["run_id"] == STARTER
    assert {row["run_id"] for row in found.values() if row["tags"] == ["food shop"]} == {run_id}
