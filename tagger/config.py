"""Settings: one frozen object, the reason beside each default, TAGGER_* overrides."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tagger.errors import SettingError

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """Everything that can be set from outside, read once at start."""

    home: Path = CHECKOUT  # all state lies under it; a clone is self-contained
    encoder: str | None = None  # None: the weights installed with the requirements; else a folder or a hub name
    max_length: int = 64  # tokens; bank descriptions are short (13.5 tokens on average), longer ones are cut
    batch_size: int = 128  # texts; measured best on 2 cores, length-sorted
    author: str = "local"  # who a verdict is signed with when nobody signs in

    @property
    def database_path(self) -> Path:
        return self.home / "data" / "tagger.db"

    @property
    def runs_path(self) -> Path:
        return self.home / "models"

    @property
    def embeddings_path(self) -> Path:
        return self.home / "data" / "embeddings"

    @property
    def predictions_path(self) -> Path:
        return self.home / "data" / "predictions"

    @property
    def experiments_path(self) -> Path:
        return self.home / "data" / "experiments"

    @property
    def starter_path(self) -> Path:
        return CHECKOUT / "models" / "starter"

    @property
    def sample_path(self) -> Path:
        return CHECKOUT / "data" / "sample"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read TAGGER_HOME, TAGGER_ENCODER, TAGGER_AUTHOR, TAGGER_MAX_LENGTH, TAGGER_BATCH_SIZE.

        Raises
        ------
        SettingError
            If a number is not a positive whole number.
        """
        defaults = cls()
        return cls(
            home=Path(environ["TAGGER_HOME"]).expanduser().resolve() if environ.get("TAGGER_HOME") else CHECKOUT,
            encoder=environ.get("TAGGER_ENCODER") or None,
            max_length=_positive(environ, "TAGGER_MAX_LENGTH", defaults.max_length),
            batch_size=_positive(environ, "TAGGER_BATCH_SIZE", defaults.batch_size),
            author=environ.get("TAGGER_AUTHOR") or environ.get("USER") or defaults.author,
        )


def _positive(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name)
    if not text:
        return default
    if not text.isdecimal() or int(text) == 0:
        raise SettingError(f"{name} is {text!r}.", hint=f"Give {name} a positive whole number, such as {default}.")
    return int(text)
