"""Logistic regression for every label at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from scipy import sparse
from torch.nn import functional

MAX_ITERATIONS = 200  # a bound only; a few dozen are usual
# Relative distance to the lowest objective, as the quadratic model sees it. Where columns are sparse it sees up to ten
# times too little of it; probabilities are then off by .002 in the worst cell and by .0004 in one of a thousand.
TOLERANCE = 5e-7
_HISTORY = 10
_LINE_SEARCH_TRIALS = 30
_DIRECTIONS = 64  # along which the curvature is known; twice as many save iterations and cost time
_LOOKS = (0, 4, 20)  # iterations that find out what it is: it changes much at first, and later little
_ROUNDING = 1e-6  # of the largest spread: less than that is what rounding leaves where there is none
_SPARSE_COST = 10  # times that of a dense product, per number that is not 0
_FEWER = 0.75  # of the labels: worth copying what is left of them


@dataclass(frozen=True)
class Start:
    """Where a minimisation begins, and where it ended.

    What texts contribute to weights (n_texts, n_labels), in the order of their numbers; the weights (n_rest, n_labels)
    of columns that rows of one text do not share (of all, where there are no sparse columns, and then no texts);
    intercepts (n_labels,). Labels that are not finite begin anew.
    """

    of_texts: torch.Tensor
    rest: torch.Tensor
    bias: torch.Tensor


@dataclass(frozen=True)
class Iterate:
    """Where the minimisation stands.

    Weights of the dense columns (n_dense, n_labels) and of the sparse ones (n_sparse, n_labels), intercepts
    (n_labels,), mean loss per cell, and what a later minimisation may begin with.
    """

    iteration: int
    weight: torch.Tensor
    sparse_weight: torch.Tensor
    bias: torch.Tensor
    loss: float
    end: Start


def minimize(
    X: torch.Tensor,
    columns: sparse.csr_matrix | None,
    positive: torch.Tensor,
    mass: torch.Tensor,
    *,
    l2: float,
    on_iteration: Callable[[int, Callable[[], Iterate]], None],
    offset: torch.Tensor | None = None,
    texts: tuple[torch.Tensor, int] | None = None,
    start: Start | None = None,
) -> Iterate:
    """Minimize, per label, sum(mass * cross-entropy) + l2 / 2 * |w|^2; the intercept is free.

    One L-BFGS (Liu & Nocedal 1989, doi:10.1007/BF01589116) runs all labels' problems side by side. Labels share the
    matrix products and nothing else: each has its own history, step and end, and leaves when it is done. The first
    guess of the inverse Hessian is exact within the few directions in which rows vary most. Sparse columns outnumber
    rows several times; then weights are kept as the combination of rows that they are (Kimeldorf & Wahba 1971), so
    that a step costs what the rows cost.

    Parameters
    ----------
    X : float32, shape (n, n_dense)
    columns : float32 CSR, shape (n, n_sparse), or None
    positive, mass : float32, shape (n, n_labels)
        Mass of the "yes" and of all judged cells. A label that lacks either verdict stays at weights and intercept 0.
    offset : float32, shape (n, n_labels), optional
        Added to every logit; not fitted.
    texts : int64 (n,) and a number, optional
        Rows with equal integers have so many of the first columns of X, and all sparse columns, in common: then what
        they have in common is multiplied once.
    start : where to begin, optional
        It saves iterations where it is near the end, and changes the end by no more than the tolerance.
    on_iteration : called with the number of iterations done and a function that gives the iterate
        May raise to stop.
    """
    importance = mass.amax(1, keepdim=True)
    space = _Weights.of(X, importance) if columns is None else _Texts.of(X, columns, importance, texts)
    n_labels = mass.shape[1]
    total, total_positive = mass.sum(0, dtype=torch.float64), positive.sum(0, dtype=torch.float64)
    n_cells = float(total.sum().clamp_min(1e-30))
    active = (total_positive > 0) & (total_positive < total)
    share = torch.where(active, total_positive / total.clamp_min(1e-30), 0.5)

    everything = _begin(space, active, torch.logit(share).float(), start)
    losses = torch.zeros(n_labels, dtype=torch.float64)
    there = torch.arange(n_labels)  # the labels that are still minimized
    problem = _Problem(space, positive, mass, l2)
    w = space.vector(everything.clone())
    z = space.logits(w) if offset is None else space.logits(w) + offset
    loss, slope_z = problem.loss_and_slope(z)
    value = loss + problem.penalty_of(w, w) / 2
    gradient = problem.gradient(slope_z, w)
    history: deque[_Step] = deque(maxlen=_HISTORY)
    iteration = 0

    def iterate() -> Iterate:
        everything[:, there] = w.own
        losses[there] = value - problem.penalty_of(w, w) / 2
        weight, sparse_weight = space.weights(everything)
        loss = float(losses.sum()) / n_cells
        return Iterate(iteration, weight, sparse_weight, everything[-1].clone(), loss, space.end(everything))

    for iteration in range(MAX_ITERATIONS):
        on_iteration(iteration, iterate)
        curvature_z = problem.curvature(slope_z)
        if iteration in _LOOKS:
            known = _inverse_hessians(space.directions_z, curvature_z, l2)
        first_guess = problem.first_guess(curvature_z, known)
        direction = _inverse_hessian_times(gradient, history, first_guess) * -active.float()
        slope = direction.dot(gradient)
        active &= -slope / 2 > TOLERANCE * value
        if not active.any():
            break
        direction, slope = direction * active.float(), slope * active
        line = _Line(
            z,
            space.logits(direction),
            value,
            slope,
            curvature_z,
            penalty=problem.penalty_of(w, w),
            penalty_slope=problem.penalty_of(w, direction),
            penalty_curvature=problem.penalty_of(direction, direction),
        )
        length, value, slope_z = _line_search(problem, line)
        moved = direction * length
        z, w = z + line.dz * length, w + moved
        previous, gradient = gradient, problem.gradient(slope_z, w)
        history.append(_Step.between(moved, gradient - previous))
        active &= length > 0
        if 0 < active.sum() <= _FEWER * active.numel():
            iterate()  # keeps what leaves
            problem, known = problem.take(active), known[active]
            there, z, slope_z, value = there[active], z[:, active], slope_z[:, active], value[active]
            w, gradient = w.take(active), gradient.take(active)
            history = deque((step.take(active) for step in history), maxlen=_HISTORY)
            active = active[active]
    return iterate()


def _begin(space: _Space, active: torch.Tensor, bias: torch.Tensor, start: Start | None) -> torch.Tensor:
    """Weights to begin with: those of `start` where it has any, else 0 but for the intercept."""
    weights = torch.zeros(space.n_weights, bias.shape[0])
    weights[-1] = bias
    if start is None:
        return weights
    begun = space.begin(start)
    return torch.where(active & begun.isfinite().all(0), begun, weights)


@dataclass(frozen=True)
class _Vector:
    """Weights of all labels, one column each, the intercept last, and what inner products are taken with.

    Where weights are combinations of rows, w = F'a and v = F'b have the inner product a'(FF'b): `own` is a, `image` is
    FF'a, the logits. Else the two are one.
    """

    own: torch.Tensor
    image: torch.Tensor

    def dot(self, other: _Vector) -> torch.Tensor:
        """Inner products per label, float64."""
        product: torch.Tensor = torch.linalg.vecdot(self.own, other.image, dim=0)
        return product.double()

    def take(self, labels: torch.Tensor) -> _Vector:
        """Some of the labels."""
        return self._with(self.own[:, labels], lambda: self.image[:, labels])

    def __add__(self, other: _Vector) -> _Vector:
        return self._with(self.own + other.own, lambda: self.image + other.image)

    def __sub__(self, other: _Vector) -> _Vector:
        return self._with(self.own - other.own, lambda: self.image - other.image)

    def __mul__(self, factor: torch.Tensor) -> _Vector:
        """Scale every label by its own factor, or every weight by its own."""
        return self._with(self.own * factor, lambda: self.image * factor)

    def plus(self, other: _Vector, factor: torch.Tensor) -> _Vector:
        """Add a multiple of another, for every label its own."""
        return self._with(
            torch.addcmul(self.own, other.own, factor), lambda: torch.addcmul(self.image, other.image, factor)
        )

    def _with(self, own: torch.Tensor, image: Callable[[], torch.Tensor]) -> _Vector:
        return _Vector(own, own if self.image is self.own else image())


class _Space(Protocol):
    """How weights are kept, the intercept last, and the products with the inputs that a fit needs."""

    @property
    def n_weights(self) -> int: ...

    @property
    def importance(self) -> torch.Tensor:
        """What rows weigh in the loss, (n, 1), the most that they have for any label."""

    def vector(self, own: torch.Tensor) -> _Vector:
        """Give weights their image."""

    def logits(self, w: _Vector) -> torch.Tensor:
        """Logits of weights, (n, n_labels)."""

    def adjoint(self, slope_z: torch.Tensor) -> _Vector:
        """What a derivative by every logit is by every weight."""

    @property
    def directions_z(self) -> torch.Tensor:
        """Logits, (n, k + 1), of some orthogonal weights of length 1, and of the intercept."""

    def solve(self, vector: _Vector, curvature: torch.Tensor, l2: float, known: torch.Tensor) -> _Vector:
        """Divide by a Hessian whose inverse is `known`, (n_labels, k + 1, k + 1), within the space's directions.

        In all others, as if every row's loss had its importance as curvature, times the label's `curvature`.
        """

    def weights(self, own: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights of the dense and of the sparse columns."""

    def begin(self, start: Start) -> torch.Tensor:
        """Weights as this space keeps them."""

    def end(self, own: torch.Tensor) -> Start:
        """The same in terms that another space understands."""


@dataclass(frozen=True)
class _Weights:
    """Weights of dense columns, in the basis in which columns do not vary together, those that vary most last."""

    dense: torch.Tensor
    basis: torch.Tensor
    spread: torch.Tensor
    importance: torch.Tensor

    @classmethod
    def of(cls, X: torch.Tensor, importance: torch.Tensor) -> _Weights:
        spread, basis = torch.linalg.eigh((X.T @ (X * importance)).double())
        return cls(X @ basis.float(), basis.float(), spread.clamp_min(0.0).float(), importance)

    @property
    def n_weights(self) -> int:
        return int(self.dense.shape[1]) + 1

    def vector(self, own: torch.Tensor) -> _Vector:
        return _Vector(own, own)

    def logits(self, w: _Vector) -> torch.Tensor:
        return torch.addmm(w.own[-1:], self.dense, w.own[:-1])

    def adjoint(self, slope_z: torch.Tensor) -> _Vector:
        return self.vector(torch.cat([self.dense.T @ slope_z, slope_z.sum(0, keepdim=True)]))

    @property
    def directions_z(self) -> torch.Tensor:
        k = self._n_known
        return torch.cat([self.dense[:, self.dense.shape[1] - k :], torch.ones(self.dense.shape[0], 1)], dim=1)

    def solve(self, vector: _Vector, curvature: torch.Tensor, l2: float, known: torch.Tensor) -> _Vector:
        left = self.n_weights - 1 - self._n_known
        solved = torch.einsum("lij,jl->il", known, vector.own[left:])
        return self.vector(torch.cat([vector.own[:left] / (self.spread[:left, None] * curvature + l2), solved]))

    @property
    def _n_known(self) -> int:
        return min(_DIRECTIONS, int(self.dense.shape[1]))

    def weights(self, own: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.basis @ own[:-1], torch.empty(0, own.shape[1])

    def begin(self, start: Start) -> torch.Tensor:
        return torch.cat([self.basis.T @ start.rest, start.bias[None]])

    def end(self, own: torch.Tensor) -> Start:
        return Start(torch.empty(0, own.shape[1]), self.basis @ own[:-1], own[-1].clone())


@dataclass(frozen=True)
class _Texts:
    """Weights as combinations of the texts' columns, and the weights of the `rest`, the rows' other columns.

    Rows with equal texts have the columns of the text in common; `text` (n,) is each row's and `product` gives the
    texts' inner products with each other times a matrix. `directions` (n_weights - 1, k) are orthogonal and of length
    1, and rows, weighted by importance, vary most along them: they have the logits `directions_z` (n, k + 1), the last
    of which is the intercept's. Along all others they have the `spread_left` on average.
    """

    dense: torch.Tensor
    columns_transposed: sparse.csr_matrix
    product: Callable[[torch.Tensor], torch.Tensor]
    text: torch.Tensor
    rest: torch.Tensor
    importance: torch.Tensor
    directions: _Vector
    directions_z: torch.Tensor
    spread_left: float

    @classmethod
    def of(
        cls,
        X: torch.Tensor,
        columns: sparse.csr_matrix,
        importance: torch.Tensor,
        texts: tuple[torch.Tensor, int] | None,
    ) -> _Texts:
        numbers, n_shared = texts or (torch.arange(X.shape[0]), X.shape[1])
        _, first, text = (
            torch.from_numpy(part) for part in np.unique(numbers.numpy(), return_index=True, return_inverse=True)
        )
        dense, columns = X[first, :n_shared], columns[first.numpy()]
        nothing = torch.empty(first.shape[0] + X.shape[1] - n_shared, 0)
        space = cls(
            dense=dense,
            columns_transposed=columns.T.tocsr(),
            product=_inner_products(dense, columns),
            text=text,
            rest=X[:, n_shared:].contiguous(),
            importance=importance,
            directions=_Vector(nothing, nothing),
            directions_z=torch.empty(X.shape[0], 0),
            spread_left=0.0,
        )
        of_texts = dense.square().sum(1) + torch.from_numpy(np.asarray(columns.multiply(columns).sum(axis=1)).ravel())
        squares = of_texts[text] + space.rest.square().sum(1)
        return space._with_directions(float(squares @ importance[:, 0]))

    def _with_directions(self, whole_spread: float) -> _Texts:
        """Find the directions of largest spread by subspace iteration (Halko, Martinsson & Tropp 2011)."""
        n, n_rows = self.n_weights - 1, self.importance.shape[0]
        k = min(_DIRECTIONS, n // 4, n_rows // 4)
        root = self.importance.sqrt()

        def weigh(by_row: torch.Tensor) -> _Vector:
            return self._vector_without_bias(self._adjoint_without_bias(root * by_row))

        some = torch.randn(n_rows, min(k + 8, n_rows), generator=torch.Generator().manual_seed(0)) * root
        for _ in range(2):
            some = torch.linalg.qr(root * self._logits_without_bias(weigh(some))).Q
        found = weigh(some)
        spread, mixed = torch.linalg.eigh((found.own.T @ found.image).double())
        spread, mixed = spread[-k:] if k else spread[:0], mixed[:, mixed.shape[1] - k :]
        known = spread > _ROUNDING * spread.amax() if k else spread > 0
        spread, mixed = spread[known], (mixed[:, known] / spread[known].sqrt()).float()
        left = max(whole_spread - float(spread.sum()), 0.0) / max(n - k, 1)
        directions = _Vector(found.own @ mixed, found.image @ mixed)
        return replace(
            self,
            directions=directions,
            directions_z=torch.cat([self._logits_without_bias(directions), torch.ones(n_rows, 1)], dim=1),
            spread_left=min([left, *spread[:1].tolist()]),
        )

    @property
    def n_weights(self) -> int:
        return int(self.dense.shape[0] + self.rest.shape[1]) + 1

    def vector(self, own: torch.Tensor) -> _Vector:
        return self._vector_without_bias(own)

    def logits(self, w: _Vector) -> torch.Tensor:
        return self._logits_without_bias(w) + w.image[-1]

    def adjoint(self, slope_z: torch.Tensor) -> _Vector:
        return self.vector(torch.cat([self._adjoint_without_bias(slope_z), slope_z.sum(0, keepdim=True)]))

    def solve(self, vector: _Vector, curvature: torch.Tensor, l2: float, known: torch.Tensor) -> _Vector:
        elsewhere = 1.0 / (self.spread_left * curvature + l2)
        parts = torch.cat([self.directions.own.T @ vector.image[:-1], vector.own[-1:]])
        solved = torch.einsum("lij,jl->il", known, parts)
        along, bias = solved[:-1] - parts[:-1] * elsewhere, solved[-1:]
        own = torch.cat([torch.addmm(vector.own[:-1] * elsewhere, self.directions.own, along), bias])
        return _Vector(own, torch.cat([torch.addmm(vector.image[:-1] * elsewhere, self.directions.image, along), bias]))

    def weights(self, own: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        n_texts = self.dense.shape[0]
        dense = torch.cat([self.dense.T @ own[:n_texts], own[n_texts:-1]])
        return dense, torch.from_numpy(self.columns_transposed @ own[:n_texts].numpy())

    def begin(self, start: Start) -> torch.Tensor:
        return torch.cat([start.of_texts, start.rest, start.bias[None]])

    def end(self, own: torch.Tensor) -> Start:
        n_texts = self.dense.shape[0]
        return Start(own[:n_texts].clone(), own[n_texts:-1].clone(), own[-1].clone())

    def _vector_without_bias(self, own: torch.Tensor) -> _Vector:
        n_texts = self.dense.shape[0]
        return _Vector(own, torch.cat([self.product(own[:n_texts]), own[n_texts:]]))

    def _logits_without_bias(self, w: _Vector) -> torch.Tensor:
        n_texts = self.dense.shape[0]
        return torch.addmm(w.image[:n_texts][self.text], self.rest, w.image[n_texts : self.n_weights - 1])

    def _adjoint_without_bias(self, by_row: torch.Tensor) -> torch.Tensor:
        of_texts = torch.zeros(self.dense.shape[0], by_row.shape[1]).index_add_(0, self.text, by_row)
        return torch.cat([of_texts, self.rest.T @ by_row])


def _inner_products(dense: torch.Tensor, columns: sparse.csr_matrix) -> Callable[[torch.Tensor], torch.Tensor]:
    """Of rows with each other, times a matrix; all at once while that is the smaller work."""
    n, d = dense.shape
    transposed = columns.T.tocsr()
    if n <= 2 * (d + _SPARSE_COST * columns.nnz / max(n, 1)):
        gram = torch.from_numpy((columns @ transposed).toarray()).addmm_(dense, dense.T)
        return lambda by_text: gram @ by_text

    def product(by_text: torch.Tensor) -> torch.Tensor:
        # SciPy's product is four times as fast here as that of PyTorch's sparse tensors.
        sparse_part = torch.from_numpy(columns @ (transposed @ by_text.numpy()))
        return sparse_part.addmm_(dense, dense.T @ by_text)

    return product


def _inverse_hessians(z: torch.Tensor, curvature_z: torch.Tensor, l2: float) -> torch.Tensor:
    """Invert each label's Hessian within directions that have the logits `z`, the last being the intercept."""
    hessians = torch.stack([(z * each[:, None]).T @ z for each in curvature_z.T])
    diagonal = hessians.diagonal(dim1=1, dim2=2)
    diagonal[:, :-1] += l2
    diagonal[:, -1].clamp_(min=1e-12)
    inverse: torch.Tensor = torch.linalg.inv(hessians.double())
    return inverse.float()


@dataclass(frozen=True)
class _Problem:
    """What is minimized, for some labels."""

    space: _Space
    positive: torch.Tensor
    mass: torch.Tensor
    l2: float

    def take(self, labels: torch.Tensor) -> _Problem:
        return _Problem(self.space, self.positive[:, labels], self.mass[:, labels], self.l2)

    def loss_and_slope(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss per label (n_labels,), and its derivative by every logit (n, n_labels)."""
        softplus = functional.softplus(z)
        loss = (self.mass * softplus - self.positive * z).sum(0, dtype=torch.float64)
        return loss, self.mass * torch.exp(z - softplus) - self.positive

    def curvature(self, slope_z: torch.Tensor) -> torch.Tensor:
        """The loss's second derivative by every logit, mass * p * (1 - p), where its first is `slope_z`."""
        expected = slope_z + self.positive
        return expected * (1.0 - expected / self.mass.clamp_min(1e-30))

    def gradient(self, slope_z: torch.Tensor, w: _Vector) -> _Vector:
        """The objective's derivative by every weight."""
        return self.space.adjoint(slope_z) + w * self._penalties()

    def first_guess(self, curvature_z: torch.Tensor, known: torch.Tensor) -> Callable[[_Vector], _Vector]:
        """A guess of the inverse Hessian, given the loss's curvature by every logit; see `_Space.solve`."""
        curvature = curvature_z.sum(0) / self.space.importance.sum()
        return lambda vector: self.space.solve(vector, curvature, self.l2, known)

    def penalty_of(self, one: _Vector, other: _Vector) -> torch.Tensor:
        """The penalty's inner product per label; half of it with itself is the penalty."""
        return (one * self._penalties()).dot(other)

    def _penalties(self) -> torch.Tensor:
        penalties = torch.full((self.space.n_weights, 1), self.l2)
        penalties[-1] = 0.0
        return penalties


@dataclass(frozen=True)
class _Step:
    """How far the weights moved and how the gradient changed, per label; `rho` is 0 where that teaches nothing."""

    moved: _Vector
    change: _Vector
    rho: torch.Tensor

    @classmethod
    def between(cls, moved: _Vector, change: _Vector) -> _Step:
        curvature = moved.dot(change).float()
        return cls(moved, change, torch.where(curvature > 1e-10, 1.0 / curvature.clamp_min(1e-10), 0.0))

    def take(self, labels: torch.Tensor) -> _Step:
        """Some of the labels."""
        return _Step(self.moved.take(labels), self.change.take(labels), self.rho[labels])


def _inverse_hessian_times(
    gradient: _Vector, history: deque[_Step], first_guess: Callable[[_Vector], _Vector]
) -> _Vector:
    """The two loops of L-BFGS, per label (column)."""
    q = gradient
    alphas = []
    for step in reversed(history):
        alpha = step.rho * step.moved.dot(q).float()
        q = q.plus(step.change, -alpha)
        alphas.append(alpha)
    q = first_guess(q)
    for step, alpha in zip(history, reversed(alphas), strict=True):
        q = q.plus(step.moved, alpha - step.rho * step.change.dot(q).float())
    return q


@dataclass(frozen=True)
class _Line:
    """A line per label from logits `z`, where the objective is `value`, along which logits change by `dz`.

    The objective begins with `slope` and the loss with `curvature_z` by every logit; at a length t its penalty is half
    of penalty + 2 t penalty_slope + t^2 penalty_curvature.
    """

    z: torch.Tensor
    dz: torch.Tensor
    value: torch.Tensor
    slope: torch.Tensor
    curvature_z: torch.Tensor
    penalty: torch.Tensor
    penalty_slope: torch.Tensor
    penalty_curvature: torch.Tensor


def _line_search(problem: _Problem, line: _Line) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A step length per label that lowers objective and slope; 0 where there is none.

    Logits are linear in the length, so a trial costs no matrix product. The slope rises along the line (the objective
    is convex), so its zero is bracketed and approached by the secant.

    Returns
    -------
    Lengths (n_labels,), objectives there, and the derivative of the loss by every logit there.
    """
    low, low_slope = torch.zeros_like(line.slope), line.slope
    high, high_slope = torch.full_like(low, torch.inf), torch.zeros_like(low)
    # Newton's step along the line: however far off the direction's length is, the first trial is not. The bound is for
    # lines on which every logit is saturated, which have no curvature.
    curvature = torch.linalg.vecdot(line.curvature_z * line.dz, line.dz, dim=0).double()
    newton = -line.slope / (curvature + line.penalty_curvature).clamp_min(1e-30)
    length = torch.where(line.slope < 0, newton.clamp_max(1e3), 0.0)
    for trial in range(_LINE_SEARCH_TRIALS):
        loss, slope_z = problem.loss_and_slope(line.z + line.dz * length.float())
        value = loss + (line.penalty + length * (2 * line.penalty_slope + length * line.penalty_curvature)) / 2
        slope = torch.linalg.vecdot(slope_z, line.dz, dim=0).double()
        slope += line.penalty_slope + length * line.penalty_curvature
        lowered = value <= line.value + 1e-4 * length * line.slope
        good = (lowered & (slope.abs() <= 0.9 * line.slope.abs())) | (length == 0)
        if good.all() or trial == _LINE_SEARCH_TRIALS - 1:
            break
        if trial == _LINE_SEARCH_TRIALS - 2:
            # Too close for 32-bit logits to tell apart: keep what is lower, give up the rest.
            length = torch.where(good | (value < line.value), length, 0.0)
            continue
        too_far = (slope > 0) | ~lowered
        high, high_slope = torch.where(too_far, length, high), torch.where(too_far, slope, high_slope)
        low, low_slope = torch.where(too_far, low, length), torch.where(too_far, low_slope, slope)
        width = high - low
        secant = low - width * low_slope / (high_slope - low_slope)
        inside = torch.isfinite(secant) & (secant > low + 0.05 * width) & (secant < high - 0.05 * width)
        beyond = torch.where(torch.isfinite(high), low + width / 2, 4 * length)
        length = torch.where(good, length, torch.where(inside, secant, beyond))
    return length.float(), value, slope_z
