"""What the nearest reviewed descriptions have: a second opinion that the head's logits are averaged with.

A head draws one line through all descriptions; neighbors know what lies close by. The nearest one has a whole vote, the
others less in proportion down to the first one that has none (Dudani 1976, doi:10.1109/TSMC.1976.5408784), so a vote
fades before it is lost; all less the farther away they are. Decision 0033 has the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from tagger.errors import BundleError
from tagger.learning import pooling
from tagger.learning.examples import Examples
from tagger.learning.inputs import Inputs
from tagger.learning.metrics import BoolMatrix, FloatMatrix
from tagger.learning.thresholds import positive_groups

N_VOTES = 15
IMAGINED = 0.2  # votes as is usual for the label, cast beside those of the neighbors
HALF_AT = 200.0  # distinct judged descriptions at which neighbors are listened to half as much as at most
AT_MOST = 0.5  # share of the logit that is theirs, the other half being the head's
ALIKE = 1e-4  # cosines that differ by much less are equal but for rounding
MOST = 10_000  # descriptions kept to vote: 8 MB in a run
_ROWS_AT_ONCE = 2_048  # beside `MOST` descriptions, 80 MB of cosines

# What there is to choose from; see `listened`.
_SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
_PARTS = ("center", "vectors", "yes", "judged", "usual", "share")


@dataclass(frozen=True)
class Neighbors:
    """Reviewed descriptions that vote.

    Attributes
    ----------
    center : float32 (d,), the mean of their mean-pooled embeddings.
    vectors : float16 (m, d), the directions of their embeddings from there.
    yes : float16 (m, n_labels), the share of verdicts on each that are yes; 0 where there is none.
    judged : bool (m, n_labels), where there is one.
    usual : float32 (n_labels,), the share of a yes among all of them, above 0 and below 1.
    share : float32 (n_labels,), of the logit that is theirs, at most `AT_MOST`; 0 where they lack a yes or a no.
    """

    center: npt.NDArray[np.float32]
    vectors: npt.NDArray[np.float16]
    yes: npt.NDArray[np.float16]
    judged: npt.NDArray[np.bool_]
    usual: npt.NDArray[np.float32]
    share: npt.NDArray[np.float32]

    @classmethod
    def fit(cls, examples: Examples, seed: int) -> Neighbors:
        """Keep each distinct description with its verdicts; of more than `MOST`, so many at random."""
        _, first, index = np.unique(examples.inputs.codes, return_index=True, return_inverse=True)
        order = np.argsort(index, kind="stable")
        starts = np.searchsorted(index[order], np.arange(first.size))
        n_yes, n_judged = (
            np.add.reduceat(cells[order].astype(np.float32), starts)
            for cells in (examples.y_true & examples.judged, examples.judged)
        )
        judged = n_judged > 0
        yes = np.divide(n_yes, n_judged, out=np.zeros_like(n_yes), where=judged)
        usual = (yes.sum(axis=0) + 0.5) / (judged.sum(axis=0) + 1)
        known = positive_groups(examples.judged, examples.judged, examples.groups)
        share = AT_MOST * known / (known + HALF_AT)
        share[~((yes > 0).any(axis=0) & ((yes < 1) & judged).any(axis=0))] = 0.0
        means = pooling.select(examples.inputs.embeddings[first], "mean")
        center = means.mean(axis=0, dtype=np.float64).astype(np.float32)
        kept = np.arange(first.size)
        if kept.size > MOST:
            kept = np.sort(np.random.default_rng(seed).choice(kept.size, MOST, replace=False))
        return cls(
            center,
            _directions(means[kept] - center).astype(np.float16),
            yes[kept].astype(np.float16),
            judged[kept],
            usual.astype(np.float32),
            share.astype(np.float32),
        )

    def averaged(self, logits: FloatMatrix, votes: FloatMatrix) -> FloatMatrix:
        """A head's logits averaged with those of the votes, label by label: float32 (n, n_labels)."""
        mean: FloatMatrix = (1 - self.share) * logits + self.share * votes
        return mean

    def votes(self, inputs: Inputs) -> FloatMatrix:
        """Logits of what is usual and of what the nearest say: float32 (n, n_labels)."""
        _, first, index = np.unique(inputs.codes, return_index=True, return_inverse=True)
        means = pooling.select(inputs.embeddings[first], "mean")
        there = torch.from_numpy(self.vectors.astype(np.float32)).T
        # Where all is judged, which is common, the votes cast need not be counted label by label.
        judged = None if self.judged.all() else torch.from_numpy(self.judged.astype(np.float32))
        yes, usual = torch.from_numpy(self.yes.astype(np.float32)), torch.from_numpy(self.usual)
        n_nearest = min(N_VOTES + 1, self.vectors.shape[0])
        logits = np.empty((means.shape[0], usual.numel()), dtype=np.float32)
        for start in range(0, means.shape[0], _ROWS_AT_ONCE):
            some = slice(start, start + _ROWS_AT_ONCE)
            cosines, places = torch.topk(torch.from_numpy(_directions(means[some] - self.center)) @ there, n_nearest)
            cosines = cosines.clamp(0, 1)
            nearest, last = cosines[:, :1], cosines[:, -1:]
            weights = (cosines**3 * (cosines - last + ALIKE) / (nearest - last + ALIKE)).unsqueeze(1)
            said = (weights @ yes[places]).squeeze(1)
            cast = weights.sum(dim=2) if judged is None else (weights @ judged[places]).squeeze(1)
            share = (said + IMAGINED * usual) / (cast + IMAGINED)
            logits[some] = torch.logit(share, eps=1e-6).numpy()
        return logits[index]

    def listening(self, listened: float) -> Neighbors:
        """The same with so much of the share, from 0 to 1."""
        return replace(self, share=self.share * np.float32(listened))

    def tensors(self) -> dict[str, npt.NDArray[np.generic]]:
        """All of it, by name."""
        return {name: getattr(self, name) for name in _PARTS}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[np.generic]]) -> Neighbors:
        """Rebuild from what `tensors` gave.

        Raises
        ------
        BundleError
            If a tensor is missing or does not fit.
        """
        if missing := [name for name in _PARTS if name not in tensors]:
            raise BundleError(f"What the run keeps of reviewed descriptions lacks {', '.join(missing)}.")
        parts = {name: np.asarray(tensors[name]) for name in _PARTS}
        m, n_labels = parts["yes"].shape if parts["yes"].ndim == 2 else (0, 0)
        d = parts["center"].size
        shapes = [(d,), (m, d), (m, n_labels), (m, n_labels), (n_labels,), (n_labels,)]
        kinds = [np.float32, np.float16, np.float16, np.bool_, np.float32, np.float32]
        if not m or [(part.shape, part.dtype) for part in parts.values()] != list(zip(shapes, kinds, strict=True)):
            raise BundleError("What the run keeps of reviewed descriptions does not fit together.")
        found = cls(*parts.values())
        if not found._is_sound:
            raise BundleError("What the run keeps of reviewed descriptions has a number out of its range.")
        return found

    @property
    def _is_sound(self) -> bool:
        finite = all(np.isfinite(part).all() for part in (self.center, self.vectors))
        shares = (self.yes >= 0).all() and (self.yes <= 1).all()
        shares = shares and (self.share >= 0).all() and (self.share <= AT_MOST).all()
        return bool(finite and shares and (self.usual > 0).all() and (self.usual < 1).all())


@dataclass(frozen=True)
class HeldOut:
    """Both opinions on rows that neither learned from: logits float32 (n, n_labels), verdicts bool of that shape."""

    neighbors: Neighbors
    logits: FloatMatrix
    votes: FloatMatrix
    y_true: BoolMatrix
    judged: BoolMatrix

    def loss(self, listened: float) -> float:
        """Log loss, summed over the judged cells, if neighbors get so much of their share."""
        mean = self.neighbors.listening(listened).averaged(self.logits, self.votes)[self.judged].astype(np.float64)
        return float(np.sum(np.logaddexp(0.0, mean) - mean * self.y_true[self.judged]))


def listened(folds: Sequence[HeldOut]) -> float:
    """How much of their share neighbors get, from 0 to 1: what has the least log loss out of fold.

    Where descriptions are names of merchants, it is all; where they are sentences, those nearest by their embeddings
    may be no guide. One number for all labels: it is found surely with few rows, and flatters no score that is then
    given on the same rows.
    """
    return min(_SHARES, key=lambda share: sum(fold.loss(share) for fold in folds))


def _directions(vectors: FloatMatrix) -> FloatMatrix:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions: FloatMatrix = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 1e-12)
    return directions
