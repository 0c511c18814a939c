"""Fitting a head: masked binary cross-entropy with logits, and nothing else, is what every head minimises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from tagger.errors import BundleError, CancelledError, TrainingError
from tagger.learning.heads import Head, build_head
from tagger.learning.inputs import Design
from tagger.learning.lbfgs import MAX_ITERATIONS, Iterate, Start, minimize
from tagger.learning.metrics import BoolMatrix, FloatMatrix, score_labels, summarize
from tagger.learning.recipe import HeadSettings, batch_size

Tensors = dict[str, npt.NDArray[np.generic]]

# A label without both verdicts cannot be learned; its probability is that of its verdicts and this many more "no":
# as many as the descriptions without which a threshold is not tuned. Three "yes" alone must not tag every row.
IMAGINED_NEGATIVES = 10.0
IMAGINED_POSITIVES = 0.01

ITERATIONS_PER_REPORT = 10  # of the logistic head
# Rows. The products of a small batch are too short to divide: threads mostly wait for each other, and beside a browser
# that keeps the cores busy they take ten times as long as one thread does.
SMALL_BATCH = 256

EARLY_STOPPING_PATIENCE = 3  # epochs without a lower validation loss
_SPARSE = "sparse.weight"
_ROWS_AT_ONCE = 65_536  # bounds the memory that applying a head takes


@dataclass(frozen=True)
class EpochReport:
    """One point of the live curves.

    Attributes
    ----------
    epoch, n_epochs : int
        From 1. The logistic head reports every few iterations instead; its `n_epochs` is a bound that shrinks to
        `epoch` in the last report.
    loss : float
        Mean binary cross-entropy per judged cell of the training rows, without the penalty.
    validation_f1 : float or None
        Micro F1 of the validation rows at probability 0.5; None without such rows or where it is undefined.
    fold : int or None
        The fold left out while fitting; None in a fit on all rows.
    """

    epoch: int
    n_epochs: int
    loss: float
    validation_f1: float | None
    fold: int | None = None


OnEpoch = Callable[[EpochReport], None]
Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class Validation:
    """Rows that are scored during a fit; y_true and judged are (n, n_labels)."""

    X: Design
    y_true: BoolMatrix
    judged: BoolMatrix


@dataclass(frozen=True)
class FittedHead:
    """A head that has been fitted, ready to be applied or stored.

    Attributes
    ----------
    sparse_weight : float32 (n_sparse, n_labels), for the sparse columns of a logistic head; else None.
    end : where a later fit may begin; None for heads that begin anew, and for stored ones.
    """

    settings: HeadSettings
    module: Head
    sparse_weight: FloatMatrix | None = None
    end: Start | None = None

    @property
    def n_features(self) -> int:
        """Dense features."""
        return _first_weight(dict(self.module.named_parameters())).shape[1]

    @property
    def n_sparse(self) -> int:
        return 0 if self.sparse_weight is None else int(self.sparse_weight.shape[0])

    @property
    def n_labels(self) -> int:
        return self.module.output.out_features

    def logits(self, X: Design) -> FloatMatrix:
        """Logits of a design matrix, float32 (n, n_labels)."""
        if X.dense.ndim != 2 or X.dense.shape[1] != self.n_features or X.n_sparse != self.n_sparse:
            raise ValueError(
                f"The head takes {self.n_features} + {self.n_sparse} features, not {X.dense.shape} and {X.n_sparse}."
            )
        out = np.empty((X.n_rows, self.n_labels), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, X.n_rows, _ROWS_AT_ONCE):
                rows = slice(start, start + _ROWS_AT_ONCE)
                out[rows] = self.module(_tensor(X.dense[rows])).numpy()
        if self.sparse_weight is not None and X.sparse is not None:
            out += X.sparse @ self.sparse_weight
        if X.offset is not None:
            out += X.offset
        return out

    def tensors(self) -> Tensors:
        """Everything learned, by name; with the settings, `from_tensors` makes an equal head of it."""
        tensors = {name: value.detach().cpu().numpy().copy() for name, value in self.module.state_dict().items()}
        if self.sparse_weight is not None:
            tensors[_SPARSE] = self.sparse_weight.astype(np.float16)
        return tensors

    @classmethod
    def from_tensors(cls, settings: HeadSettings, tensors: Mapping[str, npt.NDArray[np.generic]]) -> FittedHead:
        """Rebuild a head.

        Raises
        ------
        BundleError
            If the tensors do not fit the settings.
        """
        state = {name: torch.from_numpy(np.array(value)) for name, value in tensors.items() if name != _SPARSE}
        sparse_weight = np.asarray(tensors[_SPARSE], dtype=np.float32) if _SPARSE in tensors else None
        try:
            n_features, n_labels = _first_weight(state).shape[1], state["output.bias"].shape[0]
            # No memory and, above all, no draw from the generator of a training that runs in another thread.
            with torch.device("meta"):
                module = build_head(settings, n_features, n_labels)
            module.load_state_dict(state, assign=True)
        except (KeyError, IndexError, RuntimeError) as error:
            raise BundleError(f"The head's tensors do not fit its settings ({settings.kind}).") from error
        if sparse_weight is not None and (sparse_weight.ndim != 2 or sparse_weight.shape[1] != n_labels):
            raise BundleError("The head's sparse weights do not fit its labels.")
        return cls(settings, module.requires_grad_(requires_grad=False).eval(), sparse_weight)


def fit_head(
    X: Design,
    y_true: BoolMatrix,
    judged: BoolMatrix,
    settings: HeadSettings,
    seed: int,
    *,
    index: npt.NDArray[np.intp] | None = None,
    on_epoch: OnEpoch | None = None,
    cancelled: Cancelled | None = None,
    validation: Validation | None = None,
    start: Start | None = None,
) -> FittedHead:
    """Fit a head on the judged cells.

    Parameters
    ----------
    X : Design
        Dense columns centered, their root mean square about 1. Only the logistic head takes sparse ones.
    y_true, judged : bool arrays, shape (n_transactions, n_labels)
        Cells where `judged` is False contribute nothing.
    seed : int
        Decides initial weights, order and dropout of the feed-forward head; the logistic head needs none.
    index : (n_transactions,), each transaction's row of X, optional
        Most transactions repeat a description; the objective is the same at a fraction of the work. Without it every
        transaction has its own row.
    validation : Validation, optional
        Scored for the reports; early stopping goes by it and needs it.
    start : where an earlier fit ended, for the texts of X; optional
        Only the logistic head begins there; one that does not fit X is passed over.

    Returns
    -------
    The head. A label without a judged positive or without a judged negative gets a constant: the share of "yes" among
    its verdicts and `IMAGINED_NEGATIVES` more "no"; one without any verdict, the mean share of the labels that have.

    Raises
    ------
    TrainingError
        If there is no row, or a single one where batch normalization needs two.
    CancelledError
        If `cancelled` answers True.
    ValueError
        If shapes do not fit, an input is not finite, or early stopping has no validation rows.
    """
    if index is None:
        index = np.arange(X.n_rows)
    _check(X, y_true, judged, index)
    if settings.early_stopping and settings.kind == "feedforward" and validation is None:
        raise ValueError("Early stopping needs validation rows.")
    cells = cells_of(y_true, judged, settings)
    watch = _Watch(on_epoch, cancelled, validation)
    if settings.kind == "logistic":
        row, nothing = torch.from_numpy(index), torch.zeros(X.n_rows, y_true.shape[1])
        positive, mass = (nothing.index_add(0, row, torch.from_numpy(x)) for x in (cells.mass * y_true, cells.mass))
        with spare_threads():
            module, sparse_weight, end = _fit_logistic(X, positive, mass, settings, watch, start=start)
    else:
        with spare_threads(at_most=1 if batch_size(settings, index.size) <= SMALL_BATCH else None):
            module = _fit_feedforward(X.take(index), y_true, cells.mass, settings, watch, seed=seed)
            sparse_weight, end = None, None
    with torch.no_grad():
        learned = torch.from_numpy(~cells.constant)
        module.output.weight *= learned[:, None]
        logit = torch.from_numpy((np.log(cells.prior) - np.log1p(-cells.prior)).astype(np.float32))
        module.output.bias.copy_(torch.where(learned, module.output.bias, logit))
    if sparse_weight is not None:
        sparse_weight *= ~cells.constant
        # Rounded as it will be stored, so that a run predicts what it was scored with.
        sparse_weight = sparse_weight.astype(np.float16).astype(np.float32)
    return FittedHead(settings, module.requires_grad_(requires_grad=False).eval(), sparse_weight, end)


@dataclass(frozen=True)
class Cells:
    """What each cell weighs in the loss, float32 (n, n_labels); labels that cannot be learned, and their constants."""

    mass: FloatMatrix
    constant: npt.NDArray[np.bool_]
    prior: npt.NDArray[np.float64]


def cells_of(y_true: BoolMatrix, judged: BoolMatrix, settings: HeadSettings) -> Cells:
    """Weigh judged cells; those of labels without both verdicts weigh nothing."""
    mass = judged.astype(np.float32)
    positive, negative = (np.count_nonzero(said & judged, axis=0).astype(np.float64) for said in (y_true, ~y_true))
    prior = (positive + IMAGINED_POSITIVES) / (positive + negative + IMAGINED_NEGATIVES)
    verdicts = positive + negative
    if np.any(verdicts > 0):
        prior[verdicts == 0] = np.mean(prior[verdicts > 0])
    constant = (positive == 0) | (negative == 0)
    mass[:, constant] = 0.0
    if settings.class_weight == "balanced":
        mass *= _balance(y_true, positive, negative)
    return Cells(mass, constant, prior)


def masked_loss(logits: torch.Tensor, target: torch.Tensor, mass: torch.Tensor) -> torch.Tensor:
    """Mean binary cross-entropy with logits over cells weighted by `mass`; a cell of mass 0 contributes nothing."""
    cells = functional.binary_cross_entropy_with_logits(logits, target, weight=mass, reduction="sum")
    return cells / mass.sum().clamp_min(torch.finfo(mass.dtype).tiny)


@dataclass(frozen=True)
class _Watch:
    """Who follows a fit, and the rows it is followed on."""

    on_epoch: OnEpoch | None
    cancelled: Cancelled | None
    validation: Validation | None

    def stop_if_cancelled(self) -> None:
        if self.cancelled is not None and self.cancelled():
            raise CancelledError("Training was stopped.")

    def report(self, epoch: int, n_epochs: int, loss: float, logits: Callable[[Design], FloatMatrix]) -> None:
        if self.on_epoch is None:
            return
        f1 = None
        if self.validation is not None:
            # A logit of 0 is a probability of 0.5.
            y_pred = logits(self.validation.X) >= 0
            f1 = summarize(score_labels(self.validation.y_true, y_pred, self.validation.judged)).micro.f1
        self.on_epoch(EpochReport(epoch, n_epochs, loss, f1))


# Feed-forward ---------------------------------------------------------------------------------------------------------


def _fit_feedforward(
    design: Design, y_true: BoolMatrix, mass: FloatMatrix, settings: HeadSettings, watch: _Watch, *, seed: int
) -> Head:
    if design.sparse is not None:
        raise ValueError("A feed-forward head takes dense features only.")
    X, offset = _tensor(design.dense), _offset(design)
    n_rows = X.shape[0]
    if settings.normalization == "batch" and n_rows < 2:
        raise TrainingError("Batch normalization needs at least two transactions.")
    target, weights = torch.from_numpy(y_true.astype(np.float32)), torch.from_numpy(mass)
    anything_to_learn = bool(mass.any())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = build_head(settings, X.shape[1], target.shape[1])
        optimizer = _optimizer(module, settings)
        best = _Best(module, watch.validation) if settings.early_stopping else None
        for epoch in range(1, settings.epochs + 1 if anything_to_learn else 1):
            module.train()
            total, total_mass = 0.0, 0.0
            for step, rows in enumerate(_batches(n_rows, settings)):
                if step % 64 == 0:
                    watch.stop_if_cancelled()
                # Half as long as indexing with brackets, which is a fifth of a training.
                batch, batch_target, batch_mass = (part.index_select(0, rows) for part in (X, target, weights))
                n_cells = float(batch_mass.sum())
                if not n_cells:
                    continue
                optimizer.zero_grad()
                logits = module(batch) if offset is None else module(batch) + offset.index_select(0, rows)
                loss = masked_loss(logits, batch_target, batch_mass)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                total += float(loss.detach()) * n_cells
                total_mass += n_cells
            module.eval()
            stop = best is not None and best.is_enough()
            watch.report(
                epoch, epoch if stop else settings.epochs, total / total_mass, FittedHead(settings, module).logits
            )
            if stop:
                break
        if best is not None:
            best.restore()
    return module


def _optimizer(module: Head, settings: HeadSettings) -> torch.optim.Optimizer:
    if settings.weight_decay:
        return torch.optim.AdamW(
            module.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
    return torch.optim.Adam(module.parameters(), lr=settings.learning_rate, fused=True)


def _batches(n_rows: int, settings: HeadSettings) -> list[torch.Tensor]:
    batches = list(torch.split(torch.randperm(n_rows), batch_size(settings, n_rows)))
    # The variance of a single row is undefined, so batch normalization refuses it.
    if settings.normalization == "batch" and len(batches) > 1 and batches[-1].numel() == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


class _Best:
    """The weights with the lowest validation loss so far."""

    def __init__(self, module: Head, validation: Validation | None) -> None:
        assert validation is not None  # noqa: S101 - fit_head has refused it
        self._module = module
        self._X, self._offset = _tensor(validation.X.dense), _offset(validation.X)
        self._target = torch.from_numpy(validation.y_true.astype(np.float32))
        self._mass = torch.from_numpy(validation.judged.astype(np.float32))
        self._loss = float("inf")
        self._waited = 0
        self._state: dict[str, torch.Tensor] = {}

    def is_enough(self) -> bool:
        """Look at the module as it is; True when it has not improved for too long."""
        with torch.no_grad():
            logits = self._module(self._X)
            if self._offset is not None:
                logits = logits + self._offset
            loss = float(masked_loss(logits, self._target, self._mass))
        self._waited += 1
        if loss < self._loss:
            self._loss, self._waited = loss, 0
            self._state = {name: value.clone() for name, value in self._module.state_dict().items()}
        return self._waited >= EARLY_STOPPING_PATIENCE

    def restore(self) -> None:
        if self._state:
            self._module.load_state_dict(self._state)


# Logistic -------------------------------------------------------------------------------------------------------------


def _fit_logistic(
    design: Design,
    positive: torch.Tensor,
    mass: torch.Tensor,
    settings: HeadSettings,
    watch: _Watch,
    *,
    start: Start | None,
) -> tuple[Head, FloatMatrix | None, Start | None]:
    n_rest = design.dense.shape[1] - (0 if design.sparse is None else design.n_shared)
    if start is not None and start.rest.shape != (n_rest, mass.shape[1]):
        start = None
    if settings.l2 is None:
        raise ValueError("The penalty is not resolved.")

    def head_of(now: Iterate) -> FittedHead:
        with torch.device("meta"):
            module = build_head(settings, design.dense.shape[1], mass.shape[1])
        module.load_state_dict({"output.weight": now.weight.T.contiguous(), "output.bias": now.bias}, assign=True)
        return FittedHead(settings, module, None if design.sparse is None else now.sparse_weight.numpy())

    def report(now: Iterate, n_epochs: int) -> None:
        watch.report(-(-now.iteration // ITERATIONS_PER_REPORT), n_epochs, now.loss, head_of(now).logits)

    def on_iteration(iteration: int, iterate: Callable[[], Iterate]) -> None:
        watch.stop_if_cancelled()
        if iteration and iteration % ITERATIONS_PER_REPORT == 0 and watch.on_epoch is not None:
            report(iterate(), MAX_ITERATIONS // ITERATIONS_PER_REPORT)

    end = minimize(
        _tensor(design.dense),
        design.sparse,
        positive,
        mass,
        l2=settings.l2,
        on_iteration=on_iteration,
        offset=_offset(design),
        texts=None if design.texts is None else (torch.from_numpy(design.texts), design.n_shared),
        start=start,
    )
    report(end, max(1, -(-end.iteration // ITERATIONS_PER_REPORT)))
    head = head_of(end)
    # Who begins where another fit was broken off gets further than it did, and so elsewhere.
    arrived = end.iteration < MAX_ITERATIONS - 1
    return head.module, head.sparse_weight, end.end if arrived else None


@contextmanager
def spare_threads(*, at_most: int | None = None) -> Iterator[None]:
    """Leave one core free for the screens.

    Besides, threads that wait for a core they share spin: a fit that takes a second on an idle machine took a minute
    on a busy one.
    """
    with threads(min(max(1, torch.get_num_threads() - 1), at_most or torch.get_num_threads())):
        yield


@contextmanager
def threads(n_threads: int) -> Iterator[None]:
    """Let PyTorch use so many cores for one product."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# Shared ---------------------------------------------------------------------------------------------------------------


def _balance(y_true: BoolMatrix, positive: npt.NDArray[np.float64], negative: npt.NDArray[np.float64]) -> FloatMatrix:
    half = (positive + negative) / 2
    for_yes = np.divide(half, positive, out=np.ones_like(half), where=positive > 0)
    for_no = np.divide(half, negative, out=np.ones_like(half), where=negative > 0)
    return np.where(y_true, for_yes, for_no).astype(np.float32)


def _check(X: Design, y_true: BoolMatrix, judged: BoolMatrix, index: npt.NDArray[np.intp]) -> None:
    if X.dense.ndim != 2 or y_true.shape != judged.shape or y_true.ndim != 2 or index.shape != y_true.shape[:1]:
        raise ValueError(f"Shapes do not fit: {X.dense.shape}, {index.shape}, {y_true.shape}, {judged.shape}.")
    if not index.size or not y_true.shape[1]:
        raise TrainingError(f"Nothing to learn from: {index.size} transactions, {y_true.shape[1]} labels.")
    if not np.isfinite(X.dense).all():
        raise ValueError("An input is not finite.")


def _first_weight(state: Mapping[str, torch.Tensor]) -> torch.Tensor:
    return state.get("hidden.0.linear.weight", state["output.weight"])


def _offset(X: Design) -> torch.Tensor | None:
    return None if X.offset is None else _tensor(X.offset)


def _tensor(array: FloatMatrix) -> torch.Tensor:
    contiguous = np.ascontiguousarray(array, dtype=np.float32)
    # A memory map is read-only, which PyTorch does not know.
    return torch.from_numpy(contiguous if contiguous.flags.writeable else contiguous.copy())
