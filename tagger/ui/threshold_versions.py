"""Versions of thresholds on the screen: what each scored, using one again, and how two differ."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from tagger.services import threshold_versions
from tagger.services.threshold_files import as_json
from tagger.services.threshold_versions import AS_TRAINED, Version
from tagger.ui import messages, widgets
from tagger.ui.session import Session

SHOWN_AT_ONCE = 8
BEFORE, AFTER = "version_before", "version_after"
FIGURES = {
    f"{average.capitalize()} {name}": (average, score)
    for average in ("micro", "macro")
    for name, score in (("F1", "f1"), ("precision", "precision"), ("recall", "recall"))
}


def versions(session: Session, run_id: str) -> None:
    """Every version of a run's thresholds, folded away until it is asked for."""
    box = st.expander("Versions", key="versions", on_change="rerun")
    if not box.open:
        return
    # Sliders that are let go draw all of this again: what did not change is not looked up again.
    revision = session.store.db.revision("transactions", "judgements", "labels", "runs")
    found = session.pin((run_id, revision), lambda: threshold_versions.history(session.store, run_id), place="versions")
    with box:
        st.caption(
            "Scores are those of the day on which a version was saved. To compare two, measure both now, below."
            if len(found) > 1
            else "Saving thresholds makes the first version. What the run was trained with always stays."
        )
        _list(session, found)
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
        "Use again", key=f"use:{version.id}", on_click=_used, args=(session, version), disabled=version.in_use
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
    return as_json(threshold_versions.export(session.store, version.id, version.run_id))


@messages.callback
def _used(session: Session, version: Version) -> None:
    threshold_versions.go_back(session.store, version.id, version.run_id)
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
    labels, sides = told["labels"], (told["before"]["now"], told["after"]["now"])
    if not labels:
        st.caption("All thresholds are the same.")
        return
    right = {title: st.column_config.TextColumn(alignment="right") for title in titles}
    thresholds = {
        title: [f"{each[side]:.4f}" for each in labels]  # two that differ by less than a slider's step do differ
        for title, side in zip(titles, ("before", "after"), strict=True)
    }
    st.dataframe(
        {"Tag": [each["label"] for each in labels], **thresholds},
        hide_index=True,
        key="different",
        column_config=right,
    )
    figures = {
        title: [
            *(widgets.number(side[average][score]) for average, score in FIGURES.values()),
            f"{side['tags_given']:,}",
        ]
        for title, side in zip(titles, sides, strict=True)
    }
    st.dataframe(
        {"Measured now": [*FIGURES, "Tags given"], **figures},
        hide_index=True,
        key="measured_now",
        column_config=right,
    )
    n = widgets.counted(sides[0]["n_transactions"], "reviewed transaction")
    st.caption(f"Both on the same {n}, {sides[0]['measured_on']}.")


def _title(version_id: int) -> str:
    return "As trained" if version_id == AS_TRAINED else f"Version {version_id}"


def _scores(version: Version) -> str:
    metrics = version.metrics or {"micro": {"f1": None}, "macro": {"f1": None}}
    return " · ".join(f"{average} F1 {widgets.number(metrics[average]['f1'])}" for average in ("micro", "macro"))
