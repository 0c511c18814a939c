"""Pieces that several screens share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NoReturn, cast

import streamlit as st

from tagger.labels.labelset import Label
from tagger.services import review, tagging
from tagger.services.progress import Progress
from tagger.services.review import Row
from tagger.storage.jobs import JobRow
from tagger.storage.runs import STARTER
from tagger.ui.components.operations import Operation, Outcome
from tagger.ui.components.transaction_list import (
    Color,
    ListDay,
    ListLabel,
    ListRow,
    ListTag,
    Source,
)
from tagger.ui.messages import escape, user_errors
from tagger.ui.session import Session

SYMBOLS = {"GBP": "£", "USD": "$", "EUR": "€", "INR": "₹", "JPY": "¥", "ZAR": "R"}
JOB_NAMES = {
    "import": "Import",
    "remove": "Removal",
    "tag": "Tagging",
    "train": "Training",
    "curve": "The learning curve",
    "experiments": "The experiment",
}


def number(value: float | None) -> str:
    """A score as it is shown everywhere; undefined is n/a, never 0 or 1."""
    return "n/a" if value is None else f"{value:.3f}"


def counted(n: int, thing: str) -> str:
    """`1 transaction`, `2 transactions`."""
    return f"{n:,} {thing}" + ("" if n == 1 else "s")


def tiles(figures: Mapping[str, str], *, helps: Mapping[str, str] | None = None) -> None:
    """Figures side by side; on a phone they wrap instead of filling the screen one by one."""
    row = st.container(horizontal=True, gap="medium")
    for title, figure in figures.items():
        row.metric(title, figure, help=(helps or {}).get(title), width=150)


def run_title(run_id: str, created_at: datetime | None = None) -> str:
    """A run as people call it."""
    if created_at is None:
        return "the starter" if run_id == STARTER else run_id
    return f"Run of {created_at.day} {created_at:%b %Y, %H:%M} UTC"


def money(amount: str | None, currency: str) -> str:
    """An amount ready to read: real minus, symbol, thousands."""
    if amount is None:
        return ""
    value = Decimal(amount)
    sign = "−" if value < 0 else ""
    symbol = SYMBOLS.get(currency, f"{currency} " if currency else "")
    digits = max(2, -int(value.as_tuple().exponent)) if currency != "JPY" else 0
    return f"{sign}{symbol}{abs(value):,.{digits}f}"


def day_title(on: date | None) -> str:
    return "No date" if on is None else f"{on:%A} {on.day} {on:%B} {on.year}"


def list_labels(labels: Sequence[Label]) -> list[ListLabel]:
    return [ListLabel(label.id, label.name, cast("Color", label.color)) for label in labels]


def list_days(rows: Sequence[Row], *, tagging: bool = True) -> list[ListDay]:
    """Rows under their days, in the order in which they come.

    Parameters
    ----------
    tagging : rows without suggestions will get some; False where tagging gave up.
    """
    days: dict[str, list[ListRow]] = {}
    for row in rows:
        sign = 0 if row.amount is None else (Decimal(row.amount) > 0) - (Decimal(row.amount) < 0)
        days.setdefault(day_title(row.on), []).append(
            ListRow(
                id=row.id,
                description=row.description,
                amount=money(row.amount, row.currency),
                sign=1 if sign > 0 else -1 if sign < 0 else 0,
                tags=[
                    ListTag(tag.label_id, cast("Source", tag.source), tag.probability, tag.count, tag.conflict)
                    for tag in row.tags
                ],
                rejected=row.rejected,
                state="confirmed" if row.confirmed else "waiting" if row.waiting and tagging else "open",
                account=row.account,
                note="" if not row.waiting else "Tagging…" if tagging else "No suggestions",
            )
        )
    return [ListDay(title, day_rows) for title, day_rows in days.items()]


def list_ranked(rows: Sequence[Row], title: str, *, tagging: bool = True) -> list[ListDay]:
    """Rows in an order other than that of days, under one heading, each with its date."""
    ranked = [
        replace(each, account=" · ".join(filter(None, (_short_date(row), each.account))))
        for row in rows
        for day in list_days([row], tagging=tagging)
        for each in day.rows
    ]
    return [ListDay(title, ranked)] if ranked else []


def _short_date(row: Row) -> str:
    return "No date" if row.on is None else f"{row.on.day} {row.on:%b %Y}"


def store_operations(session: Session, operations: Sequence[Operation]) -> Outcome:
    """Put what the list sent on disk, and answer it."""
    return Outcome(*review.apply(session.store, operations))


def job_status(session: Session, kinds: Sequence[str]) -> JobRow | None:
    """Show how the newest job stands, if it is of these kinds: its progress and a stop button, or how it ended."""
    latest = newest_job(session, kinds)
    if latest is not None:
        with st.container(border=True, key="job_frame") if latest.running else nullcontext():
            show_job(session, latest)
    return latest


def newest_job(session: Session, kinds: Sequence[str]) -> JobRow | None:
    """The job that was started last, if it is of these kinds."""
    latest = session.jobs.latest()
    return latest if latest is not None and latest.kind in kinds else None


def show_job(session: Session, shown: JobRow, *, curve: bool = False) -> None:
    """How a job stands, at this place of the page.

    While it runs only this piece of the page is drawn again; when it ends, the page is.

    Parameters
    ----------
    curve : draw the training curve of a feed-forward head below.
    """
    if not shown.running:
        _ending(session, shown)
        return

    @st.fragment(run_every=1.0)
    def watch() -> None:
        job = session.jobs.latest()
        if job is None or not job.running:
            st.rerun()
        progress = session.jobs.progress(job.id)
        if job.kind == "import" and progress is not None and session.stage != progress.message:
            # Stored rows can be looked at while they are tagged.
            session.stage = progress.message
            st.rerun()
        with st.container(horizontal=True, vertical_alignment="center", key="job"):
            text, share = _progress_text(job, progress)
            st.progress(share, text=text)
            if st.button("Stop", key="stop_job", disabled=job.cancel_requested):
                session.jobs.cancel(job.id)
        if curve and progress is not None and progress.curve:
            # Plotly takes a third of a second to import; only this screen needs it.
            from tagger.ui.charts import CURVES, training_curve  # noqa: PLC0415

            for place, (what, title) in zip(st.columns(2), CURVES.items(), strict=True):
                place.caption(title)
                chart = training_curve(progress.curve, what)
                place.plotly_chart(chart, key=what, config={"displayModeBar": False})

    watch()


def _ending(session: Session, job: JobRow) -> None:
    """Say how a job ended, if it did not end well."""
    name = JOB_NAMES.get(job.kind, job.kind)
    error = job.error or {"message": "", "hint": ""}
    refused = (job.result or {}).get("refused", ())
    if job.state == "cancelled":
        st.info(f"**{name} was stopped.** {escape(error['hint'])}", icon=":material/stop_circle:")
    elif job.state == "interrupted":
        st.warning(
            f"{name} was interrupted when the app closed. What is here is whole; start it again when you are ready.",
            icon=":material/warning:",
        )
    elif job.state == "failed":
        st.error(f"**{escape(error['message'])}** {escape(error['hint'])}", icon=":material/error:")
    elif refused:
        st.warning(f"**Some rows have no tags.** {escape(' '.join(refused))}", icon=":material/warning:")
    if tagging.gave_up(job) and st.button("Tag the rest", key="tag_rest"):
        with user_errors():
            tagging.start_tagging(session.store, session.jobs)
            st.rerun()


def _progress_text(job: JobRow, progress: Progress | None) -> tuple[str, float]:
    done, total = (progress.done, progress.total) if progress else (job.done, job.total)
    message = escape((progress.message if progress else job.message) or JOB_NAMES.get(job.kind, job.kind))
    share = min(1.0, done / total) if total else 0.0
    if job.cancel_requested:
        message = "Stopping"
    elif job.kind in {"train", "experiments"}:
        message += _time_left(job, share)
    elif total:
        message += f" · {done:,} of {total:,}"
    return message, share


def _time_left(job: JobRow, share: float) -> str:
    """A guess from the pace so far, once there is one."""
    passed = (datetime.now(UTC).replace(tzinfo=None) - job.started_at).total_seconds()
    if passed < 10 or share < 0.02:
        return ""
    left = passed / share - passed
    return f" · about {left:.0f} s left" if left < 90 else f" · about {left / 60:.0f} min left"


def empty(title: str, text: str, *ways: tuple[str, str]) -> NoReturn:
    """A screen without anything to show yet: what is missing, and the ways on (label and page), the first one best."""
    st.subheader(title, anchor=False)
    st.write(text)
    row = st.container(horizontal=True)
    for position, (label, page) in enumerate(ways):
        if row.button(label, type="primary" if position == 0 else "secondary"):
            st.switch_page(page)
    st.stop()


GET_STARTED = (("Upload a statement", "pages/upload.py"), ("Try the sample data", "pages/home.py"))


def confirm(question: str, consequences: str, button: str, action: Callable[[], object]) -> None:
    """Ask before something that removes."""

    @st.dialog(question)
    def ask() -> None:
        st.write(consequences)
        row = st.container(horizontal=True)
        if row.button(button, type="primary", key="confirmed"):
            with user_errors():
                action()
                st.rerun()
        if row.button("Cancel"):
            st.rerun()

    ask()
