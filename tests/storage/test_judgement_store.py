"""What people decided, as it is stored: append-only, each step once, undone by saying so."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pytest

from tagger.errors import LabelError, NotFoundError
from tagger.labels.truth import NO, NOT_JUDGED, YES
from tagger.storage import judgements, labels, transactions
from tagger.storage.database import Connection, Database
from tagger.storage.judgements import Operation
from tagger.storage.transactions import Batch, TransactionRow

AT = datetime.fromisoformat("2024-03-01T12:00")  # UTC, without a zone: what SQLite gives back


@dataclass
class World:
    """A database with four transactions (t0 … t3) of one import and three labels."""

    db: Database
    pks: list[int]
    labels: dict[str, int]

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self.db.write() as connection:
            yield connection

    def verdict(self, step: str, row: int, label: str, value: int) -> None:
        with self.write() as connection:
            judgements.add_verdict(connection, operation(step, "verdict"), self.pks[row], self.labels[label], value)

    def confirm(self, step: str, row: int, *present: str) -> None:
        with self.write() as connection:
            judgements.add_confirmations(
                connection,
                operation(step, "confirm"),
                {self.pks[row]: [self.labels[name] for name in present]},
                covers=list(self.labels.values()),
            )

    def undo(self, step: str, target: str) -> None:
        with self.write() as connection:
            judgements.add_undo(connection, operation(step, "undo"), target)

    def counting(self) -> list[tuple[int, ...]]:
        """(row, label, value) of verdicts and (row, *present) of confirmations that count, in order."""
        with self.db.read() as connection:
            found = judgements.judgements(connection, {pk: row for row, pk in enumerate(self.pks)})
            return [
                (each.row, each.label_id, each.value) if each.covers is None else (each.row, *each.present)
                for each in found
            ]


def operation(step: str, kind: str, batch_id: str | None = None) -> Operation:
    return Operation(step, kind, "ada", AT, "review", batch_id)


@pytest.fixture
def world(tmp_path: Path) -> World:
    db = Database(tmp_path / "tagger.db")
    with db.write() as connection:
        transactions.add_batch(connection, Batch("march", AT, "ada", is_sample=False, report={}))
        rows = [
            TransactionRow(f"t{row}", "bank.csv", row + 2, date(2024, 3, row + 1), "TESCO", "-1.00", "GBP", "main")
            for row in range(4)
        ]
        transactions.add_transactions(connection, "march", rows)
        pks = transactions.pks_by_id(connection, [row.id for row in rows])
        ids = labels.ensure_labels(connection, ["groceries", "fuel", "rent"], at=AT, origin="person")
    return World(db, [pks[row.id] for row in rows], ids)


GROCERIES, FUEL, RENT = 1, 2, 3


def test_judgements_come_back_in_the_order_in_which_they_were_given(world):
    world.verdict("a", 2, "fuel", YES)
    world.confirm("b", 0, "rent", "groceries")
    world.verdict("c", 2, "fuel", NOT_JUDGED)
    world.verdict("d", 1, "rent", NO)
    assert world.counting() == [(2, FUEL, YES), (0, GROCERIES, RENT), (2, FUEL, NOT_JUDGED), (1, RENT, NO)]


def test_seen_and_no_tag_applies_is_stored_as_such(world):
    world.confirm("a", 0)
    assert world.counting() == [(0,)]


def test_the_same_step_twice_is_refused_whole(world):
    world.verdict("a", 0, "fuel", YES)
    with pytest.raises(Exception, match="UNIQUE"):
        world.verdict("a", 1, "rent", NO)
    assert world.counting() == [(0, FUEL, YES)]
    with world.db.read() as connection:
        assert judgements.known_operations(connection, ["a", "b"]) == {"a"}


@pytest.mark.parametrize(
    ("undos", "counts"),
    [
        ({}, True),
        ({"u": "a"}, False),
        ({"u": "a", "v": "u"}, True),
        ({"u": "a", "v": "u", "w": "v"}, False),
        ({"u": "a", "v": "a"}, False),
        ({"u": "a", "v": "a", "w": "u"}, False),  # the second undo still stands
        ({"u": "a", "v": "a", "w": "u", "x": "v"}, True),
    ],
    ids=lambda case: " ".join(f"{step}:{target}" for step, target in case.items()) if isinstance(case, dict) else "",
)
def test_an_undo_takes_its_target_back_until_it_is_undone_itself(world, undos, counts):
    world.verdict("a", 0, "fuel", YES)
    world.verdict("b", 1, "rent", NO)
    for step, target in undos.items():
        world.undo(step, target)
    assert world.counting() == [(0, FUEL, YES)] * counts + [(1, RENT, NO)]


def test_undoing_what_was_never_done_is_refused(world):
    with pytest.raises(NotFoundError, match="no such step"):
        world.undo("u", "never")
    with world.db.read() as connection:
        assert judgements.last_seq(connection) == 0


def test_undone_steps_agree_with_a_plain_recursion_on_random_chains(world):
    random_ = random.Random(0)
    targets: dict[str, str | None] = {}
    for number in range(60):
        step = f"s{number}"
        if targets and random_.random() < 0.6:
            targets[step] = random_.choice(list(targets))
            world.undo(step, targets[step])
        else:
            targets[step] = None
            world.verdict(step, number % 4, "fuel", YES)

    def stands(step: str) -> bool:
        return not any(stands(undo) for undo, target in targets.items() if target == step)

    expected = [number % 4 for number, step in enumerate(targets) if targets[step] is None and stands(step)]
    assert [row for row, *_ in world.counting()] == expected


def test_only_what_an_undo_touched_since_is_read_again(world):
    world.verdict("a", 0, "fuel", YES)
    world.verdict("b", 1, "fuel", YES)
    world.undo("u", "a")
    with world.db.read() as connection:
        before = judgements.last_seq(connection)
        assert judgements.touched_by_undos(connection, 0) == {world.pks[0]}
        assert judgements.touched_by_undos(connection, before) == set()
    world.undo("v", "u")
    with world.db.read() as connection:
        assert judgements.touched_by_undos(connection, before) == {world.pks[0]}


def test_people_are_told_from_imports(world):
    with world.write() as connection:
        judgements.add_confirmations(
            connection,
            operation("file", "import", "march"),
            {pk: [FUEL] for pk in world.pks[:3]},
            covers=[GROCERIES, FUEL],
        )
    world.verdict("a", 1, "fuel", NO)
    world.confirm("b", 2, "fuel")
    world.undo("u", "b")
    with world.db.read() as connection:
        assert judgements.judged_by_people(connection, world.pks) == {world.pks[1]}
        assert judgements.judged_by_people(connection, [world.pks[0]]) == set()


def test_what_changed_since_a_step_is_what_counts_otherwise_now(world):
    world.verdict("a", 0, "fuel", YES)
    world.verdict("b", 1, "fuel", YES)
    with world.db.read() as connection:
        then = judgements.last_seq(connection)

    def changed() -> set[int]:
        with world.db.read() as connection:
            return judgements.changed_since(connection, then)

    assert changed() == set()
    world.verdict("c", 2, "rent", NO)
    assert changed() == {world.pks[2]}
    world.undo("take c back", "c")
    assert changed() == set()
    world.undo("take a back", "a")
    assert changed() == {world.pks[0]}
    world.undo("and not", "take a back")
    assert changed() == set()


def test_a_confirmation_of_many_rows_is_one_step(world):
    with world.write() as connection:
        judgements.add_confirmations(
            connection, operation("bulk", "confirm"), {pk: [RENT] for pk in world.pks}, covers=[RENT]
        )
    assert len(world.counting()) == 4
    world.undo("u", "bulk")
    assert world.counting() == []


def test_removing_an_import_takes_its_rows_and_every_judgement_on_them_or_by_it(world):
    with world.write() as connection:
        transactions.add_batch(connection, Batch("april", AT, "ada", is_sample=False, report={}))
        row = TransactionRow("t4", "april.csv", 2, date(2024, 4, 1), "SHELL", "-2.00", "GBP", "main")
        transactions.add_transactions(connection, "april", [row])
        own = transactions.pks_by_id(connection, ["t4"])["t4"]
        judgements.add_confirmations(
            connection, operation("file", "import", "april"), {own: [FUEL], world.pks[0]: [FUEL]}, covers=[FUEL]
        )
        judgements.add_verdict(connection, operation("person", "verdict"), own, RENT, NO)
        judgements.add_verdict(connection, operation("kept", "verdict"), world.pks[1], RENT, NO)
    with world.write() as connection:
        assert transactions.remove_batch(connection, "april") == (1, 3)
        transactions.forget_batch(connection, "april")
    assert world.counting() == [(1, RENT, NO)]
    assert world.db.check() == []
    with pytest.raises(NotFoundError), world.write() as connection:
        transactions.remove_batch(connection, "april")
    with world.db.read() as connection:
        assert judgements.known_operations(connection, ["file"]) == {"file"}


@pytest.mark.parametrize("name", ["groceries", "  Groceries ", "GROCERIES"])
def test_a_label_is_made_once_whatever_its_case(world, name):
    with world.write() as connection:
        assert labels.ensure_labels(connection, [name, "new"], at=AT, origin="person") == {name: 1, "new": 4}


def test_a_merged_name_leads_to_its_target_through_every_merge(world):
    with world.write() as connection:
        labels.merge_labels(connection, GROCERIES, FUEL)
        labels.merge_labels(connection, FUEL, RENT)
        assert labels.ensure_labels(connection, ["groceries", "fuel"], at=AT, origin="file") == {
            "groceries": RENT,
            "fuel": RENT,
        }
        assert [label.id for label in labels.live_labels(connection)] == [RENT]
        with pytest.raises(LabelError, match="itself"):
            labels.merge_labels(connection, RENT, RENT)


def test_an_archived_name_asks_to_be_restored(world):
    with world.write() as connection:
        labels.set_archived(connection, FUEL, AT)
        with pytest.raises(LabelError, match="archived") as caught:
            labels.ensure_labels(connection, ["fuel"], at=AT, origin="file")
    assert "restore" in caught.value.hint


def test_a_label_may_change_its_case_but_not_take_another_name(world):
    with world.write() as connection:
        labels.rename_label(connection, FUEL, "Fuel")
        with pytest.raises(LabelError, match="already"):
            labels.rename_label(connection, FUEL, "RENT")


@pytest.mark.parametrize(
    ("touch", "kept"),
    [
        (lambda world: None, set()),
        (lambda world: world.verdict("a", 0, "fuel", NO), {FUEL}),
        (lambda world: world.confirm("a", 0, "fuel"), {GROCERIES, FUEL, RENT}),
    ],
    ids=["untouched", "a verdict", "a confirmation that covers all"],
)
def test_labels_that_nobody_judged_go_with_their_origin(world: World, touch: Callable[[World], None], kept):
    touch(world)
    with world.write() as connection:
        labels.drop_unused_labels(connection, origin="person")
        assert {label.id for label in labels.all_labels(connection)} == kept


def test_the_target_of_a_merge_is_not_dropped(world):
    with world.write() as connection:
        labels.merge_labels(connection, GROCERIES, FUEL)
        labels.drop_unused_labels(connection, origin="person")
        assert {label.id for label in labels.all_labels(connection)} == {GROCERIES, FUEL}
    assert world.db.check() == []


def test_one_version_of_the_label_set_is_stored_once(world):
    with world.write() as connection:
        assert labels.label_set_id(connection, [3, 1]) == labels.label_set_id(connection, [1, 3])
        assert labels.label_set_id(connection, [1]) != labels.label_set_id(connection, [1, 3])


def test_one_verdict_on_several_transactions_is_one_operation_and_one_undo(world):
    world.verdict("before", 2, "fuel", NO)
    with world.write() as connection:
        step = operation("several", "verdict")
        judgements.add_verdicts(connection, step, [world.pks[2], world.pks[0]], world.labels["fuel"], YES)
        assert judgements.known_operations(connection, ["several"]) == {"several"}
        assert judgements.last_seq(connection) == 2
    fuel = world.labels["fuel"]
    assert world.counting() == [(2, fuel, NO), (2, fuel, YES), (0, fuel, YES)]
    world.undo("back", "several")
    assert world.counting() == [(2, fuel, NO)]
