"""From token states to one vector per text: the [CLS] state and the masked mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tagger.learning.recipe import POOLINGS, Pooling


def pool(hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Pool token states both ways (masked mean: Reimers & Gurevych 2019, arXiv:1908.10084).

    Parameters
    ----------
    hidden : floating tensor, shape (n_texts, n_tokens, d)
        Token states, the [CLS] token first, padding last.
    mask : tensor, shape (n_texts, n_tokens)
        Non-zero for tokens, zero for padding.

    Returns
    -------
    Two float32 tensors of shape (n_texts, d): the [CLS] states and the means over the unmasked tokens.
    A row without any token has a mean of 0.

    Raises
    ------
    ValueError
        If `mask` does not fit `hidden`.
    """
    if hidden.shape[:2] != mask.shape:
        raise ValueError(f"hidden {tuple(hidden.shape)} and mask {tuple(mask.shape)} do not fit")
    present = mask.bool().unsqueeze(-1)
    # Filled, not multiplied: 0 x NaN is NaN, and what stands in padding must not matter.
    sums = hidden.float().masked_fill(~present, 0.0).sum(dim=1)
    return hidden[:, 0].float(), sums / present.sum(dim=1).clamp(min=1)


def select(embeddings: NDArray[np.float32], pooling: Pooling) -> NDArray[np.float32]:
    """Take a head's input out of stored embeddings.

    Parameters
    ----------
    embeddings : float32 array, shape (n_texts, 2 * d)
        Columns [cls | mean], as `TextEncoder.encode` returns them.
    pooling : "cls", "mean" or "both"

    Returns
    -------
    A view of shape (n_texts, d), or (n_texts, 2 * d) for "both".

    Raises
    ------
    ValueError
        If the number of columns is odd or the pooling is unknown.
    """
    dimension, odd = divmod(embeddings.shape[1], 2)
    if odd:
        raise ValueError(f"embeddings have {embeddings.shape[1]} columns; [cls | mean] needs an even number")
    if pooling == "cls":
        return embeddings[:, :dimension]
    if pooling == "mean":
        return embeddings[:, dimension:]
    if pooling == "both":
        return embeddings
    raise ValueError(f"unknown pooling {pooling!r}; known: {', '.join(POOLINGS)}")
