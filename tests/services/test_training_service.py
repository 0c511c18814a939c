"""Retraining: honest numbers, nothing encoded twice, and nothing left of what was stopped."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score
from steps import StopAt, confirm, ids_by_description, import_csv, make_labels, statement, three_kinds, undo, verdict
from toys import labelled_csv, save_thresholds

from tagger.config import CHECKOUT, Settings
from tagger.errors import CancelledError, NotFoundError, TaggerError, TrainingError
from tagger.learning.examples import Examples
from tagger.learning.model import Model
from tagger.learning.names import label_text
from tagger.learning.recipe import HeadSettings, Recipe, resolve
from tagger.learning.thresholds import apply_thresholds, choose_thresholds, parse_chooser
from tagger.services import doctor, home, importing, runs, training, tuning
from tagger.services.evidence import gather
from tagger.services.gathering import training_set
from tagger.services.inputs import context_of, gather_inputs, group_hashes, name_embeddings
from tagger.services.progress import Progress
from tagger.services.runs import Successor
from tagger.services.store import Store
from tagger.storage import runs as stored_runs
from tagger.storage.runs import STARTER, read_bundle, write_bundle

RECIPE = Recipe(thresholds="grid")
LOOKING_AT = "both+lexical+amount+names+starter+neighbors"  # what "auto" stands for
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def taught(store: Store) -> Store:
    """Three kinds of judged transactions; some more that are open, of which two have single verdicts."""
    import_csv(store, three_kinds())
    rows = (
        f"2024-04-{day:02d},{shop} {town},-1.00"
        for day, (shop, town) in enumerate(zip(["TESCO", "BP"] * 6, "abcdefghijkl"), 1)
    )
    import_csv(store, statement(*rows, header="date,description,amount"), "april.csv")
    ids = ids_by_description(store)
    verdict(store, ids["TESCO a"], 1, "yes")
    verdict(store, ids["BP b"], 1, "no")
    return store


def train(store: Store, **how) -> dict:
    return training.train(store, how.pop("recipe", RECIPE), Progress(), **how)


def ratio(value: float, defined: bool) -> float | None:
    return float(value) if defined else None


def test_the_report_is_what_scikit_learn_measures_on_the_stored_evidence(taught):
    report = train(taught, recipe=replace(RECIPE, thresholds="exact"))
    view, bundle = taught.view(), taught.bundle(report["run_id"])
    evidence = gather(taught, view, bundle)
    pooled_true, pooled_pred = [], []
    for column, label in enumerate(report["labels"]):
        judged = evidence.judged[:, column]
        y_true, y_pred = evidence.y_true[judged, column], evidence.y_pred[judged, column]
        precision, recall, f1, _ = precision_recall_fscore_support(y_true, y_pred, average="binary", zero_division=0)
        assert label["precision"] == pytest.approx(ratio(precision, y_pred.any()))
        assert label["recall"] == pytest.approx(ratio(recall, y_true.any()))
        assert label["f1"] == pytest.approx(ratio(f1, y_true.any() or y_pred.any()))
        assert label["support"] == y_true.sum()
        pooled_true.append(y_true)
        pooled_pred.append(y_pred)
    micro = precision_recall_fscore_support(np.concatenate(pooled_true), np.concatenate(pooled_pred), average="binary")
    assert [report["micro"][name] for name in ("precision", "recall", "f1")] == pytest.approx(micro[:3])
    assert report["macro"]["f1"] == pytest.approx(np.mean([label["f1"] for label in report["labels"]]))
    assert (report["n_transactions"], report["n_labels"], report["measured_on"]) == (44, 4, "out-of-fold")
    assert evidence.rows.size == 44


def test_each_row_is_scored_by_a_head_that_never_saw_its_description(taught):
    report = train(taught)
    view, bundle = taught.view(), taught.bundle(report["run_id"])
    data = training_set(view)
    inputs, _ = gather_inputs(taught.encoding, view.columns.facts.take(data.rows), LOOKING_AT, Progress())
    names = name_embeddings(
        taught.encoding, [(label.name, label.definition) for label in view.labels], LOOKING_AT, Progress()
    )
    folds = bundle.evidence["folds"]
    for fold in np.unique(folds):
        held_out = folds == fold
        assert not set(data.groups[held_out]) & set(data.groups[~held_out])
        model = Model.fit(
            Examples(
                inputs.take(~held_out),
                data.y_true[~held_out],
                data.judged[~held_out],
                data.groups[~held_out],
                label_embeddings=names,
            ),
            RECIPE,
        )
        expected = model.listening(report["neighbors"]).probabilities(inputs.take(held_out))
        assert bundle.evidence["y_prob"][held_out] == pytest.approx(expected, abs=1e-5)
        chosen = choose_thresholds(
            data.y_true[~held_out],
            bundle.evidence["y_prob"][~held_out],
            data.judged[~held_out],
            data.groups[~held_out],
            parse_chooser("grid"),
        )
        cut = apply_thresholds(bundle.evidence["y_prob"][held_out], [each.value for each in chosen])
        assert (bundle.evidence["y_pred"][held_out] == cut).all()


def test_what_tags_after_promotion_is_the_head_of_the_bundle(taught):
    report = train(taught, promote_it=True)
    view, bundle = taught.view(), taught.bundle(report["run_id"])
    model = Model.from_tensors(LOOKING_AT, RECIPE.head, bundle.head)
    inputs, n_encoded = gather_inputs(taught.encoding, view.columns.facts, LOOKING_AT, Progress())
    assert n_encoded == 0
    said = view.tagging.probabilities[view.tagging.index]
    assert said == pytest.approx(model.probabilities(inputs), abs=1e-6)
    assert view.tagging.n_waiting == 0


@pytest.mark.parametrize("repeats", [1, 4])
def test_random_labels_are_not_learned(store, repeats):
    """A leak, such as repeats of a description on both sides of a split, would show as a score above chance."""
    rng = np.random.default_rng(7)
    words = ["".join(rng.choice(list("abcdefghijklmnop"), 6)) for _ in range(400)]
    rows = []
    for number in range(280):
        description = " ".join(rng.choice(words, 3)) + f" {words[number]}"
        tag = "heads" if rng.random() < 0.5 else "tails"
        rows += [f"2024-03-{1 + number % 28:02d},{description},-{number}.{copy}0,{tag}" for copy in range(repeats)]
    import_csv(store, statement(*rows))
    bundle = store.bundle(train(store)["run_id"])
    evidence = gather(store, store.view(), bundle)
    _, first = np.unique(evidence.groups, return_index=True)
    assert first.size == 280
    # 280 fair coins: chance is 0.5 with a standard deviation of 0.035.
    assert 0.36 < roc_auc_score(evidence.y_true[first, 0], evidence.y_prob[first, 0]) < 0.64


def test_retraining_and_saving_thresholds_encode_nothing_again(taught):
    first = train(taught, promote_it=True)
    encoder = taught.encoding.encoder
    encoded = list(encoder.texts_encoded)
    names = {label_text(label.name, label.definition) for label in taught.view().labels}
    assert len(encoded) == len(set(encoded))
    assert set(encoded) == names | set(taught.view().columns.texts)
    train(taught, recipe=replace(RECIPE, features="cls"), promote_it=True)
    runs.promote(taught, first["run_id"])
    before = taught.view()
    version = save_thresholds(taught, {1: 0.0, 2: 1.0})
    after = taught.view()
    assert encoder.texts_encoded == encoded
    assert after.tagging.threshold_version_id == version != before.tagging.threshold_version_id
    open_rows = ~after.truth.judged[:, 0] & ~after.remembered.judged[after.columns.fold_index][:, 0]
    assert (after.sources[open_rows, 0] != 0).all()
    assert not (before.sources[open_rows, 0] != 0).all()


def test_a_verdict_given_while_training_is_new_to_the_run(taught):
    class Verdict(Progress):
        def stage(self, message: str) -> None:
            super().stage(message)
            if message == "Training":
                verdict(taught, ids_by_description(taught)["TESCO c"], 1, "yes")

    training.train(taught, RECIPE, Verdict())
    assert training.since_last_run(taught)["new"] == 1


def test_what_changed_since_the_last_run_is_counted(taught):
    ids = ids_by_description(taught)
    first = training.since_last_run(taught)
    assert (first["judged"], first["by_people"], first["new"], first["last_run_id"]) == (44, 2, 44, None)
    report = train(taught)
    assert training.since_last_run(taught)["new"] == 0
    confirm(taught, ids["TESCO e"], [1])
    step = verdict(taught, ids["BP f"], 2, "yes")
    undo(taught, step)
    after = training.since_last_run(taught)
    assert (after["judged"], after["by_people"], after["new"]) == (45, 3, 1)
    assert after["last_run_id"] == report["run_id"]


@pytest.mark.parametrize(
    "text", ["", "2024-03-01,TESCO,-1.00,\n", "2024-03-01,TESCO,-1.00,a\n2024-03-02,TESCO,-1.00,b\n"]
)
def test_too_little_to_learn_from_is_said(store, text):
    make_labels(store, "a", "b")
    if text:
        import_csv(store, "date,description,amount,tags\n" + text)
    with pytest.raises(TrainingError) as caught:
        train(store)
    assert caught.value.hint
    assert runs.overview(store) == []


def leftovers(store: Store) -> list[str]:
    """What lies under the home besides the database and the embeddings."""
    folders = [store.settings.runs_path, store.settings.predictions_path]
    return sorted(path.name for folder in folders if folder.exists() for path in folder.iterdir())


@pytest.mark.parametrize(
    "stage", ["Reading descriptions", "Training", "Choosing thresholds", "Loading the encoder", "Tagging"]
)
@pytest.mark.parametrize("head", ["logistic", "feedforward"])
def test_a_training_that_was_stopped_leaves_no_run(taught, stage, head):
    before = train(taught, promote_it=True)["run_id"]
    kept = leftovers(taught)
    import_csv(taught, statement("2024-05-01,NEW SHOP,-1.00", header="date,description,amount"), "may.csv")
    recipe = replace(RECIPE, head=replace(RECIPE.head, kind=head))
    with pytest.raises(CancelledError):
        training.train(taught, recipe, StopAt(stage))
    assert [run["run_id"] for run in runs.overview(taught)] == [before]
    assert leftovers(taught) == kept
    assert doctor.examine(taught)["ok"]


def test_a_run_whose_row_cannot_be_stored_is_not_left_on_disk(taught, monkeypatch):
    def full(connection, row):
        raise TaggerError("The disk is full: tagger.db.")

    monkeypatch.setattr(stored_runs, "add_run", full)
    with pytest.raises(TaggerError, match="disk is full"):
        train(taught)
    monkeypatch.undo()
    assert leftovers(taught) == []
    assert train(taught)["run_id"] in leftovers(taught)


def test_a_discarded_run_gives_way_to_the_one_before_it_with_its_thresholds(taught):
    first = train(taught, promote_it=True)["run_id"]
    version = save_thresholds(taught, {1: 0.7})
    second = train(taught, promote_it=True)["run_id"]
    before = taught.view()
    assert before.tagging.run_id == second
    assert runs.discard(taught, second) == {"run_id": second, "discarded": True}
    view = taught.view()
    assert (view.tagging.run_id, view.tagging.threshold_version_id) == (first, version)
    assert view.tagging.thresholds[0] == 0.7
    assert leftovers(taught) == sorted([first, first])
    with pytest.raises(NotFoundError):
        runs.promote(taught, second)
    runs.discard(taught, first)
    assert runs.current_id(taught) == STARTER
    assert leftovers(taught) == []


def test_the_run_that_tags_after_a_discard_is_known_before(taught, monkeypatch):
    def discard(run_id):
        foreseen = runs.successor(taught, run_id)
        runs.discard(taught, run_id[:20])
        assert foreseen.run_id in (runs.current_id(taught), None)
        return foreseen

    first = train(taught, promote_it=True)["run_id"]
    second = train(taught, promote_it=True)["run_id"]
    assert discard(train(taught)["run_id"]) == Successor(second, takes_over=False)
    assert discard(second) == Successor(first, takes_over=True)
    assert discard(first) == Successor(None, takes_over=True)
    assert discard(train(taught)["run_id"]) == Successor(None, takes_over=False)
    last = train(taught, promote_it=True)["run_id"]
    monkeypatch.setattr(Settings, "starter_path", CHECKOUT / "models" / "starter")
    assert discard(last) == Successor(STARTER, takes_over=True)
    assert discard(train(taught)["run_id"]) == Successor(STARTER, takes_over=False)
    for gone in (last, STARTER):
        with pytest.raises(NotFoundError):
            runs.successor(taught, gone)


@pytest.mark.parametrize(
    ("left", "line"),
    [
        (Successor("a", takes_over=False), "Tags still come from run a."),
        (Successor("a", takes_over=True), "Tags now come from run a."),
        (Successor(None, takes_over=True), "No run gives tags now: train one, or promote another."),
    ],
)
def test_the_run_that_tags_after_a_discard_is_told_in_one_sentence(left, line):
    assert left.line("run a") == line


def test_promoting_again_brings_the_newest_thresholds_of_the_run(taught):
    first = train(taught, promote_it=True)["run_id"]
    save_thresholds(taught, {1: 0.7})
    train(taught, promote_it=True)
    version = save_thresholds(taught, {1: 0.8}, run_id=first)
    assert taught.view().tagging.run_id != first
    runs.promote(taught, first)
    assert taught.view().tagging.threshold_version_id == version
    assert taught.view().tagging.thresholds[0] == 0.8


def test_the_starter_is_only_measured_on_descriptions_it_never_saw(taught, tmp_path):
    learned = taught.bundle(train(taught)["run_id"])
    other = Store(Settings(home=tmp_path / "other", author="bob"))
    other.encoding.use(taught.encoding.encoder)
    starter = replace(learned, run_id=STARTER, evidence={"seen_groups": group_hashes(taught.view().columns.groups)})
    write_bundle(other.settings.starter_path, starter)
    seen = [line.split(",")[1] for line in three_kinds().splitlines()[1:6]]
    rows = [f"2025-01-0{day},{shop},-1.00,groceries" for day, shop in enumerate(seen, 1)]
    fresh = ["2025-02-01,ALDI groceries unheard,-1.00,groceries", "2025-02-02,SHELL fuel unheard,-1.00,fuel"]
    import_csv(other, statement(*rows, *fresh))
    panel = tuning.panel(other)
    assert panel.n_transactions == 2
    assert {each.label.name for each in panel.labels} == {"groceries", "fuel"}
    model = Model.from_tensors(LOOKING_AT, RECIPE.head, starter.head)
    facts = other.view().columns.facts.take(other.view().judged_rows[-len(fresh) :])
    expected = model.probabilities(gather_inputs(other.encoding, facts, LOOKING_AT, Progress())[0])
    names = [name for _, name in starter.labels]
    evidence = panel.board.evidence
    for each, scores, truth in zip(panel.labels, evidence.y_prob.T, evidence.y_true.T, strict=True):
        assert scores == pytest.approx(expected[:, names.index(each.label.name)], abs=1e-6)
        assert truth.tolist() == [each.label.name == "groceries", each.label.name == "fuel"]
        assert (each.best_f1, "too few to tune" in each.note) == (None, True)
    assert "never saw" in panel.measured_on
    other.close()


def test_a_label_that_the_run_never_met_is_not_answered_by_a_removed_labels_column(store):
    """Ids of removed labels are not given out again, or an old run would take the new label for the old one."""
    batch = import_csv(store, three_kinds())["batch_id"]
    import_csv(store, statement("2024-04-01,COFFEE,-1.00", header="date,description,amount"), "april.csv")
    train(store, promote_it=True)
    importing.undo_import(store, batch)
    assert store.view().labels == ()
    make_labels(store, "holiday")
    assert np.isnan(store.view().tagging.probabilities).all()


def test_removing_the_sample_leaves_nothing_of_it(store):
    import_csv(store, three_kinds(), "household.csv", is_sample=True)
    own = ("2024-05-01,COFFEE,-1.00,fun", "2024-05-02,CINEMA,-2.00,fun", "2024-05-03,BAKER,-3.00,food")
    import_csv(store, statement(*own), "own.csv")
    of_sample = train(store, promote_it=True)["run_id"]
    tuning.move(store, of_sample, {1: 0.3})
    save_thresholds(store, {1: 0.4})
    assert home.overview(store).n_sample == 42
    gone = importing.remove_sample(store)
    assert (gone["removed"], gone["runs_discarded"]) == (42, [of_sample])
    view = store.view()
    assert sorted(view.columns.descriptions) == ["BAKER", "CINEMA", "COFFEE"]
    assert [label.name for label in view.labels] == ["fun", "food"]
    assert view.judged_rows.size == 3
    assert (view.tagging.run_id, home.overview(store).n_sample) == (STARTER, 0)
    assert leftovers(store) == []
    with store.db.read() as connection:
        counts = [
            connection.exec_driver_sql(f"select count(*) from {table}").scalar()
            for table in ("transactions", "judgements", "labels", "batches")
        ]
    assert counts == [3, 3, 2, 1]
    report = train(store, promote_it=True)
    assert (report["n_transactions"], [label["label"] for label in report["labels"]]) == (3, ["fun", "food"])
    assert doctor.examine(store)["ok"]


def test_a_run_that_did_not_learn_from_the_sample_outlives_it(store):
    import_csv(store, three_kinds(), "own.csv")
    own = train(store, promote_it=True)["run_id"]
    import_csv(store, statement("2024-05-01,COFFEE,-1.00,fun"), "household.csv", is_sample=True)
    importing.remove_sample(store)
    assert runs.current_id(store) == own
    assert [label.name for label in store.view().labels] == ["groceries", "fuel", "rent", "recurring"]


def test_a_bundle_can_be_read_by_another_store_by_names(taught, tmp_path):
    """Ids differ there; names lead the way, whatever their case."""
    run_id = train(taught)["run_id"]
    other = Store(Settings(home=tmp_path / "other", author="bob"))
    make_labels(other, "RECURRING", "unheard of", "Groceries")
    shutil.copytree(taught.settings.runs_path / run_id, other.settings.runs_path / run_id)
    bundle = read_bundle(other.settings.runs_path / run_id)
    names = [name for _, name in bundle.labels]
    columns = other.label_columns(bundle, other.view().labels)
    assert columns == [names.index("recurring"), -1, names.index("groceries")]
    other.close()


def test_what_is_new_since_the_last_run_is_what_counts_otherwise_now(taught):
    train(taught)
    ids = ids_by_description(taught)

    def new() -> int:
        return training.since_last_run(taught)["new"]

    assert new() == 0
    step = verdict(taught, ids["TESCO c"], 1, "no")
    assert new() == 1
    back = undo(taught, step)
    assert new() == 0
    undo(taught, back)
    assert new() == 1


def test_taking_back_what_the_last_run_learned_from_is_new(taught):
    step = verdict(taught, ids_by_description(taught)["TESCO c"], 1, "no")
    train(taught)
    undo(taught, step)
    assert training.since_last_run(taught)["new"] == 1


def test_a_tag_whose_name_is_like_no_description_is_not_put_on_all(store):
    import_csv(store, labelled_csv())
    make_labels(store, "zzqx", "Project Zebra")
    training.train(store, Recipe(n_folds=3), Progress(), promote_it=True)
    tagging = store.view().tagging
    places = [label.name for label in store.view().labels].index("zzqx"), -1
    for place in places:
        # The toy encoder draws a direction for every name, which lies near a few descriptions by chance.
        assert np.mean(tagging.probabilities[:, place] >= tagging.thresholds[place]) < 0.2


def test_a_run_that_does_not_say_what_it_learned_from_is_scored_on_nothing(store):
    import_csv(store, labelled_csv())
    run_id = training.train(store, Recipe(n_folds=3), Progress(), promote_it=True)["run_id"]
    assert gather(store, store.view(), store.bundle(run_id)).rows.size
    silent = replace(store.bundle(run_id), evidence={})
    assert gather(store, store.view(), silent).rows.size == 0


@pytest.mark.parametrize(
    ("features", "context"),
    [
        ("both+lexical", set()),
        ("lexical+amount+date", {"amount", "date"}),
        ("both+lexical+starter", {"amount"}),
        ("both+account+starter", {"account", "amount"}),
    ],
)
def test_inputs_differ_in_amount_where_the_starter_looks_at_it(features, context):
    assert context_of(features) == context


def test_a_training_begins_where_the_run_in_use_ended_label_by_label(taught):
    recipe = resolve(Recipe(features="both+lexical", head=HeadSettings(kind="logistic")), 100)
    run_id = training.train(taught, recipe, Progress())["run_id"]
    ids = tuple(label.id for label in taught.view().labels)
    known = taught.endings(run_id, recipe, ids)
    assert set(known) == {None, 0, 1, 2, 3, 4}
    turned = taught.endings(run_id, recipe, (*reversed(ids), "new"))
    for fold, ending in known.items():
        assert ending.texts == turned[fold].texts
        assert torch.equal(ending.end.bias, turned[fold].end.bias[:-1].flip(0))
        assert turned[fold].end.bias[-1].isnan()


def test_fits_begin_anew_beside_another_run_or_recipe(taught):
    recipe = resolve(Recipe(features="both+lexical", head=HeadSettings(kind="logistic")), 100)
    run_id = training.train(taught, recipe, Progress())["run_id"]
    ids = tuple(label.id for label in taught.view().labels)
    assert taught.endings(taught.view().tagging.run_id, recipe, ids) == {}  # not promoted: its folds do not stay
    assert taught.endings(run_id, replace(recipe, seed=1), ids) == {}
