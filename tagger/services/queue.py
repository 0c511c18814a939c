"""What to label next: which rows, why each of them, and what the random ones among them score."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.errors import EncoderError, NotFoundError
from tagger.labels.labelset import Label, find
from tagger.learning import queue
from tagger.learning.memory import Memory
from tagger.learning.metrics import score_labels
from tagger.learning.queue import Chosen
from tagger.learning.thresholds import MIN_POSITIVE_GROUPS
from tagger.services import curve
from tagger.services.evidence import gather, out_of_fold_rows
from tagger.services.filtering import OPEN, Filter, matching
from tagger.services.progress import Progress
from tagger.services.review import AUDIT, QUEUE
from tagger.services.scores import summary
from tagger.services.store import Store
from tagger.services.view import View
from tagger.storage import judgements
from tagger.storage.matrices import text_key
from tagger.storage.runs import STARTER
from tagger.transactions.merchant import merchant_text

SIZE = 200  # picks from one model; replayed in steps of 100 they are as good as in steps of 25
MIN_AUDIT = 20  # rows; the score of fewer says next to nothing
SEED = 0  # the same store offers the same rows until something is judged
UNLIKE = 0.5  # cosine to the nearest judged description; below it, nothing like it has been seen
_AT_ONCE = 10_000  # texts whose embeddings are in memory together: 30 MB
WHY_RANDOM = "Random pick, for an honest score"


@dataclass(frozen=True)
class Pick:
    """A transaction to judge next. `reason` is stored with what is said about it; `why` says it to a person.

    `n_rows` counts the rows like it that nobody has confirmed, itself included: those that differ in digits at most,
    and once every merchant was reviewed, those of equal descriptions.
    `doubted` are labels judged "no" that it may have all the same, at hand for a person who agrees.
    """

    id: str
    reason: str
    why: str
    n_rows: int
    doubted: tuple[int, ...] = ()


@dataclass(frozen=True)
class AuditScore:
    """What the random picks score: tags as they would be shown had nobody judged these rows."""

    n_transactions: int
    micro_f1: float | None
    macro_f1: float | None
    labels_scored: int


@dataclass(frozen=True)
class Queue:
    """What to judge next, at the moment at which it was asked for."""

    picks: tuple[Pick, ...]
    audit: AuditScore | None

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(pick.id for pick in self.picks)


@dataclass(frozen=True)
class _Candidates:
    """One open row for each merchant, or each description, that nobody has confirmed a row of.

    Attributes
    ----------
    rows, texts : intp (n,), rows of the view and their texts.
    n_rows : int64 (n,), rows like each that nobody has confirmed.
    is_open : bool (n, n_labels), labels that no row like it has a verdict on.
    kinds : int32 (n_transactions,), rows of one kind are alike.
    """

    rows: NDArray[np.intp]
    texts: NDArray[np.intp]
    n_rows: NDArray[np.int64]
    is_open: NDArray[np.bool_]
    kinds: NDArray[np.int32]

    def take(self, kept: NDArray[np.bool_]) -> _Candidates:
        return _Candidates(self.rows[kept], self.texts[kept], self.n_rows[kept], self.is_open[kept], self.kinds)


def ask(
    store: Store, view: View, wanted: Filter | None = None, *, label_id: int | None = None, n_picks: int = SIZE
) -> Queue:
    """The rows that teach most, the best first, and what the random ones among those judged so far score.

    Parameters
    ----------
    wanted : picks come from its rows. One in ten is drawn at random from all rows that nobody has confirmed, whatever
        equal ones were judged; not under a filter, whose rows would not be random ones, nor for one label.
    label_id : ask about this label only, as one does about a rare one.
    """
    return Queue(_picks(store, view, wanted or Filter(), label_id=label_id, n_picks=n_picks), audit_score(store))


def listed(store: Store, n_picks: int, label_name: str | None = None) -> dict[str, Any]:
    """The queue as the command line prints it, with the learning curve that was measured last.

    Raises
    ------
    NotFoundError
        If there is no such label.
    """
    view = store.view()
    label = None if label_name is None else find(view.labels, label_name)
    if label is None and label_name is not None:
        raise NotFoundError(f"There is no label {label_name!r}.", hint="List the labels: tagger labels list.")
    asked = ask(store, view, label_id=None if label is None else label.id, n_picks=n_picks)
    places = view.columns.row_of_id
    return {
        "label": None if label is None else label.name,
        "picks": [
            {
                "transaction_id": pick.id,
                "description": view.columns.descriptions[places[pick.id]],
                "reason": pick.reason,
                "why": pick.why,
                "rows": pick.n_rows,
            }
            for pick in asked.picks
        ],
        "audit": None if asked.audit is None else asdict(asked.audit),
        "learning_curve": curve.newest(store),
    }


def audit_score(store: Store) -> AuditScore | None:
    """What the current run scores on random picks, which no score has chosen; None while they are too few.

    A row whose description equals one judged for another reason is answered from memory, every other one by a head
    that did not learn from its description. Random picks judged since the run count once the next one has learned from
    them: those of them whose descriptions it never saw, which could be scored now, are no random part of them.
    """
    view = store.view()
    with store.db.read() as connection:
        pks = judgements.confirmed_for(connection, AUDIT)
    places = view.columns.row_of
    drawn = every = np.array(sorted(places[pk] for pk in pks if pk in places), dtype=np.intp)
    bundles = store.tagging_bundles(view.tagging.run_id)
    if drawn.size < MIN_AUDIT or not bundles:
        return None
    evidence = gather(store, view, bundles[0])
    if bundles[0].run_id != STARTER:
        drawn = np.intersect1d(drawn, out_of_fold_rows(view, bundles[0])[0])
    kept = np.isin(evidence.rows, drawn)
    rows, columns = evidence.rows[kept], evidence.columns
    if rows.size < MIN_AUDIT:
        return None
    others = view.judged_rows[~np.isin(view.judged_rows, every)]
    folds = view.columns.folds
    memory = Memory.from_judged(
        [folds[place] for place in view.columns.fold_index[others].tolist()],
        view.truth.y_true[np.ix_(others, columns)],
        view.truth.judged[np.ix_(others, columns)],
    )
    answers = memory.lookup([folds[place] for place in view.columns.fold_index[rows].tolist()])
    y_pred = np.where(answers.judged, answers.y_true, evidence.y_pred[kept])
    scored = summary(score_labels(evidence.y_true[kept], y_pred, evidence.judged[kept]))
    return AuditScore(int(rows.size), scored["micro"]["f1"], scored["macro"]["f1"], scored["macro"]["labels_scored"])


def _picks(store: Store, view: View, wanted: Filter, *, label_id: int | None, n_picks: int) -> tuple[Pick, ...]:
    """The rows that teach most, the best first; one in ten drawn at random."""
    wanted = replace(wanted, state=OPEN)
    column = None if label_id is None else view.column_of[label_id]
    found = _candidates(view, matching(view, wanted), column)
    if column is not None:
        return _for_label(store, view, found, column, n_picks)
    y_prob = view.tagging.probabilities[view.tagging.index[found.rows]]
    doubt = queue.uncertainty(y_prob, found.is_open)
    # The square root of the doubt, as measured: a description without rows like it is worth little, however doubtful.
    chosen = _spread(store, view, found, queue.weights(np.sqrt(doubt), found.n_rows), n_picks)
    places = [each.place for each in chosen]
    unsure = queue.doubtful_labels(y_prob[places], view.tagging.thresholds, found.is_open[places])
    most = int(found.n_rows.max()) if chosen else 0
    told = {
        int(found.rows[each.place]): Pick(
            view.columns.ids[found.rows[each.place]],
            QUEUE,
            _why([view.labels[column].name for column in columns], each, int(found.n_rows[each.place]), most),
            int(found.n_rows[each.place]),
        )
        for each, columns in zip(chosen, unsure, strict=True)
    }
    if wanted != Filter(state=OPEN):
        return tuple(told.values())
    mixed = queue.mix(list(told), _random_rows(view)[:n_picks].tolist(), n_picks, group=found.kinds)
    n_alike = _n_open(view, found.kinds)
    return tuple(
        Pick(view.columns.ids[row], AUDIT, WHY_RANDOM, int(n_alike[found.kinds[row]])) if is_audit else told[row]
        for row, is_audit in mixed
    )


def _candidates(view: View, mask: NDArray[np.bool_], column: int | None) -> _Candidates:
    """One row of every merchant that nobody has reviewed; once there is none, of every description.

    Memory answers equal descriptions only, so a merchant with one reviewed row may have others that nobody looked at.
    """
    found = _one_of_each(view, mask, column, view.columns.group_index)
    return found if found.rows.size else _one_of_each(view, mask, column, view.columns.fold_index)


def _one_of_each(view: View, mask: NDArray[np.bool_], column: int | None, kinds: NDArray[np.int32]) -> _Candidates:
    """The newest row of each kind without a confirmed one, where the label, or any, is still open."""
    columns, truth = view.columns, view.truth
    n_open = _n_open(view, kinds)
    is_done = np.zeros(n_open.size, dtype=bool)
    is_done[kinds[truth.confirmed]] = True
    rows = np.flatnonzero(mask & ~is_done[kinds])
    rows = rows[np.argsort(-columns.days[rows].astype(np.int64), kind="stable")]
    there, first = np.unique(kinds[rows], return_index=True)
    rows = rows[first]
    place_of = np.full(n_open.size, -1)
    place_of[there] = np.arange(there.size)
    partly = np.flatnonzero(truth.judged.any(axis=1) & (place_of[kinds] >= 0))
    is_open = np.ones((there.size, len(view.labels)), dtype=bool)
    np.logical_and.at(is_open, place_of[kinds[partly]], ~truth.judged[partly])
    found = _Candidates(rows, columns.text_index[rows].astype(np.intp), n_open[there], is_open, kinds)
    if column is not None:
        return found.take(is_open[:, column])
    return found.take(np.asarray(is_open.any(axis=1))) if view.labels else found


def _n_open(view: View, kinds: NDArray[np.int32]) -> NDArray[np.int64]:
    """Int64 (n_kinds,): rows of each kind that nobody has confirmed."""
    n_kinds = int(kinds.max()) + 1 if kinds.size else 0
    return np.bincount(kinds[~view.truth.confirmed], minlength=n_kinds).astype(np.int64)


def _random_rows(view: View) -> NDArray[np.intp]:
    """Rows that nobody has confirmed, in an order that stays while others are confirmed or come in."""
    rows = np.flatnonzero(~view.truth.confirmed)
    return rows[queue.random_order(view.columns.pks[rows], SEED)]


def _spread(store: Store, view: View, found: _Candidates, weight: NDArray[np.float64], n_picks: int) -> list[Chosen]:
    return queue.spread(
        weight,
        lambda places: vectors(store, view, found.texts[places]),
        n_picks,
        known=vectors(store, view, _known_texts(view)),
        seed=SEED,
    )


def _known_texts(view: View) -> NDArray[np.intp]:
    """Texts of confirmed rows, the most frequent first."""
    texts, counts = np.unique(view.columns.text_index[view.truth.confirmed], return_counts=True)
    return texts[np.argsort(-counts, kind="stable")][: queue.MOST_KNOWN].astype(np.intp)


def vectors(store: Store, view: View, texts: NDArray[np.intp]) -> NDArray[np.float32]:
    """Embeddings of texts; zeros for those that are not encoded yet, or if there is no encoder."""
    with suppress(EncoderError):
        stored = store.encoding.stored
        keys = [text_key(view.columns.texts[place]) for place in texts.tolist()]
        # Runs that look at descriptions stripped to the merchant have only those encoded.
        missing = set(stored.missing(keys))
        for place in [place for place, key in enumerate(keys) if key in missing]:
            keys[place] = text_key(merchant_text(view.columns.texts[texts[place]]))
        missing = set(stored.missing(keys))
        there = [place for place, key in enumerate(keys) if key not in missing]
        rows = stored.rows([keys[place] for place in there])
        vectors = np.zeros((len(keys), rows.shape[1]), dtype=np.float32)
        vectors[there] = rows
        return vectors
    return np.zeros((texts.size, 1), dtype=np.float32)


def _for_label(store: Store, view: View, found: _Candidates, column: int, n_picks: int) -> tuple[Pick, ...]:
    """Rows that may have the label or leave it in doubt; where no model knows it, those that read like it."""
    label = view.labels[column]
    probability = view.tagging.probabilities[view.tagging.index[found.rows], column].astype(np.float64)
    has_it = view.truth.y_true[:, column]
    is_rare = np.unique(view.columns.group_index[has_it]).size < MIN_POSITIVE_GROUPS
    is_known = bool(np.isfinite(probability).any())
    if not is_known:
        likely = _likeness(store, view, found, label, np.unique(view.columns.text_index[has_it]).astype(np.intp))
    elif is_rare:
        likely = np.nan_to_num(probability)
    else:
        likely = queue.entropy(np.nan_to_num(probability))
    weight = queue.weights(likely, found.n_rows, power=queue.LABEL_ROWS_POWER)
    chosen = _spread(store, view, found, weight, n_picks)
    return tuple(
        Pick(
            view.columns.ids[found.rows[each.place]],
            QUEUE,
            _why_label(label.name, float(probability[each.place]) if is_known else None)
            + _like_it(int(found.n_rows[each.place])),
            int(found.n_rows[each.place]),
        )
        for each in chosen
    )


def _likeness(
    store: Store, view: View, found: _Candidates, label: Label, examples: NDArray[np.intp]
) -> NDArray[np.float64]:
    """How much each candidate reads like the label's name, its definition, or one of its examples: 0 to 1."""
    with suppress(EncoderError):
        named, _ = store.encoding.embed([text for text in (label.name, label.definition) if text], Progress())
        models = np.concatenate([named, vectors(store, view, examples)])
        parts = [
            queue.likeness(vectors(store, view, found.texts[start : start + _AT_ONCE]), models)
            for start in range(0, found.texts.size, _AT_ONCE)
        ]
        return np.concatenate([np.empty(0), *parts])
    return np.ones(found.rows.size)


def _why(unsure: Sequence[str], chosen: Chosen, n_rows: int, most: int) -> str:
    if len(unsure) > 1:
        return f"Unsure between {unsure[0]} and {unsure[1]}{_like_it(n_rows)}"
    if unsure:
        return f"Unsure about {unsure[0]}{_like_it(n_rows)}"
    if n_rows == most and n_rows > 1:
        return f"Most frequent description not reviewed yet{_like_it(n_rows)}"
    if chosen.nearness is None:
        return f"Not reviewed yet{_like_it(n_rows)}"
    if chosen.nearness < UNLIKE:
        return f"Unlike anything reviewed so far{_like_it(n_rows)}"
    return f"Near what is reviewed; to be sure{_like_it(n_rows)}"


def _why_label(name: str, probability: float | None) -> str:
    if probability is None:
        return f"Reads like {name}"
    if 0.25 <= probability <= 0.75:
        return f"Unsure about {name}"
    return f"May be {name} ({probability:.2f})" if probability > 0.05 else f"Nearest to {name}, though unlikely"


def _like_it(n_rows: int) -> str:
    return f"; {n_rows:,} rows like it" if n_rows > 1 else ""
