from __future__ import annotations

import numpy as np
import pytest
import torch

from tagger.learning.pooling import POOLINGS, pool, select

THREE_TOKENS = [[0.1, 0.2, 0.3, 0.4], [0.2, 0.1, 0.4, 0.3], [0.4, 0.3, 0.2, 0.1]]


def loop_pool(hidden: torch.Tensor, mask: torch.Tensor) -> tuple[list[list[float]], list[list[float]]]:
    first, means = [], []
    for states, present in zip(hidden.tolist(), mask.tolist(), strict=True):
        kept = [state for state, is_token in zip(states, present, strict=True) if is_token]
        first.append(states[0])
        means.append([sum(column) / len(kept) for column in zip(*kept, strict=True)])
    return first, means


def test_three_tokens_give_the_first_state_and_their_mean():
    cls, mean = pool(torch.tensor([THREE_TOKENS]), torch.ones(1, 3, dtype=torch.long))
    assert cls.tolist()[0] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert mean.tolist()[0] == pytest.approx([0.2333, 0.2, 0.3, 0.2667], abs=5e-5)


@pytest.mark.parametrize("padding", [0.0, 99.0, float("inf"), float("nan")])
@pytest.mark.parametrize("n_padding", [0, 1, 5])
def test_padding_does_not_change_a_result_whatever_stands_in_it(n_padding, padding):
    states = torch.tensor([THREE_TOKENS + [[padding] * 4] * n_padding])
    cls, mean = pool(states, torch.tensor([[1] * 3 + [0] * n_padding]))
    alone = pool(torch.tensor([THREE_TOKENS]), torch.ones(1, 3))
    torch.testing.assert_close((cls, mean), alone, rtol=0, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.long, torch.bool, torch.float32])
def test_pooling_agrees_with_a_plain_loop(dtype):
    hidden = torch.randn(5, 7, 3, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([1, 2, 4, 6, 7])
    mask = (torch.arange(7) < lengths[:, None]).to(dtype)
    first, means = loop_pool(hidden, mask)
    cls, mean = pool(hidden, mask)
    torch.testing.assert_close(cls, torch.tensor(first))
    torch.testing.assert_close(mean, torch.tensor(means))


def test_half_width_states_are_averaged_in_full_width():
    hidden = torch.full((1, 3000, 2), 1.0, dtype=torch.bfloat16)
    hidden[0, 0] = 256.0
    _, mean = pool(hidden, torch.ones(1, 3000))
    assert mean.dtype == torch.float32
    assert mean.tolist()[0] == pytest.approx([(256 + 2999) / 3000] * 2)


def test_a_row_without_tokens_has_a_mean_of_zero():
    _, mean = pool(torch.ones(1, 2, 3), torch.zeros(1, 2))
    assert mean.tolist() == [[0.0, 0.0, 0.0]]


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="do not fit"):
        pool(torch.ones(2, 3, 4), torch.ones(2, 4))


EMBEDDINGS = np.array([[1, 2, 10, 20], [3, 4, 30, 40]], dtype=np.float32)


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("cls", [[1, 2], [3, 4]]),
        ("mean", [[10, 20], [30, 40]]),
        ("both", [[1, 2, 10, 20], [3, 4, 30, 40]]),
    ],
)
def test_each_pooling_takes_its_columns(pooling, expected):
    assert pooling in POOLINGS
    assert select(EMBEDDINGS, pooling).tolist() == expected


def test_no_embeddings_have_no_rows_and_the_right_width():
    assert select(np.empty((0, 6), dtype=np.float32), "cls").shape == (0, 3)


@pytest.mark.parametrize(
    ("columns", "pooling", "reason"), [(4, "max", "unknown pooling 'max'"), (3, "cls", "even number")]
)
def test_a_pooling_that_means_nothing_is_refused(columns, pooling, reason):
    with pytest.raises(ValueError, match=reason):
        select(np.zeros((1, columns), dtype=np.float32), pooling)
