"""What a training brought: counted beyond what was judged, and nothing flattering without evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from steps import (
    a_b_and_c,
    add_scored_run,
    confirm,
    flipped,
    ids_by_description,
    import_csv,
    statement,
    three_kinds,
    truth,
    undo,
    verdict,
)

from tagger.learning.recipe import Recipe
from tagger.services import comparing, runs, training
from tagger.services.gains import News, bought, news
from tagger.services.pairs import pair
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.storage import judgements

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def judged(store: Store) -> Store:
    import_csv(store, a_b_and_c())
    return store


def until_now(store: Store) -> int:
    with store.db.read() as connection:
        return judgements.last_seq(connection)


def gain(store: Store, run_id: str) -> dict:
    two = pair(store, run_id)
    return bought(two, comparing.weigh(two), news(store, store.view()))


def test_new_is_what_the_current_run_has_not_learned(judged):
    ids = ids_by_description(judged)
    view = judged.view()
    everything = frozenset(np.flatnonzero(view.truth.judged.any(axis=1)).tolist())
    assert news(judged, view) == News(frozenset(), everything)  # the starter has learned none of it
    confirm(judged, ids["SHOP aaa"], [1])
    one = frozenset({view.columns.row_of_id[ids["SHOP aaa"]]})
    assert news(judged, judged.view()) == News(one, everything - one)
    add_scored_run(judged, truth(judged), promote=True, judged_until=until_now(judged))
    assert news(judged, judged.view()) == News(frozenset(), frozenset())
    step = verdict(judged, ids["SHOP baa"], 1, "no")
    assert len(news(judged, judged.view()).by_people) == 1
    undo(judged, step)
    assert news(judged, judged.view()) == News(frozenset(), frozenset())
    import_csv(judged, statement("2024-05-01,NEW,-1.00,a"), "may.csv")
    assert (len(news(judged, judged.view()).by_people), len(news(judged, judged.view()).imported)) == (0, 1)


def test_transactions_that_were_judged_and_their_repeats_are_not_counted_as_changed_by_training(judged):
    view = judged.view()
    add_scored_run(
        judged, truth(judged), says=np.zeros_like(truth(judged)), promote=True, judged_until=until_now(judged)
    )
    # An open description of two rows; one is judged for b alone, so memory answers b for the other.
    public_id = ids_by_description(judged)["SHOP yda"]
    b = next(label.id for label in view.labels if label.name == "b")
    verdict(judged, public_id, b, "yes")
    # The new run gives every open row an a: both rows of the judged description, and 38 others.
    says = np.zeros_like(truth(judged))
    says[:, [label.name for label in view.labels].index("a")] = True
    found = gain(judged, add_scored_run(judged, truth(judged), says=says).run_id)
    assert (found["corrections"], found["imported"], found["other_transactions"]) == (1, 0, 38)
    assert found["line"] == "Your 1 correction would change 38 other transactions; no change in F1 beyond chance."


def test_the_clearest_change_is_told_with_its_interval(judged):
    add_scored_run(judged, flipped(judged, "a", missed=12), promote=True, judged_until=until_now(judged))
    confirm(judged, ids_by_description(judged)["SHOP aaa"], [1])
    after = add_scored_run(judged, flipped(judged, "a", missed=1))
    found = gain(judged, after.run_id)
    row = next(row for row in comparing.compare(judged, after.run_id)["labels"] if row["label"] == "a")
    assert (found["label"], found["change"], found["interval"]) == ("a", row["change"], row["interval"])
    assert found["line"].endswith(f"; a F1 {comparing.told(row['change'], row['interval'])}.")
    assert found["interval"][0] > 0


def test_a_clear_loss_is_told_as_well(judged):
    add_scored_run(judged, truth(judged), promote=True, judged_until=until_now(judged))
    found = gain(judged, add_scored_run(judged, flipped(judged, "a", missed=12)).run_id)
    assert found["change"] < 0
    assert found["line"].startswith("Training again would change ")
    assert "; a F1 −0." in found["line"]


@pytest.mark.parametrize("missed", [(3, 3), (6, 3), (3, 5)])
def test_nothing_is_claimed_that_chance_explains(judged, missed):
    before, after = (flipped(judged, "a", missed=count) for count in missed)
    add_scored_run(judged, before, promote=True, judged_until=until_now(judged))
    found = gain(judged, add_scored_run(judged, after).run_id)
    assert (found["label"], found["change"], found["interval"]) == (None, None, None)
    assert found["line"].endswith("; no change in F1 beyond chance.")


def test_scores_with_another_grouping_of_merchants_are_not_told_as_a_loss(judged):
    add_scored_run(judged, truth(judged), promote=True, judged_until=until_now(judged), group_version=1)
    has_a = truth(judged) | [label.name == "a" for label in judged.view().labels]
    found = gain(judged, add_scored_run(judged, flipped(judged, "a", missed=12), says=has_a).run_id)
    assert (found["label"], found["change"], found["interval"]) == (None, None, None)
    assert found["line"].endswith(
        "; there is no fair comparison of F1, as the run before was scored with another grouping of merchants."
    )
    assert found["other_transactions"] == 40


def lines(store: Store, run_id: str) -> set[str]:
    """The line wherever a person meets it."""
    rows = {run.id: run.bought for run in runs.listed(store)}
    found = {rows[run_id], runs.show(store, run_id)["bought"]["line"]}
    newest = runs.newest(store)
    assert newest is not None
    return found | {newest.summary["bought"]["line"]} if newest.id == run_id else found


def test_a_run_would_change_other_transactions_until_it_is_promoted_and_again_when_it_is_rolled_back(store):
    import_csv(store, three_kinds())
    first = training.train(store, Recipe(), Progress(), promote_it=True)
    did = first["bought"]["line"]
    assert did.startswith("42 transactions that came with tags changed ")
    assert lines(store, first["run_id"]) == {did}
    second = training.train(store, Recipe(), Progress())
    would = second["bought"]["line"]
    assert would.startswith("Training again would change no other transaction; ")
    assert lines(store, second["run_id"]) == {would}
    runs.promote(store, second["run_id"])
    assert lines(store, second["run_id"]) == {would.replace("would change", "changed")}
    assert lines(store, first["run_id"]) == {did}
    runs.roll_back(store)
    assert lines(store, second["run_id"]) == {would}


@pytest.mark.parametrize(
    ("stored", "promoted", "line"),
    [
        ("Other settings would change 2 other; a F1.", True, "Other settings changed 2 other; a F1."),
        ("Other settings changed 2 other; a F1.", False, "Other settings would change 2 other; a F1."),
        ("Other settings changed 2 other; a F1.", True, "Other settings changed 2 other; a F1."),
        ("You would change 2; was changed or would change F1.", True, "You changed 2; was changed or would change F1."),
        ("You would change 2; was changed or that F1.", False, "You would change 2; was changed or that F1."),
    ],
)
def test_only_the_verb_of_the_line_follows_the_promotion(stored, promoted, line):
    summary = {"micro": {}, "bought": {"line": stored, "corrections": 1}}
    assert runs.worded(summary, promoted=promoted) == {"micro": {}, "bought": {"line": line, "corrections": 1}}
    assert summary["bought"]["line"] == stored


NOTHING = {"change": 0.0, "interval": (-0.1, 0.1)}
FALL, RISE = {"change": -0.54, "interval": (-0.6, -0.2)}, {"change": 0.12, "interval": (0.01, 0.2)}


@pytest.mark.parametrize(
    ("label", "macro", "micro", "told"),
    [
        (None, NOTHING, NOTHING, "no change in F1 beyond chance"),
        (None, FALL, RISE, "macro F1 −0.54 (−0.60 to −0.20)"),
        (None, NOTHING, RISE, "micro F1 +0.12 (0.01 to 0.20)"),
        (RISE, FALL, NOTHING, "macro F1 −0.54 (−0.60 to −0.20)"),
        (RISE, RISE, RISE, "a F1 +0.12 (0.01 to 0.20)"),
        (FALL, FALL, FALL, "a F1 −0.54 (−0.60 to −0.20)"),
    ],
)
def test_a_loss_in_all_is_told_before_a_gain_of_one_tag(judged, label, macro, micro, told):
    add_scored_run(judged, truth(judged), promote=True, judged_until=until_now(judged))
    two = pair(judged, add_scored_run(judged, truth(judged)).run_id)
    labels = [] if label is None else [{"label": "a", "certain": True, **label}]
    compared = comparing.weigh(two) | {"labels": labels, "change": {"macro": macro, "micro": micro}}
    assert bought(two, compared, news(judged, judged.view()))["line"].endswith(f"; {told}.")


def test_other_settings_are_named_beside_the_corrections(judged):
    old = {"features": "both", "seed": 0}
    add_scored_run(judged, truth(judged), promote=True, judged_until=until_now(judged), recipe=old)
    again = add_scored_run(judged, truth(judged), recipe=old)
    assert gain(judged, again.run_id)["line"].startswith("Training again would change no other transaction")
    other = add_scored_run(judged, truth(judged), recipe=old | {"features": "cls"})
    assert gain(judged, other.run_id)["settings_changed"]
    assert gain(judged, other.run_id)["line"].startswith("Other settings would change")
    confirm(judged, ids_by_description(judged)["SHOP aaa"], [1])
    import_csv(judged, statement("2024-05-01,NEW,-1.00,a", "2024-05-02,NEWER,-1.00,a"), "may.csv")
    assert gain(judged, other.run_id)["line"].startswith(
        "Your 1 correction, 2 transactions that came with tags and other settings would change what"
    )


def test_a_training_keeps_what_it_bought_with_its_run(store):
    import_csv(store, three_kinds())
    import_csv(store, statement("2024-04-01,TESCO a,-1.00", header="date,description,amount"), "april.csv")
    first = training.train(store, Recipe(), Progress(), promote_it=True)
    assert first["bought"]["with"] == "starter"
    assert (first["bought"]["corrections"], first["bought"]["imported"]) == (0, 42)
    assert "there is no fair comparison of F1" in first["bought"]["line"]
    confirm(store, ids_by_description(store)["TESCO a"], [1])
    second = training.train(store, replace(Recipe(), seed=1), Progress())
    kept = store.bundle(second["run_id"]).summary["bought"]
    assert kept == second["bought"]
    assert (kept["with"], kept["corrections"], kept["imported"]) == (first["run_id"], 1, 0)
    assert kept["line"].startswith("Your 1 correction and other settings would change ")
