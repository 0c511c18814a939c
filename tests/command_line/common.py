"""The statements that several commands are tested with, and how their answers are read."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from toys import ToyEncoder

from tagger.services.encoding import Encoding

ROOT = Path(__file__).parents[2]
STARTER = ROOT / "models" / "starter"
SAMPLE_LABELS = {label["name"] for label in json.loads((ROOT / "data" / "sample" / "labels.json").read_text())}

# Three rows that were never judged; the towns are new.
OPEN_CSV = """date,description,amount
2024-05-01,TESCO groceries zzz,-1
2024-05-02,SHELL fuel zzz,-2
2024-05-03,RENT rent zzz,-3
"""

# Two judged rows with three labels, and one whose cell is empty.
THREE_ROWS = (
    "date,description,amount,tags\n2024-03-01,TESCO,-1,food\n2024-03-02,SHELL,-2,fuel|car\n2024-03-03,ODD,-3,\n"
)

# A table of one's own: two texts that were never seen, one of them twice, and one that was judged.
TO_TAG = (
    "Ref,description,note\n7,TESCO groceries yyy,=1+1\n8,SHELL fuel yyy,-- cash\n"
    "9,TESCO groceries aaa,+44 20\n8,SHELL fuel yyy,\n"
)

# The keys of a report's scores: pooled, averaged, and of one label.
PRF = {"precision", "recall", "f1"}
MACRO = PRF | {"labels_scored", "labels_left_out"}
LABEL = PRF | {"label", "threshold", "support"}
MEASURED_LABEL = LABEL | {"interval"}
ROWS = {"exact_match", "lrap", "coverage", "untagged", "n_judged", "n_fully_judged", "n_ranked"}


def check_measured(report: dict[str, Any]) -> None:
    """Scores with the intervals that hold them."""
    assert [set(label) for label in report["labels"]] == [MEASURED_LABEL] * report["n_labels"]
    assert report.keys() >= ROWS
    assert set(report["intervals"]) == {"micro", "macro"}
    scores = [(label, label["interval"]) for label in report["labels"]]
    scores += [(report[name], report["intervals"][name]) for name in ("micro", "macro")]
    for score, intervals in scores:
        assert set(intervals) == PRF
        for name, interval in intervals.items():
            if interval is not None:
                assert 0 <= interval[0] <= score[name] <= interval[1] <= 1


def encode_with(toy: ToyEncoder, patch: pytest.MonkeyPatch) -> ToyEncoder:
    """Put a toy in place of the weights, for every store that is opened."""
    patch.setattr(Encoding, "encoder", property(lambda _: toy))
    patch.setattr(Encoding, "identity", property(lambda _: toy))
    return toy


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def only_object(stdout: str) -> dict[str, Any]:
    """The one JSON object that stdout is, strictly read."""
    found, end = json.JSONDecoder(parse_constant=_refuse).raw_decode(stdout)
    assert not stdout[end:].strip(), "more than one object on stdout"
    assert isinstance(found, dict)
    return found


def read_csv(path: Path) -> list[dict[str, str]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content).decode()
    return list(csv.DictReader(text.splitlines()))


def by_name(labels: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {label["name"]: label for label in labels["labels"]}


def export_rows(ok: Callable[..., dict], folder: Path, name: str = "out.csv") -> list[dict[str, str]]:
    report = ok("export", folder / name)
    rows = read_csv(folder / name)
    assert report == {"rows": len(rows), "file": str(folder / name)}
    return rows


def verdicts_of(ok: Callable[..., dict], name: str) -> tuple[int, int]:
    """How often a label was judged, and how often yes."""
    label = by_name(ok("labels", "list"))[name]
    return label["judged"], label["positives"]
