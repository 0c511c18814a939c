from __future__ import annotations

import numpy as np
import pytest
from toys import ToyEncoder

from tagger.errors import BundleError
from tagger.learning.examples import Examples
from tagger.learning.inputs import Inputs
from tagger.learning.model import Model
from tagger.learning.names import NamePrior, label_text
from tagger.learning.recipe import HeadSettings, Recipe

pytestmark = pytest.mark.usefixtures("one_thread")

NAMED = Recipe(features="both+names", head=HeadSettings(l2=1.0))
UNNAMED = Recipe(features="both", head=HeadSettings(l2=1.0))
SHOPS = [f"{brand} {town}" for brand in ("tesco", "aldi", "lidl") for town in ("leeds", "york", "bath", "hull")]
STATIONS = [f"{brand} {town}" for brand in ("shell", "esso") for town in ("leeds", "york", "bath", "hull")]
LABELS = ["groceries", "fuel", "book stores"]


@pytest.mark.parametrize(
    ("name", "definition", "text"),
    [
        ("Groceries", "", "Groceries"),
        ("merchant:Book Stores", "", "Book Stores"),
        ("cat: Food", "", "Food"),
        ("cat:food:takeaway", "", "food takeaway"),
        ("a:", "", "a"),
        ("a: ", "", "a"),
        ("kind:-", "", "kind"),
        (":Food", "", "Food"),
        ("eating_out/restaurants & bars", "", "eating out restaurants bars"),
        ("rent|recurring", "", "rent recurring"),
        ("Take-away", "", "Take away"),
        ("essen:Süßes", "", "Süßes"),
        ("::", "", "::"),
        ("&", "", "&"),
        ("Food", "what we eat at home", "Food: what we eat at home"),
        ("cat: Food", "  what we eat ", "Food: what we eat"),
        ("Food", "   ", "Food"),
    ],
)
def test_the_text_of_a_label_is_its_name_without_kind_and_marks(name, definition, text):
    assert label_text(name, definition) == text


def embed(*texts):
    return ToyEncoder().encode(texts)


def case(*, third_judged=False):
    """Shops and stations are learned from examples; of the third label there is only the name."""
    texts = SHOPS + STATIONS
    y_true = np.array([[text in SHOPS, text in STATIONS, False] for text in texts])
    judged = np.ones_like(y_true)
    judged[:, 2] = third_judged
    return Inputs.of(embed(*texts), texts), y_true, judged


def fit(recipe, label_embeddings=None, **options):
    inputs, y_true, judged = case(**options)
    return Model.fit(Examples(inputs, y_true, judged, np.arange(len(inputs)), label_embeddings), recipe)


def probabilities(model, *texts):
    return model.probabilities(Inputs.of(embed(*texts), texts))


def test_a_label_without_an_example_is_suggested_where_the_text_is_its_name_and_not_far_from_it():
    model = fit(NAMED, embed(*LABELS))
    near, far = probabilities(model, "book stores"), probabilities(model, *SHOPS, *STATIONS, "netflix", "payroll acme")
    assert near[0, 2] > 0.8
    # Elsewhere it starts from the other labels' mean share, which here is a third.
    assert np.median(far[:, 2]) == pytest.approx(1 / 3, abs=0.01)
    assert far[:, 2].max() < near[0, 2]
    # Without the name it is the same everywhere.
    assert np.unique(probabilities(fit(UNNAMED), "book stores", *SHOPS)[:, 2]).size == 1


def test_a_text_of_the_name_and_another_word_lies_between():
    model = fit(NAMED, embed(*LABELS))
    equal, shared, far = probabilities(model, "book stores", "book stores leeds", "netflix")[:, 2]
    assert equal > shared > far


def test_labels_with_examples_are_learned_as_well_as_without_names():
    inputs, y_true, _ = case()
    y_prob = fit(NAMED, embed(*LABELS)).probabilities(inputs)
    assert np.array_equal((y_prob >= 0.5)[:, :2], y_true[:, :2])


def test_rejections_before_the_first_example_do_not_silence_a_name():
    many_against = probabilities(fit(NAMED, embed(*LABELS), third_judged=True), "book stores")[0, 2]
    assert many_against == probabilities(fit(NAMED, embed(*LABELS)), "book stores")[0, 2]


@pytest.mark.parametrize(
    ("recipe", "label_embeddings"),
    [
        (NAMED, None),
        (UNNAMED, embed(*LABELS)),
        (Recipe(features="both+names", head=HeadSettings(l2=1.0), name_reliance=0.0), embed(*LABELS)),
    ],
    ids=["no embeddings of names", "names are no feature", "no reliance"],
)
def test_without_names_nothing_changes(recipe, label_embeddings):
    inputs = case()[0]
    assert np.array_equal(fit(recipe, label_embeddings).probabilities(inputs), fit(UNNAMED).probabilities(inputs))


@pytest.mark.parametrize(("n_positive", "share"), [(0, 1.0), (5, 0.8), (20, 0.5), (60, 0.25), (1_980, 0.01)])
def test_the_reliance_on_a_name_halves_at_twenty_descriptions(n_positive, share):
    rows = embed(*SHOPS, "book stores")
    prior = NamePrior.fit(rows, embed("book stores"), np.array([n_positive]), reliance=2.0)
    none = NamePrior.fit(rows, embed("book stores"), np.array([0]), reliance=2.0)
    assert prior.reliance == pytest.approx([2.0 * share])
    assert prior.offset(rows) == pytest.approx(none.offset(rows) * share)


def test_logits_are_standard_deviations_of_the_cosine_above_the_first():
    rows, labels = embed(*SHOPS, *STATIONS, "book shop"), embed(*LABELS)
    prior = NamePrior.fit(rows, labels, np.zeros(3, dtype=np.int64), reliance=1.5)
    lengths = np.outer(*(np.linalg.norm(part[:, 24:], axis=1) for part in (rows, labels)))
    all_cosines = rows[:, 24:].astype(np.float64) @ labels[:, 24:].T / lengths
    for label, cosine in enumerate(all_cosines.T):
        n = cosine.size
        mean = (n * cosine.mean() + 20 * all_cosines.mean()) / (n + 20)
        spread = np.sqrt((n * cosine.var() + 20 * 0.1**2) / (n + 20))
        expected = 1.5 * np.maximum((cosine - mean) / spread - 1, 0)
        assert prior.offset(rows)[:, label] == pytest.approx(expected, abs=1e-3)


def test_what_is_usual_is_learned_from_the_training_rows_alone():
    prior = NamePrior.fit(embed(*SHOPS), embed(*LABELS), np.zeros(3, dtype=np.int64), reliance=1.0)
    alone = prior.offset(embed("book stores"))
    assert prior.offset(embed("book stores", *STATIONS))[:1] == pytest.approx(alone, abs=1e-5)


def test_equal_rows_and_rows_of_zeros_give_finite_logits():
    rows = np.repeat(embed("tesco"), 5, axis=0)
    prior = NamePrior.fit(rows, embed("tesco", "fuel"), np.zeros(2, dtype=np.int64), reliance=1.0)
    assert prior.offset(rows)[:, 1] == pytest.approx(0)
    assert prior.offset(rows)[:, 0] == pytest.approx(((1 - prior.mean) / prior.spread - 1)[0], abs=1e-3)
    assert np.isfinite(prior.offset(np.zeros_like(rows))).all()


def test_a_model_with_names_made_of_stored_tensors_gives_equal_probabilities():
    model = fit(NAMED, embed(*LABELS))
    again = Model.from_tensors(model.features, model.head.settings, model.tensors())
    texts = [*SHOPS, "book stores", "fuel"]
    assert np.array_equal(probabilities(model, *texts), probabilities(again, *texts))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("names.vectors", None),
        ("names.mean", np.zeros(2, dtype=np.float32)),
        ("names.vectors", np.zeros(24, dtype=np.float32)),
        ("names.vectors", np.zeros((2, 24), dtype=np.float32)),
    ],
)
def test_tensors_of_names_that_are_missing_or_do_not_fit_are_refused(name, value):
    tensors = fit(NAMED, embed(*LABELS)).tensors()
    del tensors[name]
    if value is not None:
        tensors[name] = value
    with pytest.raises(BundleError):
        Model.from_tensors("both+names", NAMED.head, tensors)


def test_names_of_another_number_of_labels_are_refused():
    tensors = fit(NAMED, embed(*LABELS)).tensors()
    fewer = {name: value[:2] if name.startswith("names.") else value for name, value in tensors.items()}
    with pytest.raises(BundleError, match="head"):
        Model.from_tensors("both+names", NAMED.head, fewer)
