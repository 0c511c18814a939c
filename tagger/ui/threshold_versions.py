"""Versions of thresholds on the screen: what each scored, using one again, and how two differ."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from tagger.services import threshold_exchange, threshold_saving, threshold_versions
from tagger.services.threshold_files import as_json
from tagger.services.threshold_saving import Unsaved
from tagger.services.threshold_versions import AS_TRAINED, Version
from tagger.ui import messages, widgets
from tagger.ui.session import Session

SHOWN_AT_ONCE = 8
BEFORE, AFTER = "version_before", "version_after"
ASKING = "version_asked_for"
FIGURES = {
    f"{average.capitalize()} {name}, on these rows": (average, score)
    for average in ("micro", "macro")
    for name, score in (("F1", "f1"), ("precision", "precision"), ("recall", "recall"))
}
HELD_OUT = {f"{average.capitalize()} F1, held out": f"{average}_f1" for average in ("micro", "macro")}
WHAT_HELD_OUT_MEANS = (
    "Held out: each row is cut at thresholds that the tags' goals chose without it, which is what to expect of "
    "descriptions never seen."
)


def versions(session: Session, run_id: str) -> None:
    """Every version of a run's thresholds, folded away until it is asked for."""
    box = st.expander("Versions", key="versions", on_change="rerun")
    if not box.open:
        return
    # Sliders that are let go draw all of this again: what did not change is not looked up again.
    revision = session.store.db.revision("transactions", "judgements", "labels", "runs")
    found = session.pin((run_id, revision), lambda: threshold_versions.history(session.store, run_id), place="versions")
    with box:
        about = (
            "Scores are those of the day on which a version was saved; as trained, those of now. To compare two, "
            "measure both now, below."
            if len(found) > 1
            else "Saving thresholds makes the first version. What the run was trained with always stays."
        )
        st.caption(f"{about} {WHAT_HELD_OUT_MEANS}")
        _list(session, found)
        _ask(session, found)
        if len(found) > 1:
            _difference(session, found, revision)


def _list(session: Session, found: list[Version]) -> None:
    rows = st.container(gap="small")
    is_long = len(found) > SHOWN_AT_ONCE + 1
    show_all = is_long and st.toggle(f"All {len(found):,} versions", key="all_versions")
    newest = found if show_all or not is_long else found[:SHOWN_AT_ONCE]
    for version in found:
        # What is in use and what the run was trained with are never out of sight.
        if version in newest or version.in_use or version.id == AS_TRAINED:
            with rows:
                _row(session, version)


def _row(session: Session, version: Version) -> None:
    row = st.container(border=True, horizontal=True, vertical_alignment="center", key=f"version:{version.id}")
    with row.container(gap="xsmall"):
        badge = " :blue-badge[in use]" if version.in_use else ""
        st.markdown(f"**{_title(version.id)}**{badge} · {_scores(version)}")
        at = version.created_at
        told = [f"{at.day} {at:%b %Y, %H:%M} UTC", messages.escape(version.author)]
        if version.n_changed is not None:
            told.append(f"{widgets.counted(version.n_changed, 'tag')} moved")
        note = messages.escape(" ".join(version.note.split()))
        st.caption(" · ".join(each for each in told if each) + (f"  \n{note}" if note else ""))
    # The same two in every row, together: so that rows look alike, also where they stand below the text on a phone.
    buttons = row.container(horizontal=True, width="content")
    buttons.button(
        "Use again", key=f"use:{version.id}", on_click=_chosen, args=(session, version), disabled=version.in_use
    )
    buttons.download_button(
        "Download JSON",
        data=partial(_file, session, version),
        file_name=f"thresholds-{version.run_id}-{version.id}.json",
        mime="application/json",
        icon=":material/download:",
        help="For `tagger thresholds apply FILE`, here or in another store.",
        key=f"json:{version.id}",
        on_click="ignore",
    )


def _file(session: Session, version: Version) -> bytes:
    return as_json(threshold_exchange.export(session.store, version.id, version.run_id))


@messages.callback
def _chosen(session: Session, version: Version) -> None:
    """Use it, but ask before unsaved moves are let go."""
    unsaved = threshold_saving.unsaved(session.store, version.run_id)
    if unsaved.n_labels:
        st.session_state[ASKING] = version.id, unsaved
    else:
        _use(session, version)


def _ask(session: Session, found: list[Version]) -> None:
    """The question that a click has left, if any."""
    version_id, unsaved = st.session_state.pop(ASKING, (None, None))
    version = next((each for each in found if each.id == version_id), None)
    if version is None:
        return
    title, it = _title(version.id), "it" if unsaved.n_labels == 1 else "them"
    use = f"Use {title[:1].lower()}{title[1:]}"
    widgets.confirm(
        "Let go of what is not saved?",
        f"{_not_saved(unsaved)} {use} and let {it} go?",
        use,
        partial(_use, session, version),
    )


def _not_saved(unsaved: Unsaved) -> str:
    were = "was" if unsaved.n_moved == 1 else "were"
    goals = f"{widgets.counted(unsaved.n_goals, 'tag')} got a new goal"
    if not unsaved.n_moved:
        return f"{goals}, not saved yet."
    also = f", and {goals}" if unsaved.n_goals else ""
    return f"{widgets.counted(unsaved.n_moved, 'slider')} {were} moved and not saved{also}."


def _use(session: Session, version: Version) -> None:
    threshold_saving.go_back(session.store, version.id, version.run_id)
    what = "The thresholds of the training are" if version.id == AS_TRAINED else f"Version {version.id} is"
    st.toast(f"{what} in use.", icon=":material/undo:")


def _difference(session: Session, found: list[Version], revision: tuple[int, ...]) -> None:
    titles = {version.id: _title(version.id) + (f": {version.note}" if version.note else "") for version in found}
    for key in (BEFORE, AFTER):
        if st.session_state.get(key) not in titles:  # another run is in use by now
            st.session_state.pop(key, None)
    places = st.columns(2)
    before, after = (
        place.selectbox(
            text, list(titles), index=None, key=key, format_func=titles.__getitem__, placeholder="Choose a version"
        )
        for place, text, key in zip(places, ("Compare", "With"), (BEFORE, AFTER), strict=True)
    )
    if before is None or after is None:
        return
    if before == after:
        st.caption("Choose two different versions.")
        return
    run_id = found[0].run_id
    told = session.pin(
        (run_id, before, after, revision),
        lambda: threshold_versions.diff(session.store, before, after, run_id),
        place="difference",
    )
    _measured(told, (_title(before), _title(after)))


def _measured(told: dict[str, Any], titles: tuple[str, str]) -> None:
    """The tags whose thresholds differ, and what both versions score on the same transactions."""
    right = {title: st.column_config.TextColumn(alignment="right") for title in (*titles, "Difference")}
    if told["labels"]:
        st.dataframe(_thresholds(told["labels"], titles), hide_index=True, key="different", column_config=right)
    else:
        st.caption("All thresholds are the same.")
    before, after = told["before"]["now"], told["after"]["now"]
    st.dataframe(_scored(before, after, titles), hide_index=True, key="measured_now", column_config=right)
    n = widgets.counted(before["n_transactions"], "reviewed transaction")
    st.caption(
        f"Both on the same {n}, {before['measured_on']}. Scores on these rows flatter thresholds that were chosen on "
        "them; so do held-out ones where tags were moved by hand, for these are cut as they stand."
    )


def _thresholds(labels: list[dict[str, Any]], titles: tuple[str, str]) -> dict[str, list[str]]:
    before, after = ([float(each[side]) for each in labels] for side in ("before", "after"))
    return {
        "Tag": [each["label"] for each in labels],
        # Two that differ by less than a slider's step do differ.
        titles[0]: [f"{value:.4f}" for value in before],
        titles[1]: [f"{value:.4f}" for value in after],
        "Difference": [
            _difference_of(low, high, digits=3 if abs(high - low) >= 0.0005 else 4)
            for low, high in zip(before, after, strict=True)
        ],
    }


def _scored(before: Mapping[str, Any], after: Mapping[str, Any], titles: tuple[str, str]) -> dict[str, list[str]]:
    sides = [_figures(before), _figures(after)]
    return {
        "Measured now": list(sides[0]),
        **{title: [_figure(value) for value in side.values()] for title, side in zip(titles, sides, strict=True)},
        "Difference": [_difference_of(*pair) for pair in zip(*(side.values() for side in sides), strict=True)],
    }


def _figures(side: Mapping[str, Any]) -> dict[str, float | int | None]:
    """Scores, and counts, which are whole numbers, in the order in which they are shown."""
    fair = side["held_out"]
    return {
        **{name: fair[score] for name, score in HELD_OUT.items()},
        "Tags moved by hand": fair["by_hand"],
        **{name: side[average][score] for name, (average, score) in FIGURES.items()},
        "Tags given": side["tags_given"],
    }


def _figure(value: float | None) -> str:
    return f"{value:,}" if isinstance(value, int) else widgets.number(value)


def _difference_of(before: float | None, after: float | None, *, digits: int = 3) -> str:
    """After minus before, with its sign."""
    if before is None or after is None:
        return "n/a"
    change = after - before
    return (f"{change:+,}" if isinstance(change, int) else f"{change:+.{digits}f}").replace("-", "−")


def _title(version_id: int) -> str:
    return "As trained" if version_id == AS_TRAINED else f"Version {version_id}"


def _scores(version: Version) -> str:
    fair = threshold_versions.held_out(version.metrics)
    by_hand = f", {fair['by_hand']:,} moved by hand as they stand" if fair["by_hand"] else ""
    return (
        f"held-out micro F1 {widgets.number(fair['micro_f1'])} · macro F1 {widgets.number(fair['macro_f1'])}{by_hand}"
    )
