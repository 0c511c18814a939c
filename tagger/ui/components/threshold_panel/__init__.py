"""The threshold panel: one slider and one curve per label, drawn by the browser while it is dragged.

Python sends every label's scores and truth once. The script beside this file counts from them, so the numbers
under the pointer are the ones Python would compute; the server hears of a drag when it is released.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

_HERE = Path(__file__).parent

_mount = st.components.v2.component(
    "transaction_tagger.threshold_panel",
    css=(_HERE / "threshold_panel.css").read_text(encoding="utf-8"),
    js=(_HERE / "threshold_panel.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, eq=False)
class PanelLabel:
    """One label's card.

    `scores` are the probabilities of its n judged rows, float32, shape (n,), in any order; `truth`, bool, says which
    of these rows carry the label. `threshold` is the working value, `saved` the one in force, `optimum` the tuned
    proposal or None. `tuned` is False where there was too little evidence, and `note` says why. `color` is one of
    Streamlit's names: red, orange, yellow, blue, green, violet, gray.
    """

    id: int
    name: str
    color: str
    threshold: float
    saved: float
    optimum: float | None
    tuned: bool
    note: str
    scores: npt.NDArray[np.float32]
    truth: npt.NDArray[np.bool_]


@dataclass
class _Sent:
    """What the browser was last given under one key."""

    digest: str
    body: bytes
    revision: int
    base: dict[int, float]  # the thresholds the browser started this revision from
    passed: dict[int, float]  # the working thresholds the page passed last time


def threshold_panel(
    labels: Sequence[PanelLabel],
    *,
    measured_on: str,
    key: str,
    on_commit: Callable[[dict[int, float]], None] | None = None,
) -> dict[int, float] | None:
    """Show the panel; numbers move while a slider is dragged, and release commits.

    Dragging changes nothing the panel is given, so nothing is sent again after a commit. When the page passes
    other working thresholds than the browser holds (a discarded draft, another run), the browser takes them.

    Parameters
    ----------
    labels : one card each, in label-set order
    measured_on : where the scores come from, such as "out-of-fold"; shown beside the totals
    key : the component's key; two panels on a page need two
    on_commit : called with every label's working threshold, by label id, before the page runs again

    Returns
    -------
    Every label's working threshold by label id, or None as long as this panel has committed nothing.

    Raises
    ------
    ValueError
        If scores and truth of a label differ in shape, a score or threshold is not a number from 0 to 1, or two
        labels share an id.
    """
    passed = {label.id: float(label.threshold) for label in labels}
    if len(passed) != len(labels):
        raise ValueError("two labels share an id")
    sent = _sent(labels, passed, key)

    def commit() -> None:
        committed = _committed(key, sent)
        if committed is not None and on_commit is not None:
            on_commit(committed)

    _mount(
        key=key,
        data=pack_header(
            labels, measured_on=measured_on, sent_base=sent.base, revision=sent.revision, digest=sent.digest
        )
        + sent.body,
        on_thresholds_change=commit,
    )
    return _committed(key, sent)


def _sent(labels: Sequence[PanelLabel], passed: dict[int, float], key: str) -> _Sent:
    """Decide what the browser is given: the same as before, unless the page knows better."""
    memory = f"{key}:sent"
    sent: _Sent | None = st.session_state.get(memory)
    digest = digest_of(labels)
    if sent is None or sent.digest != digest:
        sent = _Sent(digest, pack_body(labels), sent.revision + 1 if sent else 0, passed, passed)
        st.session_state[memory] = sent
        return sent
    committed = _committed(key, sent)
    held = sent.base if committed is None else committed
    # A page may keep its draft after this call instead of in `on_commit`: then it still passes what it passed
    # last time, which is no change of its own. A panel mounted anew holds nothing and takes what is passed.
    if passed != held and (committed is None or passed != sent.passed):
        sent.revision += 1
        sent.base = passed
    sent.passed = passed
    return sent


def _committed(key: str, sent: _Sent) -> dict[int, float] | None:
    """Return every working threshold as the browser committed it, or None if it did not since `sent.revision`."""
    state = st.session_state.get(key)
    value = state.get("thresholds") if isinstance(state, Mapping) else None
    if not isinstance(value, Mapping) or value.get("revision") != sent.revision:
        return None
    changed = value.get("changed")
    if not isinstance(changed, Mapping):
        return None
    thresholds = dict(sent.base)
    for name, threshold in changed.items():
        if str(name).isdecimal() and int(name) in thresholds and _is_share(threshold):
            thresholds[int(name)] = float(threshold)
    return thresholds


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def digest_of(labels: Sequence[PanelLabel]) -> str:
    """Fingerprint of ids, scores and truth: as long as it is equal, the curves need not be sent again."""
    digest = hashlib.blake2b(digest_size=12)
    for label in labels:
        digest.update(struct.pack("<qq", label.id, label.scores.size))
        digest.update(np.ascontiguousarray(label.scores, dtype="<f4").data)
        digest.update(np.ascontiguousarray(label.truth, dtype=np.bool_).data)
    return digest.hexdigest()


def pack_body(labels: Sequence[PanelLabel]) -> bytes:
    """Pack all labels' scores, descending, as little-endian float32, then their truth in that order, one bit each."""
    scores, truths = [], []
    for label in labels:
        if label.scores.ndim != 1 or label.scores.shape != label.truth.shape:
            raise ValueError(f"scores {label.scores.shape} and truth {label.truth.shape} of label {label.id} differ")
        if not bool(np.all((label.scores >= 0) & (label.scores <= 1))):
            raise ValueError(f"label {label.id} has scores outside 0 to 1")
        order = np.argsort(-label.scores, kind="stable")
        scores.append(label.scores[order].astype("<f4").tobytes())
        truths.append(np.packbits(label.truth[order].astype(np.bool_)).tobytes())
    return b"".join([*scores, *truths])


def pack_header(
    labels: Sequence[PanelLabel], *, measured_on: str, sent_base: Mapping[int, float], revision: int, digest: str
) -> bytes:
    """Pack what is shown beside the curves: its length as uint32, then JSON padded to a multiple of 4 bytes."""
    for label in labels:
        if not all(_is_share(value) for value in (label.threshold, label.saved, label.optimum) if value is not None):
            raise ValueError(f"label {label.id} has a threshold outside 0 to 1")
    header = {
        "revision": revision,
        "digest": digest,
        "measuredOn": measured_on,
        "labels": [
            {
                "id": label.id,
                "name": label.name,
                "color": label.color,
                "threshold": sent_base[label.id],
                "saved": float(label.saved),
                "optimum": None if label.optimum is None else float(label.optimum),
                "tuned": bool(label.tuned),
                "note": label.note,
                "support": int(np.count_nonzero(label.truth)),
                "judged": int(label.truth.size),
            }
            for label in labels
        ],
    }
    text = json.dumps(header, ensure_ascii=False, allow_nan=False).encode()
    padded = text.ljust(4 * math.ceil(len(text) / 4))
    return struct.pack("<I", len(padded)) + padded
