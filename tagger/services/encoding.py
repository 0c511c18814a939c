"""The encoder and its store of embeddings: each text is encoded once, ever."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tagger.config import Settings
from tagger.errors import BundleError, EncoderError
from tagger.services.progress import Progress
from tagger.storage.matrices import KeyedMatrix, text_key
from tagger.storage.runs import Bundle

if TYPE_CHECKING:
    from tagger.learning.encoder import Encoder, Identity, TextEncoder

CHUNK = 1024  # texts; what is lost at most when a job is killed, and how often the screen hears of progress


def own_encoding(settings: Settings, folder: Path, bundle: Bundle) -> Encoding:
    """The encoder that a run has of its own, from the folder where it lies.

    Raises
    ------
    BundleError
        If it is not the one that the run was trained with.
    """
    encoding = Encoding(replace(settings, encoder=str(folder)), owner=bundle.run_id)
    try:
        whole = encoding.family == bundle.tuned_encoder
    except EncoderError:
        whole = False
    if not whole:
        raise BundleError(
            f"The run {bundle.run_id!r} is damaged: its encoder is not the one that it was trained with.",
            hint="Promote another run, and discard this one.",
        )
    return encoding


class Encoding:
    """Texts to embeddings, float32 (n, 2 × dimension): [CLS] and mean side by side.

    Parameters
    ----------
    owner : the run whose own encoder this is; its embeddings go when it goes.
    """

    def __init__(self, settings: Settings, *, owner: str = "") -> None:
        self._settings = settings
        self._owner = owner
        self._lock = threading.Lock()
        self._encoder: TextEncoder | None = None
        self._matrix: KeyedMatrix | None = None
        self._identified: Identity | None = None

    @property
    def encoder(self) -> TextEncoder:
        """The encoder, loaded on first use (a few seconds).

        Raises
        ------
        EncoderError
            If its files are not there, make no encoder, or are not those that `identity` told of.
        """
        with self._lock:
            if self._encoder is None:
                # Here, not above: torch and transformers take seconds to import, and most screens need neither.
                from tagger.learning.encoder import load_encoder  # noqa: PLC0415

                encoder = load_encoder(
                    self._settings.encoder, max_length=self._settings.max_length, batch_size=self._settings.batch_size
                )
                if self._identified is not None and self._identified.fingerprint != encoder.fingerprint:
                    # What is stored was opened under another name: nothing may be added to it.
                    raise EncoderError("The encoder's files changed while they were in use.", hint="Start again.")
                self._encoder = encoder
            return self._encoder

    @property
    def family(self) -> str:
        """The encoder's family, without loading it.

        Raises
        ------
        EncoderError
            If its files are not there.
        """
        return self.identity.family

    @property
    def identity(self) -> TextEncoder | Identity:
        """Which encoder this is, and how wide its output, without loading it."""
        if self._encoder is not None:
            return self._encoder
        if self._identified is None:
            from tagger.learning.encoder import identify  # noqa: PLC0415

            self._identified = identify(self._settings.encoder, max_length=self._settings.max_length)
        return self._identified

    def trainable(self) -> Encoder:
        """The encoder in full precision, apart from the one in use, for its last layers to be trained.

        Raises
        ------
        EncoderError
            If its files are not there.
        """
        from tagger.learning.finetune import load_trainable  # noqa: PLC0415

        settings = self._settings
        return load_trainable(settings.encoder, max_length=settings.max_length, batch_size=settings.batch_size)

    def use(self, encoder: TextEncoder) -> None:
        """Put another encoder in place, such as a toy one in tests."""
        with self._lock:
            self._encoder, self._matrix = encoder, None

    @property
    def stored(self) -> KeyedMatrix:
        """What was encoded before, by this encoder at this precision; nothing is loaded for it."""
        with self._lock:
            if self._matrix is None:
                known = self.identity
                name = f"{self._owner}-{known.fingerprint}" if self._owner else known.fingerprint
                folder = self._settings.embeddings_path / name
                self._matrix = KeyedMatrix(folder, 2 * known.dimension, np.float16)
            return self._matrix

    def embed(self, texts: Sequence[str], progress: Progress) -> tuple[NDArray[np.float32], int]:
        """Embeddings of texts, and how many of them had to be encoded.

        Raises
        ------
        CancelledError
            If someone asked to stop; what was encoded until then is kept.
        """
        progress.check()
        by_key = {text_key(text): text for text in texts}
        missing = self.stored.missing(by_key)
        missing.sort(key=lambda key: len(by_key[key]))  # texts of one length in one chunk waste no padding
        for start in range(0, len(missing), CHUNK):
            if len(missing) > CHUNK:
                progress.report(start, len(missing), "Reading descriptions")
            keys = missing[start : start + CHUNK]
            self.stored.add(keys, self.encoder.encode([by_key[key] for key in keys], cancelled=progress.cancelled))
        return self.stored.rows([text_key(text) for text in texts]), len(missing)

    def embed_once(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings that are not kept, rounded as stored ones are."""
        return self.encoder.encode(texts).astype(np.float16).astype(np.float32)

    def encode_nothing(self) -> None:
        """Load everything that encoding needs, ahead of the first text."""
        self.encoder.encode(["warm up"])
