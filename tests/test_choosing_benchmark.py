from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score
from toys import NO_STARTER, ToyEncoder

import benchmarks
from benchmarks import choosing
from benchmarks.choosing import DEFAULT, FIGURES, ORACLE, REFERENCE, Draw, Judged, Result, Scored
from tagger.config import Settings
from tagger.learning.crossfit import OutOfFold
from tagger.learning.goals import GRID
from tagger.learning.thresholds import ShrunkChooser, apply_thresholds
from tagger.services.encoding import Encoding

N_LABELS = 6


def made_up(seed: int, n_rows: int = 240, n_folds: int = 5) -> Judged:
    """Labels from common to rare, each with scores that know something of it; every merchant has two rows."""
    rng = np.random.default_rng(seed)
    y_true = rng.random((n_rows, N_LABELS)) < np.geomspace(0.5, 0.03, N_LABELS)
    noise = rng.normal(size=y_true.shape)
    y_prob = (1 / (1 + np.exp(-(2.5 * y_true - 2.0 + noise)))).astype(np.float32)
    groups = np.arange(n_rows) // 2
    repeated = np.arange(20)
    y_seen = np.repeat(y_prob[np.newaxis, repeated], n_folds, axis=0)
    return Judged(y_true, groups, OutOfFold(y_prob, groups % n_folds, repeated, y_seen), y_prob[repeated])


def drawn(seed: int) -> Draw:
    known, others = made_up(seed), made_up(seed + 100)
    rows = Scored(others.y_true, others.oof.y_prob, others.oof.y_prob)
    fifth = known.oof.folds == 0
    held_out = Judged.held_out(known.y_true[fifth], known.oof.y_prob[fifth], known.groups[fifth])
    return Draw("made up", len(known.y_true), seed, 0.5, known, held_out, dict.fromkeys(FIGURES, rows))


def result(file: str, seed: int, macro: float, *, tags: float = 2.0, n_judged: int = 200) -> Result:
    def scores(macro: float, tags: float) -> dict[str, dict[str, float]]:
        return {figure: {"macro": macro, "tags": tags, "true_tags": 2.0} for figure in FIGURES}

    return Result(file, n_judged, seed, 0.5, {REFERENCE: scores(0.4 + seed / 50, 2.0), DEFAULT: scores(macro, tags)})


@pytest.mark.parametrize("seed", range(3))
def test_no_way_to_choose_scores_above_the_best_thresholds_on_the_scored_rows(seed):
    found = choosing.scores_of(drawn(seed))
    for way, scores in found.items():
        for figure in FIGURES:
            assert scores[figure]["macro"] <= found[ORACLE][figure]["macro"] + 1e-12, way


def test_every_way_gives_each_label_a_threshold_that_some_score_could_reach():
    known = made_up(0)
    for way, choose in {**choosing.OUT_OF_FOLD, **choosing.HOLD_OUT}.items():
        values = choose(known)
        assert values.shape == (N_LABELS,), way
        assert np.all((values > 0) & (values < 1)), way


def test_fold_averaged_thresholds_are_the_mean_of_the_optima_of_the_folds():
    known = made_up(1)
    optima = []
    for fold in range(5):
        rows = known.oof.folds == fold
        alone = Judged.held_out(known.y_true[rows], known.oof.y_prob[rows], known.groups[rows])
        own = choosing.OUT_OF_FOLD["exact optimum, out of fold"](alone)
        optima.append(np.where(known.y_true[rows].any(axis=0), own, np.nan))
    np.testing.assert_allclose(choosing.averaged_over_folds(known), np.nanmean(optima, axis=0))


def test_the_plain_optimum_is_that_of_every_distinct_score():
    known = made_up(2)
    values = choosing.OUT_OF_FOLD["exact optimum, out of fold"](known)
    found = choosing.f1_of(known.y_true, apply_thresholds(known.oof.y_prob, values))
    for label in range(N_LABELS):
        truth, scores = known.y_true[:, [label]], known.oof.y_prob[:, [label]]
        best = max(choosing.f1_of(truth, scores >= cut)[0] for cut in np.unique(scores))
        assert found[label] == pytest.approx(best)


def test_the_reference_is_the_best_grid_point_also_for_labels_with_few_examples():
    known = made_up(3)
    values = choosing.OUT_OF_FOLD[REFERENCE](known)
    assert set(values.tolist()) <= set(GRID)
    for label, value in enumerate(values):
        truth, scores = known.y_true[:, label], known.oof.y_prob[:, label].astype(np.float64)
        best = max(f1_score(truth, scores >= point, zero_division=0) for point in GRID)
        assert f1_score(truth, scores >= value, zero_division=0) == pytest.approx(best)


def test_one_threshold_for_all_beats_any_other_that_all_share():
    known = made_up(4)
    values = choosing.one_for_all(known)
    assert np.unique(values).size == 1
    best = choosing.f1_of(known.y_true, known.oof.y_prob >= values[0]).mean()
    others = [choosing.f1_of(known.y_true, known.oof.y_prob >= value).mean() for value in np.linspace(0.05, 0.95, 19)]
    assert best >= max(others) - 0.01  # the candidates are a twentieth of a logit apart


def test_f1_of_each_label_is_that_of_scikit_learn():
    known = made_up(5)
    y_pred = known.oof.y_prob >= 0.4
    expected = f1_score(known.y_true, y_pred, average=None, zero_division=0)
    np.testing.assert_allclose(choosing.f1_of(known.y_true, y_pred), expected)


def test_scutfbr_takes_the_highest_scores_where_no_cut_tells_a_label_apart():
    known = made_up(6)
    # Two yes among 240 rows, and both have the lowest scores of all: any cut that finds them tags every row.
    y_true, y_prob = known.y_true.copy(), known.oof.y_prob.copy()
    y_true[:, -1] = False
    y_true[[4, 30], -1] = True
    y_prob[:, -1] = np.linspace(0.2, 0.6, len(y_prob))
    y_prob[[4, 30], -1] = 0.1
    known = Judged(
        y_true, known.groups, OutOfFold(y_prob, known.oof.folds, known.oof.repeated, known.oof.y_seen), y_prob
    )
    highest = np.mean([y_prob[known.oof.folds == fold, -1].max() for fold in range(5)])
    assert choosing.scut_fbr_1(known)[-1] == pytest.approx(highest)


@pytest.mark.parametrize("seed", range(3))
def test_the_former_default_lies_halfway_between_shrunk_and_the_plug_in(seed):
    known = made_up(seed)
    n_positive = np.count_nonzero(known.y_true, axis=0)
    evidence = (known.y_true, known.oof.y_prob, known.judged, n_positive)
    odds = [each / (1 - each) for each in (ShrunkChooser().choose(*evidence), choosing.plug_in(known))]
    chosen = choosing.HalfwayChooser().choose(*evidence)
    np.testing.assert_allclose(chosen / (1 - chosen), np.sqrt(odds[0] * odds[1]))


def test_differences_are_paired_and_their_interval_is_that_of_a_paired_t_test():
    gains = [0.01, 0.03, -0.005, 0.02]
    results = [result("a.csv", seed, 0.4 + seed / 50 + gain) for seed, gain in enumerate(gains)]
    found = choosing.difference(results, DEFAULT, "later")
    expected = stats.ttest_1samp(gains, 0).confidence_interval(0.95)
    assert found == pytest.approx({"mean": np.mean(gains), "low": expected.low, "high": expected.high})


@pytest.mark.parametrize(("loss", "missed"), [(0.0, False), (0.002, False), (0.004, True)])
def test_a_default_may_lose_up_to_three_thousandths_on_a_file(loss, missed):
    results = [result("a.csv", seed, 0.5) for seed in range(3)]
    results += [result("b.csv", seed, 0.4 + seed / 50 - loss) for seed in range(3)]
    assert any("b.csv" in line for line in choosing.failures(results, DEFAULT)) == missed


@pytest.mark.parametrize(("tags", "missed"), [(1.3, True), (1.4, False), (2.0, False), (2.9, False), (3.1, True)])
def test_a_default_may_give_up_to_one_and_a_half_times_the_tags_at_each_size(tags, missed):
    results = [result("a.csv", 0, 0.5), result("a.csv", 0, 0.5, tags=tags, n_judged=1000)]
    assert any("1,000 judged" in line for line in choosing.failures(results, DEFAULT)) == missed


def test_the_command_scores_every_way_on_both_figures(tmp_path, monkeypatch, capsys, one_thread):
    brands = {
        "groceries": ("tesco", "aldi", "lidl"),
        "fuel": ("shell", "esso", "bp"),
        "rent|home": ("rent", "landlord"),
    }
    rng = np.random.default_rng(0)
    path = tmp_path / "made up.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["date", "description", "amount", "tags"])
        for row in range(240):
            tags = list(brands)[row % 3]
            name = brands[tags][rng.integers(len(brands[tags]))]
            writer.writerow([f"2024-03-{row % 28 + 1:02d}", f"{name} {'abcdefgh'[rng.integers(8)] * 3}", "-5.00", tags])
    toy = ToyEncoder()
    monkeypatch.setattr(Encoding, "encoder", property(lambda _: toy))
    monkeypatch.setattr(Encoding, "identity", property(lambda _: toy))
    monkeypatch.setattr(Settings, "starter_path", NO_STARTER)
    monkeypatch.setattr(benchmarks, "RESULTS", tmp_path / "results")
    monkeypatch.setenv("TAGGER_HOME", str(tmp_path / "home"))

    choosing.main(["--data", str(path), "--sizes", "40", "80"])

    printed = capsys.readouterr().out
    saved = json.loads((tmp_path / "results" / "choosing.json").read_text())
    ways = {*choosing.OUT_OF_FOLD, *choosing.HOLD_OUT, ORACLE}
    assert all(f"| {way} |" in printed for way in ways)
    assert [each["n_judged"] for each in saved["draws"]] == [40, 80]
    for each in saved["draws"]:
        assert set(each["scores"]) == ways
        assert each["scores"][DEFAULT]["later"]["macro"] > 0.5
        assert 0 < each["share_seen"] < 1


def test_rows_that_are_called_unseen_share_no_merchant_with_judged_ones(tmp_path, monkeypatch, one_thread):
    file = choosing.read(choosing.SAMPLE, choosing.ReadOptions())
    toy = ToyEncoder()
    encoding = Encoding(Settings(home=tmp_path))
    encoding.use(toy)
    asked = []
    monkeypatch.setattr(choosing, "gather_inputs", _listening(choosing.gather_inputs, asked))
    one = choosing.draw(file, encoding, None, n_judged=60, n_scored=200, seed=0)
    group_of = dict(zip(file.facts.texts, file.groups.tolist(), strict=True))
    judged = set(one.known.groups.tolist())
    unseen, later = ([group_of[text] in judged for text in texts] for texts in asked)
    assert not any(unseen)
    assert np.mean(later) == one.share_seen > 0


def _listening(gather, asked):
    def listen(encoding, facts, *arguments):
        asked.append(list(facts.texts))
        return gather(encoding, facts, *arguments)

    return listen
