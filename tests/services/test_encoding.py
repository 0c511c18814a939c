from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from toys import bert_folder

from tagger.config import Settings
from tagger.errors import EncoderError
from tagger.learning import encoder as encoders
from tagger.services.encoding import Encoding
from tagger.services.progress import Progress

TEXTS = ["shell fuel", "tesco groceries", "rent"]


@pytest.fixture
def settings(tmp_path) -> Settings:
    words = sorted({word for text in TEXTS for word in text.split()})
    return replace(Settings(), home=tmp_path / "home", encoder=str(bert_folder(tmp_path / "encoder", words)))


def test_texts_that_are_stored_need_no_encoder(settings, monkeypatch):
    before, n_encoded = Encoding(settings).embed(TEXTS, Progress())
    assert n_encoded == 3

    def load(*_: object, **__: object) -> None:
        raise AssertionError("The encoder was loaded.")

    monkeypatch.setattr(encoders, "load_encoder", load)
    again = Encoding(settings)
    after, n_encoded = again.embed(TEXTS[::-1], Progress())
    assert n_encoded == 0
    assert np.array_equal(after, before[::-1])
    with pytest.raises(AssertionError, match="loaded"):
        again.embed(["gym"], Progress())


def test_weights_that_changed_since_they_were_identified_are_not_stored_under_the_old_name(settings, tmp_path):
    encoding = Encoding(settings)
    encoding.embed([], Progress())
    other = bert_folder(tmp_path / "other", ["gym"], n_layers=2)
    for file in other.iterdir():
        shutil.copy(file, tmp_path / "encoder")
    with pytest.raises(EncoderError, match="changed"):
        encoding.embed(TEXTS, Progress())
    assert Encoding(settings).embed(TEXTS, Progress())[1] == 3
