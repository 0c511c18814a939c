"""What to label next, as Review and Train show it: the picks with their reasons, the random ones' score, the curve."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from tagger.services import curve
from tagger.services.queue import AuditScore, Pick, Queue
from tagger.services.review import Row
from tagger.services.store import Store
from tagger.storage.jobs import JobRow
from tagger.ui import messages, widgets
from tagger.ui.components.transaction_list import ListDay
from tagger.ui.filters import CONFLICTS, QUEUE, SLIPS
from tagger.ui.session import Session

TITLES = {
    QUEUE: "What teaches most comes first",
    SLIPS: "What is most doubtful comes first",
    CONFLICTS: "Descriptions with the most rows come first",
}
FROM_STARTER = " Each point begins at the starter, which learned from the sample."


def days(
    rows: Sequence[Row],
    asked: Queue,
    *,
    order: str = QUEUE,
    checked: Collection[str] | None = None,
) -> list[ListDay]:
    """The picks in their own order, each with its date and why it is asked for.

    Parameters
    ----------
    checked : where confirmed rows are asked about, those that are done.
    """
    told = {pick.id: pick for pick in asked.picks}
    (ranked,) = widgets.list_ranked(rows, TITLES[order]) or [ListDay(TITLES[order], [])]
    shown = [
        replace(each, why=told[row.id].why, reason=told[row.id].reason, **_again(row, told[row.id], checked))
        for row, each in zip(rows, ranked.rows, strict=True)
    ]
    return [ListDay(TITLES[order], shown)]


def _again(row: Row, pick: Pick, checked: Collection[str] | None) -> dict[str, Any]:
    """How a confirmed row is shown that is asked about once more."""
    if checked is None or row.id in checked:
        return {}
    present = {tag.label_id for tag in row.tags}
    rejected = [*row.rejected, *(label_id for label_id in pick.doubted if label_id not in {*present, *row.rejected})]
    return {"state": "open", "rejected": rejected}


def header(store: Store, asked: Queue, session: Session, *, n_open: int) -> None:
    """What the labels so far brought, in a line; and a way on when all picks are judged."""
    measured = curve.newest(store)
    said = [] if measured is None else [messages.escape(curve.hint(measured))]
    if measured is not None and measured["n_since"]:
        said.append(f"Measured {widgets.counted(measured['n_since'], 'label')} ago.")
    if asked.audit is not None:
        said.append(_audit(asked.audit))
    if said:
        st.caption(" ".join(said))
    if asked.picks and not n_open:
        row = st.container(horizontal=True, vertical_alignment="center")
        row.write("All of these are reviewed. Train on them, or go on.")
        row.button("Ask for more", on_click=session.unpin)


def learning_curve(session: Session, job: JobRow | None, *, disabled: bool) -> None:
    """How the score grew with the labels, and a button that measures it.

    Parameters
    ----------
    job : the newest job if it measured the curve; how it stands is shown beside the button.
    """
    measured = curve.newest(session.store)
    missing = curve.n_missing(session.store)
    with st.expander("Learning curve", key="learning_curve", expanded=job is not None and job.state != "done"):
        if measured is None:
            st.caption("How much did your labels bring, and is it time to stop? This trains on ever more of them.")
        else:
            from tagger.ui.charts import learning_curve as chart  # noqa: PLC0415 - a third of a second to import

            st.plotly_chart(chart(measured), key="curve", config={"displayModeBar": False})
            st.markdown(messages.escape(curve.hint(measured)))
            why_not = curve.why_no_projection(measured)
            if why_not is not None:
                st.caption(why_not)
            since = measured["n_since"]
            st.caption(
                "Each point learns from the labels given first and is scored on all reviewed descriptions, out of "
                "fold. Bars: the range that holds the true score 95 times in 100."
                + (f" {widgets.counted(since, 'description')} reviewed since." if since else "")
                + (FROM_STARTER if measured.get("starter_knows") else "")  # older curves do not say
            )
        if job is not None and job.running:
            widgets.show_job(session, job)
            return
        row = st.container(horizontal=True, vertical_alignment="center")
        title = "Measure the learning curve" if measured is None else "Measure again"
        if row.button(title, disabled=disabled or missing > 0):
            with messages.user_errors():
                session.jobs.start(curve.KIND, lambda progress: curve.measure(session.store, progress))
                st.rerun()
        if missing:
            row.caption(f"Review {widgets.counted(missing, 'more description')} first.", width="content")
        if job is not None:
            widgets.show_job(session, job)


def _audit(score: AuditScore) -> str:
    return (
        f"On {widgets.counted(score.n_transactions, 'random pick')}, not chosen by the queue: "
        f"micro F1 {widgets.number(score.micro_f1)}, macro F1 {widgets.number(score.macro_f1)}."
    )
