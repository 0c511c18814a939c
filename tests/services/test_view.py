"""The view against a rebuild from nothing, and against the rules said again in plain loops."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from steps import add_made_up_run, confirm, import_csv, make_labels, statement, undo, verdict
from toys import save_thresholds

from tagger.errors import LabelError, TaggerError
from tagger.labels.truth import NO, NOT_JUDGED, YES
from tagger.services import importing, labelset, runs
from tagger.services.store import Store
from tagger.services.view import ABSENT, CONFIRMED, PREDICTED, REMEMBERED, View
from tagger.storage import labels

VALUES = {"yes": YES, "no": NO, "clear": NOT_JUDGED}
SHOPS = ("TESCO 3021", "SHELL LONDON", "RENT MARCH", "tesco  3021", "Aldi", "COFFEE")


def same_view(one: View, other: View) -> None:
    assert one.columns.ids == other.columns.ids
    assert one.labels == other.labels
    assert np.array_equal(one.truth.values, other.truth.values)
    assert np.array_equal(one.truth.confirmed, other.truth.confirmed)
    assert np.array_equal(one.truth.judged_at, other.truth.judged_at)
    assert np.array_equal(one.judged_rows, other.judged_rows)
    assert np.array_equal(one.tagging.probabilities, other.tagging.probabilities, equal_nan=True)
    assert np.array_equal(one.tagging.thresholds, other.tagging.thresholds, equal_nan=True)
    assert np.array_equal(one.sources, other.sources)
    for name, mine in vars(one.remembered).items():
        assert np.array_equal(mine, getattr(other.remembered, name)), name
    is_present = np.unpackbits(one.present_bits, axis=1, count=len(one.columns)).T.astype(bool)
    assert np.array_equal(is_present, other.sources != ABSENT)
    assert not one.present_bits.size or one.present_bits.shape == (len(one.labels), -(-len(one.columns) // 8))


@dataclass
class Step:
    """One step of the log: what it judges, or what it undoes."""

    id: str
    by_person: bool = True
    batch: str | None = None
    target: str | None = None
    verdicts: list[tuple[str, int, int]] = field(default_factory=list)
    confirmations: dict[str, tuple[set[int], set[int]]] = field(default_factory=dict)


class Log:
    """The rules of truth, said again without arrays, caches or SQL."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.batch_of: dict[str, str] = {}

    def stands(self, step: Step) -> bool:
        return not any(self.stands(later) for later in self.steps if later.target == step.id)

    def touched_by_person(self, transaction: str) -> bool:
        return any(
            step.by_person
            and self.stands(step)
            and (transaction in step.confirmations or any(row == transaction for row, _, _ in step.verdicts))
            for step in self.steps
        )

    def remove_batch(self, batch: str) -> None:
        gone = {row for row, owner in self.batch_of.items() if owner == batch}
        for row in gone:
            del self.batch_of[row]
        for step in self.steps:
            own = step.batch == batch
            step.verdicts = [each for each in step.verdicts if not own and each[0] not in gone]
            step.confirmations = {
                row: judged for row, judged in step.confirmations.items() if not own and row not in gone
            }

    def truth(self, live: list[int], merged: dict[int, int]) -> tuple[dict, dict, dict]:
        """Values by (transaction, label), confirmed and last step by transaction."""
        values: dict[tuple[str, int], int] = {}
        confirmed: dict[str, bool] = {}
        last: dict[str, int] = {}
        for place, step in enumerate(self.steps, start=1):
            if not self.stands(step):
                continue
            for row, label, value in step.verdicts:
                target = merged.get(label, label)
                if target in live:
                    values[row, target] = value
                last[row] = place
            for row, (covers, present) in step.confirmations.items():
                for label in live:
                    aliases = {label} | {source for source, target in merged.items() if target == label}
                    if aliases & (covers | present):
                        values[row, label] = YES if aliases & present else NO
                confirmed[row] = True
                last[row] = place
        return values, confirmed, last


def live_and_merged(store: Store) -> tuple[list[int], dict[int, int]]:
    with store.db.read() as connection:
        known = labels.all_labels(connection)
    live = [label.id for label in known if not label.archived and label.merged_into is None]
    return live, {label.id: label.merged_into for label in known if label.merged_into is not None}


def agrees_with(log: Log, store: Store) -> None:
    view = store.view()
    live, merged = live_and_merged(store)
    values, confirmed, last = log.truth(live, merged)
    assert set(view.columns.ids) == set(log.batch_of)
    assert [label.id for label in view.labels] == live
    for row, public_id in enumerate(view.columns.ids):
        expected = [values.get((public_id, label), NOT_JUDGED) for label in live]
        assert view.truth.values[row].tolist() == expected, public_id
        assert bool(view.truth.confirmed[row]) == confirmed.get(public_id, False)
    order = sorted(
        (row for row in view.columns.ids if any(values.get((row, label), NOT_JUDGED) != NOT_JUDGED for label in live)),
        key=lambda row: last[row],
    )
    found = [view.columns.ids[row] for row in view.judged_rows.tolist()]
    assert [last[row] for row in found] == [last[row] for row in order]
    assert set(found) == set(order)


class Person:
    """Does random things to a store, and writes the log."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store, self.log, self.random = store, Log(), random.Random(seed)
        self.batches: list[str] = []

    def step(self) -> None:
        if not self.log.batch_of:
            self.bring()
            return
        choices = [self.verdict] * 6 + [self.confirm] * 4 + [self.undo] * 4 + [self.bring] * 2
        choices += [self.take_back, self.merge, self.merge, self.archive, self.restore]
        self.random.choice(choices)()

    def verdict(self) -> None:
        row = self.random.choice(list(self.log.batch_of))
        live, _ = live_and_merged(self.store)
        if not live:
            live = make_labels(self.store, f"label {self.random.random()}")
        label, value = self.random.choice(live), self.random.choice(list(VALUES))
        step = verdict(self.store, row, label, value)
        self.log.steps.append(Step(step, verdicts=[(row, label, VALUES[value])]))

    def confirm(self) -> None:
        row = self.random.choice(list(self.log.batch_of))
        live, _ = live_and_merged(self.store)
        present = {label for label in live if self.random.random() < 0.3}
        new = [f"new {self.random.randrange(10**6)}"] if self.random.random() < 0.3 else []
        step = confirm(self.store, row, present, new)
        born = {label for label in live_and_merged(self.store)[0] if label not in live}
        self.log.steps.append(Step(step, confirmations={row: (set(live) | born, present | born)}))

    def undo(self) -> None:
        people = [step for step in self.log.steps if step.by_person]
        if people:
            target = self.random.choice(people).id
            self.log.steps.append(Step(undo(self.store, target), target=target))

    def bring(self) -> None:
        judged = self.random.random() < 0.6
        names = self.random.sample(["groceries", "fuel", "rent", "fun"], 2)
        rows = []
        for _ in range(self.random.randrange(1, 5)):
            tags = self.random.choice([*names, "|".join(names), ""]) if judged else ""
            rows.append(f"2024-03-0{self.random.randrange(1, 4)},{self.random.choice(SHOPS)},-1.00,{tags}")
        before = dict(self.log.batch_of)
        try:
            report = import_csv(self.store, statement(*rows), f"{self.random.random()}.csv")
        except LabelError:  # one of its labels is archived
            return
        batch = report["batch_id"]
        self.batches.append(batch)
        # Which of its rows are new is the readers' and the identity's business, and tested there.
        view = self.store.view()
        owners = dict(zip(view.columns.ids, view.columns.batch_ids, strict=True))
        assert {row: owner for row, owner in owners.items() if row in before} == before
        self.log.batch_of = owners
        self.log.steps += self._imported(batch)
        assert len(owners) - len(before) == report["files"][0]["added"]

    def _imported(self, batch: str) -> list[Step]:
        """What the import judged, as the database has it, held against the rule that people come first."""
        with self.store.db.read() as connection:
            found = connection.exec_driver_sql(
                "select o.id, t.id, s.members, j.present from judgements j join operations o on o.seq = j.operation_seq"
                " join transactions t on t.pk = j.transaction_pk join label_sets s on s.id = j.label_set_id"
                f" where o.batch_id = '{batch}'"
            ).all()
            step = connection.exec_driver_sql(f"select id from operations where batch_id = '{batch}'").scalar()
        if step is None:
            return []
        numbers = [{int(part) for part in text.split(",") if part} for row in found for text in row[2:]]
        confirmations = {
            row[1]: (covers, present) for row, covers, present in zip(found, numbers[::2], numbers[1::2], strict=True)
        }
        assert not any(self.log.touched_by_person(row) for row in confirmations)
        return [Step(step, by_person=False, batch=batch, confirmations=confirmations)]

    def take_back(self) -> None:
        if self.batches:
            batch = self.batches.pop(self.random.randrange(len(self.batches)))
            importing.undo_import(self.store, batch)
            self.log.remove_batch(batch)

    def merge(self) -> None:
        live = self.store.view().labels
        if len(live) > 2:
            one, other = self.random.sample(live, 2)
            labelset.merge(self.store, one.name, other.name)

    def archive(self) -> None:
        live = self.store.view().labels
        if len(live) > 3:
            labelset.archive(self.store, self.random.choice(live).name)

    def restore(self) -> None:
        with self.store.db.read() as connection:
            archived = [label for label in labels.all_labels(connection) if label.archived]
        if archived:
            labelset.restore(self.store, self.random.choice(archived).name)


@pytest.mark.parametrize("seed", range(6))
def test_the_view_agrees_with_the_rules_and_with_a_rebuild_after_anything_a_person_may_do(store, seed):
    person = Person(store, seed)
    for number in range(45):
        person.step()
        if number % 3 == 0:  # not after each, so that several steps are caught up at once
            agrees_with(person.log, store)
        if number % 15 == 14:
            fresh = Store(store.settings)
            same_view(store.view(), fresh.view())
            fresh.close()
    assert store.db.check() == []


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 130))
def test_the_view_agrees_with_the_rules_for_long(store, seed):
    person = Person(store, seed)
    for _ in range(200):
        person.step()
        agrees_with(person.log, store)


ROWS = [
    f"2024-03-{day:02d},{shop},-{day}.00"
    for day, shop in enumerate(("TESCO", "tesco", "SHELL", "SHELL", "RENT", "COFFEE", "TESCO", "NEW SHOP"), start=1)
]


def plain_sources(view: View) -> list[list[int]]:
    """A verdict wins over memory, memory over the model; said again row by row."""
    folds = [view.columns.folds[place] for place in view.columns.fold_index]
    result = []
    for row in range(len(view.columns)):
        sources = []
        for column in range(len(view.labels)):
            said = [
                int(view.truth.values[other, column])
                for other in view.judged_rows.tolist()
                if folds[other] == folds[row] and view.truth.values[other, column] != NOT_JUDGED
            ]
            own = int(view.truth.values[row, column])
            probability = float(view.tagging.probabilities[view.columns.text_index[row], column])
            if own != NOT_JUDGED:
                sources.append(CONFIRMED if own == YES else ABSENT)
            elif said:
                yes = said.count(YES) > said.count(NO) or (said.count(YES) == said.count(NO) and said[-1] == YES)
                sources.append(REMEMBERED if yes else ABSENT)
            else:
                sources.append(PREDICTED if probability >= view.tagging.thresholds[column] else ABSENT)
        result.append(sources)
    return result


@pytest.mark.parametrize("seed", range(5))
def test_a_verdict_wins_over_memory_and_memory_over_the_model(store, seed):
    rng = np.random.default_rng(seed)
    ids = make_labels(store, "groceries", "fuel", "unknown to the run")
    import_csv(store, statement(*ROWS, header="date,description,amount"))
    view = store.view()
    # A grid of four values, so that many probabilities equal their threshold.
    probabilities = rng.choice([0.25, 0.5, 0.75, 1.0], size=(len(view.columns.texts), 2))
    add_made_up_run(store, probabilities, [0.5, 0.75], ids[:2])
    assert store.view().sources.tolist() == plain_sources(store.view())
    for _ in range(12):
        row, label = rng.choice(view.columns.ids), int(rng.choice(ids))
        verdict(store, str(row), label, str(rng.choice(["yes", "no", "clear"])))
        assert store.view().sources.tolist() == plain_sources(store.view())
    assert np.isnan(store.view().tagging.thresholds[2])


@pytest.mark.parametrize("seed", range(4))
def test_what_was_worked_out_is_brought_up_to_date_with_every_step(store, seed):
    rng = np.random.default_rng(seed)
    ids = make_labels(store, "groceries", "fuel", "unknown to the run")
    days = [f"2024-03-{1 + number % 28:02d},{rng.choice(SHOPS)},-{number}.00" for number in range(21)]
    import_csv(store, statement(*days, header="date,description,amount"))
    view = store.view()
    add_made_up_run(store, rng.random((len(view.columns.texts), 2)), [0.5, 0.75], ids[:2])
    steps: list[str] = []
    for _ in range(25):
        assert store.view().present_bits.size
        row = str(rng.choice(view.columns.ids))
        kind = rng.choice(["verdict", "confirm", "undo"])
        if kind == "undo" and steps:
            steps.append(undo(store, str(rng.choice(steps))))
        elif kind == "confirm":
            steps.append(confirm(store, row, [int(each) for each in ids if rng.random() < 0.4]))
        else:
            steps.append(verdict(store, row, int(rng.choice(ids)), str(rng.choice(["yes", "no", "clear"]))))
        later = store.view()
        assert {"remembered", "sources", "present_bits"} <= later.__dict__.keys(), "not made anew"
        same_view(later, replace(later))


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [(0.4, [PREDICTED]), (0.5, [PREDICTED]), (np.nextafter(0.5, 1), [ABSENT]), (0.6, [ABSENT])],
)
def test_a_probability_equal_to_the_threshold_is_a_tag(store, threshold, expected):
    ids = make_labels(store, "groceries")
    import_csv(store, statement("2024-03-01,TESCO,-1.00", header="date,description,amount"))
    add_made_up_run(store, np.array([[0.5]]), [0.9], ids)
    save_thresholds(store, {ids[0]: float(threshold)})
    assert store.view().sources.tolist() == [expected]


def test_a_view_in_use_does_not_change_under_its_reader(store):
    ids = make_labels(store, "groceries")
    import_csv(store, statement("2024-03-01,TESCO,-1.00", header="date,description,amount"))
    before = store.view()
    verdict(store, before.columns.ids[0], ids[0])
    assert before.truth.values.tolist() == [[NOT_JUDGED]]
    assert store.view().truth.values.tolist() == [[YES]]


def test_an_unchanged_store_gives_the_same_view_and_a_verdict_keeps_what_the_run_said(store):
    ids = make_labels(store, "groceries")
    import_csv(store, statement("2024-03-01,TESCO,-1.00", header="date,description,amount"))
    add_made_up_run(store, np.array([[0.5]]), [0.9], ids)
    before = store.view()
    assert store.view() is before
    verdict(store, before.columns.ids[0], ids[0])
    after = store.view()
    assert after is not before
    assert after.tagging is before.tagging
    assert after.columns is before.columns


def test_rows_that_come_after_the_run_wait_for_their_tags_and_then_show_them(store):
    ids = make_labels(store, "groceries")
    import_csv(store, statement("2024-03-01,TESCO,-1.00", header="date,description,amount"))
    bundle = add_made_up_run(store, np.array([[0.9]]), [0.5], ids)
    assert store.view().tagging.n_waiting == 0
    # The made-up run has no head to tag new rows with: they are stored nevertheless.
    import_csv(store, statement("2024-03-02,ALDI,-1.00", header="date,description,amount"), "later.csv")
    assert store.view().tagging.n_waiting == 1
    assert store.view().sources.tolist() == [[PREDICTED], [ABSENT]]
    store.predictions(bundle).add([store.view().columns.inputs().keys[1]], np.array([[0.5]], dtype=np.float32))
    assert store.view().tagging.n_waiting == 0
    assert store.view().sources.tolist() == [[PREDICTED], [PREDICTED]]


def test_two_stores_on_one_home_see_each_others_work(store):
    ids = make_labels(store, "groceries", "fuel")
    import_csv(store, statement("2024-03-01,TESCO,-1.00", header="date,description,amount"))
    other = Store(store.settings)
    other.view()
    step = verdict(store, store.view().columns.ids[0], ids[0])
    same_view(other.view(), store.view())
    labelset.archive(store, "fuel")
    same_view(other.view(), store.view())
    undo(other, step)
    same_view(other.view(), store.view())
    assert store.view().truth.values.tolist() == [[NOT_JUDGED]]
    other.close()


def test_an_empty_store_has_an_empty_view(store):
    view = store.view()
    assert (len(view.columns), view.labels, view.sources.shape) == (0, (), (0, 0))


def test_a_run_is_found_by_its_beginning_until_it_is_ambiguous_or_gone(store):
    ids = make_labels(store, "groceries")
    import_csv(store, statement("2024-03-01,TESCO,-1.00", header="date,description,amount"))
    one = add_made_up_run(store, np.array([[0.5]]), [0.9], ids)
    assert store.bundle("2024").run_id == one.run_id
    two = add_made_up_run(store, np.array([[0.5]]), [0.9], ids)
    with pytest.raises(TaggerError, match="2 runs begin with '2024'"):
        store.bundle("2024")
    runs.discard(store, two.run_id)
    assert store.bundle("2024").run_id == one.run_id
    runs.discard(store, one.run_id)
    with pytest.raises(TaggerError, match="no run"):
        store.bundle("2024")
