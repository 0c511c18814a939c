"""Logistic regression for every label at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy import sparse
from torch.nn import functional

MAX_ITERATIONS = 200  # a bound only; a few dozen are usual
# Relative distance to the lowest objective, as the quadratic model sees it. Where columns are sparse it sees up to ten
# times too little of it; the last tenth costs two iterations in thirty.
TOLERANCE = 1e-6
_HISTORY = 10
_LINE_SEARCH_TRIALS = 30


@dataclass(frozen=True)
class Iterate:
    """Where the minimisation stands.

    Weights of the dense columns (n_dense, n_labels) and of the sparse ones (n_sparse, n_labels), intercepts
    (n_labels,), mean loss per cell.
    """

    iteration: int
    weight: torch.Tensor
    sparse_weight: torch.Tensor
    bias: torch.Tensor
    loss: float


def minimize(
    X: torch.Tensor,
    columns: sparse.csr_matrix | None,
    positive: torch.Tensor,
    mass: torch.Tensor,
    *,
    l2: float,
    on_iteration: Callable[[int, Callable[[], Iterate]], None],
    offset: torch.Tensor | None = None,
) -> Iterate:
    """Minimize, per label, sum(mass * cross-entropy) + l2 / 2 * |w|^2; the intercept is free.

    One L-BFGS (Liu & Nocedal 1989, doi:10.1007/BF01589116) runs all labels' problems side by side. Labels share the
    matrix products and nothing else: each has its own history, step and end. In the eigenbasis of X'X a label's
    Hessian is nearly diagonal, which makes a good first guess of its inverse. Sparse columns outnumber rows several
    times; their weights are kept as the combination of rows that they are (Kimeldorf & Wahba 1971), so that a step
    costs what the rows cost.

    Parameters
    ----------
    X : float32, shape (n, n_dense)
    columns : float32 CSR, shape (n, n_sparse), or None
    positive, mass : float32, shape (n, n_labels)
        Mass of the "yes" and of all judged cells. A label that lacks either verdict stays at weights and intercept 0.
    offset : float32, shape (n, n_labels), optional
        Added to every logit; not fitted.
    on_iteration : called with the number of iterations done and a function that gives the iterate
        May raise to stop.
    """
    problem = _Problem.rotated(X, columns, positive, mass, l2=l2)
    total, total_positive = mass.sum(0, dtype=torch.float64), positive.sum(0, dtype=torch.float64)
    n_cells = float(total.sum().clamp_min(1e-30))
    active = (total_positive > 0) & (total_positive < total)
    share = torch.where(active, total_positive / total.clamp_min(1e-30), 0.5)
    first_guess = problem.inverse_diagonal((share * (1 - share) * total / X.shape[0]).float())

    start = torch.zeros(problem.n_weights, mass.shape[1])
    start[X.shape[1]] = torch.logit(share).float()
    w = problem.vector(start)
    z = problem.logits(w) if offset is None else problem.logits(w) + offset
    loss, slope_z = problem.loss_and_slope(z)
    value = loss + problem.penalty_of(w, w) / 2
    gradient = problem.gradient(slope_z, w)
    history: deque[_Step] = deque(maxlen=_HISTORY)
    iteration = 0

    def iterate() -> Iterate:
        return problem.iterate(iteration, w, float((value - problem.penalty_of(w, w) / 2).sum()) / n_cells)

    for iteration in range(MAX_ITERATIONS):
        on_iteration(iteration, iterate)
        direction = _inverse_hessian_times(gradient, history, first_guess) * -active.float()
        slope = direction.dot(gradient)
        active &= -slope / 2 > TOLERANCE * value
        if not active.any():
            break
        direction, slope = direction * active.float(), slope * active
        line = _Line(
            z,
            problem.logits(direction),
            value,
            slope,
            slope_z,
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
    return iterate()


@dataclass(frozen=True)
class _Vector:
    """Weights of all labels, one column each, and what inner products are taken with.

    `own` has the rows: dense weights, intercept, and what each training row adds to the sparse weights. Sparse weights
    C'a and C'b have the inner product a'(CC'b): `image` is `own` with CC'a in place of a. Without sparse columns the
    two are one.
    """

    own: torch.Tensor
    image: torch.Tensor

    def dot(self, other: _Vector) -> torch.Tensor:
        """Inner products per label, float64."""
        product: torch.Tensor = torch.linalg.vecdot(self.own, other.image, dim=0)
        return product.double()

    def __add__(self, other: _Vector) -> _Vector:
        return self._with(self.own + other.own, lambda: self.image + other.image)

    def __sub__(self, other: _Vector) -> _Vector:
        return self._with(self.own - other.own, lambda: self.image - other.image)

    def __mul__(self, factor: torch.Tensor) -> _Vector:
        """Scale every label by its own factor, or every weight by its own."""
        return self._with(self.own * factor, lambda: self.image * factor)

    def _with(self, own: torch.Tensor, image: Callable[[], torch.Tensor]) -> _Vector:
        return _Vector(own, own if self.image is self.own else image())


@dataclass(frozen=True)
class _Problem:
    """Dense inputs in their eigenbasis, sparse ones as they are, and what is minimized over them."""

    dense: torch.Tensor
    basis: torch.Tensor
    columns: sparse.csr_matrix | None
    columns_transposed: sparse.csr_matrix | None
    spread: torch.Tensor
    positive: torch.Tensor
    mass: torch.Tensor
    l2: float

    @classmethod
    def rotated(
        cls,
        X: torch.Tensor,
        columns: sparse.csr_matrix | None,
        positive: torch.Tensor,
        mass: torch.Tensor,
        *,
        l2: float,
    ) -> _Problem:
        eigenvalues, basis = torch.linalg.eigh((X.T @ X).double())
        basis = basis.float()
        return cls(
            dense=X @ basis,
            basis=basis,
            columns=columns,
            columns_transposed=None if columns is None else columns.T.tocsr(),
            spread=torch.cat([eigenvalues.clamp_min(0.0).float(), torch.tensor([float(X.shape[0])])]),
            positive=positive,
            mass=mass,
            l2=l2,
        )

    @property
    def n_dense(self) -> int:
        return int(self.dense.shape[1])

    @property
    def n_weights(self) -> int:
        return self.n_dense + 1 + (0 if self.columns is None else int(self.columns.shape[0]))

    def vector(self, own: torch.Tensor) -> _Vector:
        """Give weights their image."""
        if self.columns is None or self.columns_transposed is None:
            return _Vector(own, own)
        by_row = own[self.n_dense + 1 :].numpy()
        # SciPy's product is four times as fast here as that of PyTorch's sparse tensors.
        product = torch.from_numpy(self.columns @ (self.columns_transposed @ by_row))
        return _Vector(own, torch.cat([own[: self.n_dense + 1], product]))

    def iterate(self, iteration: int, w: _Vector, loss: float) -> Iterate:
        """The weights of the columns as they came."""
        sparse_weight = torch.empty(0, w.own.shape[1])
        if self.columns_transposed is not None:
            sparse_weight = torch.from_numpy(self.columns_transposed @ w.own[self.n_dense + 1 :].numpy())
        weight = self.basis @ w.own[: self.n_dense]
        return Iterate(iteration, weight, sparse_weight, w.own[self.n_dense].clone(), loss)

    def inverse_diagonal(self, curvature: torch.Tensor) -> torch.Tensor:
        """A guess of the inverse Hessian's diagonal per label, given the mean curvature p (1 - p) of its rows.

        Steps of sparse weights are combinations of rows; a row's own curvature is that of its length.
        """
        penalty = torch.full((self.n_dense + 1, 1), self.l2)
        penalty[-1] = 0.0
        dense = 1.0 / (self.spread[:, None] * curvature + penalty).clamp_min(1e-12)
        if self.columns is None:
            return dense
        n_rows = self.columns.shape[0]
        length = float(self.columns.multiply(self.columns).sum()) / n_rows
        return torch.cat([dense, (1.0 / (length * curvature + self.l2)).expand(n_rows, -1)])

    def logits(self, w: _Vector) -> torch.Tensor:
        """Logits of weights, (n, n_labels)."""
        z = torch.addmm(w.own[self.n_dense : self.n_dense + 1], self.dense, w.own[: self.n_dense])
        return z if self.columns is None else z.add_(w.image[self.n_dense + 1 :])

    def loss_and_slope(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss per label (n_labels,), and its derivative by every logit (n, n_labels)."""
        z = z.detach().requires_grad_()
        cells = self.mass * functional.softplus(z) - self.positive * z
        (slope,) = torch.autograd.grad(cells.sum(), z)
        return cells.detach().sum(0, dtype=torch.float64), slope

    def curvature(self, slope_z: torch.Tensor) -> torch.Tensor:
        """The loss's second derivative by every logit, mass * p * (1 - p), where its first is `slope_z`."""
        expected = slope_z + self.positive
        return expected * (1.0 - expected / self.mass.clamp_min(1e-30))

    def gradient(self, slope_z: torch.Tensor, w: _Vector) -> _Vector:
        """The objective's derivative by every weight."""
        parts = [self.dense.T @ slope_z, slope_z.sum(0, keepdim=True)]
        if self.columns is not None:
            parts.append(slope_z)
        pull = w * self._penalties()
        return self.vector(torch.cat(parts)) + pull

    def penalty_of(self, one: _Vector, other: _Vector) -> torch.Tensor:
        """The penalty's inner product per label; half of it with itself is the penalty."""
        return (one * self._penalties()).dot(other)

    def _penalties(self) -> torch.Tensor:
        penalties = torch.full((self.n_weights, 1), self.l2)
        penalties[self.n_dense] = 0.0
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


def _inverse_hessian_times(gradient: _Vector, history: deque[_Step], first_guess: torch.Tensor) -> _Vector:
    """The two loops of L-BFGS, per label (column)."""
    q = gradient
    alphas = []
    for step in reversed(history):
        alpha = step.rho * step.moved.dot(q).float()
        q = q - step.change * alpha
        alphas.append(alpha)
    q = q * first_guess
    if history:
        # How far the first guess was off along the last step.
        last = history[-1]
        off = (last.change * first_guess).dot(last.change).float() * last.rho
        q = q * torch.where(off > 0, 1.0 / off.clamp_min(1e-12), 1.0)
    for step, alpha in zip(history, reversed(alphas), strict=True):
        q = q + step.moved * (alpha - step.rho * step.change.dot(q).float())
    return q


@dataclass(frozen=True)
class _Line:
    """A line per label from logits `z`, where the objective is `value`, along which logits change by `dz`.

    The objective begins with `slope` and the loss of every logit with `slope_z`; at a length t its penalty is half of
    penalty + 2 t penalty_slope + t^2 penalty_curvature.
    """

    z: torch.Tensor
    dz: torch.Tensor
    value: torch.Tensor
    slope: torch.Tensor
    slope_z: torch.Tensor
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
    curvature = torch.linalg.vecdot(problem.curvature(line.slope_z) * line.dz, line.dz, dim=0).double()
    newton = -line.slope / (curvature + line.penalty_curvature).clamp_min(1e-30)
    length = torch.where(line.slope < 0, newton.clamp_max(1e3), 0.0)
    for trial in range(_LINE_SEARCH_TRIALS):
        loss, slope_z = problem.loss_and_slope(line.z + line.dz * length.float())
        value = loss + (line.penalty + length * (2 * line.penalty_slope + length * line.penalty_curvature)) / 2
        slope = torch.linalg.vecdot(slope_z, line.dz, dim=0).double()
        slope += line.penalty_slope + length * line.penalty_curvature
        lowered = value <= line.value + 1e-4 * length * line.slope
        good = (lowered & (slope.abs() <= 0.5 * line.slope.abs())) | (length == 0)
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
