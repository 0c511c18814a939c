"""How words are shown that carried a tag: never by color alone."""

from __future__ import annotations

import re

from tagger.services.why import PREDICTED, Because, Word
from tagger.ui import grounds


def test_a_words_weight_is_told_by_a_line_and_in_words_beside_its_color():
    words = (Word("TESCO", 4.4, 0.02), Word("<b>", 0.2, 0.55), Word("x", -1.0, 0.8), Word("REFUND", -2.5, 0.97))
    shown = grounds._words(Because("groceries", True, PREDICTED, 0.6, 0.5, words=words))
    items = re.findall(r'<div role="listitem"(.*?)</div>', shown)
    assert [re.search("--line: ([a-z]+)", item)[1] for item in items] == ["solid", "solid", "dashed", "dashed"]
    thickness = [float(re.search("--strength: ([0-9.]+)", item)[1]) for item in items]
    assert thickness == [1.0, 0.05, 0.25, 0.62]
    spoken = [" ".join(re.sub("<[^>]+>", " ", item.split(">", 1)[1]).split()) for item in items]
    assert spoken == [
        "TESCO speaks strongly for it, without it 0.02",
        "&lt;b&gt; speaks a little for it, without it 0.55",
        "x speaks against it, without it 0.80",
        "REFUND speaks strongly against it, without it 0.97",
    ]
    assert [re.search('title="([^"]+)"', item)[1] in said for item, said in zip(items, spoken, strict=True)] == [
        True
    ] * 4
