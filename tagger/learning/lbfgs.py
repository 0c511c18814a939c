"""Logistic regression for every label at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

MAX_ITERATIONS = 200  # a bound only; a few dozen are usual
TOLERANCE = 1e-5  # relative distance to the lowest objective, as the quadratic model sees it
_HISTORY = 10
_LINE_SEARCH_TRIALS = 10


@dataclass(frozen=True)
class Iterate:
    """Where the minimisation stands: weights (n_features, n_labels), intercepts (n_labels,), mean loss per cell."""

    iteration: int
    weight: torch.Tensor
    bias: torch.Tensor
    loss: float


def minimize(
    X: torch.Tensor,
    positive: torch.Tensor,
    mass: torch.Tensor,
    l2: float,
    on_iteration: Callable[[int, Callable[[], Iterate]], None],
) -> Iterate:
    """Minimise, per label, sum(mass * cross-entropy) + l2 / 2 * |w|^2; the intercept is free.

    One L-BFGS (Liu & Nocedal 1989, doi:10.1007/BF01589116) runs all labels' problems side by side. Labels share the
    matrix products and nothing else: each has its own history, step and end. In the eigenbasis of X'X a label's
    Hessian is nearly diagonal, which makes a good first guess of its inverse.

    Parameters
    ----------
    X : float32, shape (n, n_features)
    positive, mass : float32, shape (n, n_labels)
        Mass of the "yes" and of all judged cells. A label that lacks either verdict stays at weights and intercept 0.
    on_iteration : called with the number of iterations done and a function that gives the iterate
        May raise to stop.
    """
    problem = _Problem.rotated(X, positive, mass, l2)
    total, total_positive = mass.sum(0, dtype=torch.float64), positive.sum(0, dtype=torch.float64)
    n_cells = float(total.sum().clamp_min(1e-30))
    active = (total_positive > 0) & (total_positive < total)
    share = torch.where(active, total_positive / total.clamp_min(1e-30), 0.5)
    first_guess = problem.inverse_diagonal((share * (1 - share) * total / X.shape[0]).float())

    w = torch.zeros(X.shape[1] + 1, mass.shape[1])
    w[-1] = torch.logit(share).float()
    z = problem.inputs @ w
    value, slope_z = problem.value_and_slope(z, w)
    gradient = problem.gradient(slope_z, w)
    history: deque[_Step] = deque(maxlen=_HISTORY)
    iteration = 0

    def iterate() -> Iterate:
        loss = float((value - problem.penalty_of(w)).sum()) / n_cells
        return Iterate(iteration, problem.basis @ w[:-1], w[-1].clone(), loss)

    for iteration in range(MAX_ITERATIONS):
        on_iteration(iteration, iterate)
        direction = -_inverse_hessian_times(gradient, history, first_guess)
        slope = (direction * gradient).sum(0, dtype=torch.float64)
        active &= -slope / 2 > TOLERANCE * value
        if not active.any():
            break
        line = _Line(z, w, problem.inputs @ (direction * active), direction * active, value, slope * active)
        length, value, slope_z = _line_search(problem, line)
        moved = line.direction * length
        z, w = z + line.dz * length, w + moved
        previous, gradient = gradient, problem.gradient(slope_z, w)
        history.append(_Step.between(moved, gradient - previous))
        active &= length > 0
    return iterate()


@dataclass(frozen=True)
class _Problem:
    """Inputs in the eigenbasis with a column of ones for the intercept, and what is minimised over them."""

    inputs: torch.Tensor
    basis: torch.Tensor
    spread: torch.Tensor
    positive: torch.Tensor
    mass: torch.Tensor
    penalty: torch.Tensor

    @classmethod
    def rotated(cls, X: torch.Tensor, positive: torch.Tensor, mass: torch.Tensor, l2: float) -> _Problem:
        n_rows, n_features = X.shape
        eigenvalues, basis = torch.linalg.eigh((X.T @ X).double())
        basis = basis.float()
        return cls(
            inputs=torch.cat([X @ basis, torch.ones(n_rows, 1)], dim=1),
            basis=basis,
            spread=torch.cat([eigenvalues.clamp_min(0.0).float(), torch.tensor([float(n_rows)])]),
            positive=positive,
            mass=mass,
            penalty=torch.cat([torch.full((n_features, 1), l2), torch.zeros(1, 1)]),
        )

    def inverse_diagonal(self, curvature: torch.Tensor) -> torch.Tensor:
        """A guess of the inverse Hessian's diagonal per label, given the mean curvature p (1 - p) of its rows."""
        return 1.0 / (self.spread[:, None] * curvature + self.penalty).clamp_min(1e-12)

    def value_and_slope(self, z: torch.Tensor, w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Objective per label (n_labels,), and the derivative of the loss by every logit (n, n_labels)."""
        z = z.detach().requires_grad_()
        cells = self.mass * functional.softplus(z) - self.positive * z
        (slope,) = torch.autograd.grad(cells.sum(), z)
        return cells.detach().sum(0, dtype=torch.float64) + self.penalty_of(w), slope

    def gradient(self, slope_z: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return self.inputs.T @ slope_z + self.penalty * w

    def penalty_of(self, w: torch.Tensor) -> torch.Tensor:
        return (0.5 * self.penalty * w * w).sum(0, dtype=torch.float64)


@dataclass(frozen=True)
class _Step:
    """How far the weights moved and how the gradient changed, per label; `rho` is 0 where that teaches nothing."""

    moved: torch.Tensor
    change: torch.Tensor
    rho: torch.Tensor

    @classmethod
    def between(cls, moved: torch.Tensor, change: torch.Tensor) -> _Step:
        curvature = (moved * change).sum(0)
        return cls(moved, change, torch.where(curvature > 1e-10, 1.0 / curvature.clamp_min(1e-10), 0.0))


def _inverse_hessian_times(gradient: torch.Tensor, history: deque[_Step], first_guess: torch.Tensor) -> torch.Tensor:
    """The two loops of L-BFGS, per label (column)."""
    q = gradient.clone()
    alphas = []
    for step in reversed(history):
        alpha = step.rho * (step.moved * q).sum(0)
        q -= alpha * step.change
        alphas.append(alpha)
    q *= first_guess
    if history:
        # How far the first guess was off along the last step.
        last = history[-1]
        off = (last.change * last.change * first_guess).sum(0) * last.rho
        q *= torch.where(off > 0, 1.0 / off.clamp_min(1e-12), 1.0)
    for step, alpha in zip(history, reversed(alphas), strict=True):
        q += (alpha - step.rho * (step.change * q).sum(0)) * step.moved
    return q


@dataclass(frozen=True)
class _Line:
    """A line per label from (z, w), where the objective is `value`, along `direction`, which it meets with `slope`."""

    z: torch.Tensor
    w: torch.Tensor
    dz: torch.Tensor
    direction: torch.Tensor
    value: torch.Tensor
    slope: torch.Tensor


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
    length = torch.where(line.slope < 0, 1.0, 0.0).double()
    for trial in range(_LINE_SEARCH_TRIALS):
        at = line.w + line.direction * length.float()
        value, slope_z = problem.value_and_slope(line.z + line.dz * length.float(), at)
        slope = (slope_z * line.dz).sum(0, dtype=torch.float64)
        slope += (problem.penalty * at * line.direction).sum(0, dtype=torch.float64)
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
