"""The starter as what a head of one's own begins with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tagger.config import Settings
from tagger.errors import BundleError, NotFoundError
from tagger.labels.labelset import fold_name
from tagger.learning.recipe import parts_of
from tagger.services.encoding import Encoding
from tagger.storage.runs import Bundle, read_bundle

if TYPE_CHECKING:
    from tagger.learning.starter import Starter


def installed(settings: Settings) -> Bundle | None:
    """The starter that came with the program, where there is no store; None if it is not there or not whole."""
    try:
        return read_bundle(settings.starter_path)
    except (NotFoundError, BundleError):
        return None


def starter_for(bundle: Bundle | None, encoding: Encoding, names: Sequence[str], features: str) -> Starter | None:
    """The starter for labels of these names; None where heads do not look at it, or it knows none of them.

    Names meet as they do when the starter tags: folded, whatever their kind ("type:fuel" is fuel).
    """
    if "starter" not in parts_of(features) or bundle is None or bundle.encoder != encoding.family:
        return None
    told = bundle.evidence.get("told")
    if told is None:
        return None
    # torch is imported where it is used: most screens need none of it.
    from tagger.learning.names import label_text  # noqa: PLC0415
    from tagger.learning.starter import Starter  # noqa: PLC0415

    place_of = {fold_name(label_text(name)): place for place, name in reversed(list(enumerate(names)))}
    columns = [place_of.get(fold_name(label_text(name)), -1) for _, name in bundle.labels]
    if max(columns, default=-1) < 0:
        return None
    return Starter.of_run(
        bundle.recipe["features"],
        bundle.head,
        thresholds=bundle.thresholds,
        keys=bundle.evidence["told_keys"],
        told=told,
        columns=columns,
    )
