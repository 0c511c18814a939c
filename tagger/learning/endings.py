"""Where the fit of a logistic head ended, by text: near there the next one ends, after a few more verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tagger.learning.lbfgs import Start


@dataclass(frozen=True)
class Ending:
    """An end, and the texts whose share it holds, in its order."""

    texts: tuple[str, ...]
    end: Start

    def start(self, texts: Sequence[str]) -> Start:
        """Begin with these texts; those that were not there contribute nothing yet."""
        if not self.end.of_texts.shape[0]:
            return self.end
        place_of = {text: place for place, text in enumerate(self.texts)}
        places = torch.tensor([place_of.get(text, -1) for text in texts])
        of_texts = self.end.of_texts[places]
        of_texts[places < 0] = 0.0
        return Start(of_texts, self.end.rest, self.end.bias)

    def of_labels(self, places: Sequence[int]) -> Ending:
        """With labels in another order; -1 for one that was not there, which begins anew."""
        column = torch.tensor(places)

        def moved(weights: torch.Tensor) -> torch.Tensor:
            taken = weights.index_select(-1, column.clamp_min(0))
            return taken.masked_fill(column < 0, torch.nan)

        return Ending(self.texts, Start(*(moved(part) for part in (self.end.of_texts, self.end.rest, self.end.bias))))
