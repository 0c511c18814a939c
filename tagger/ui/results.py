"""After a training: what it brought, what the run scores, and how it compares with another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from tagger.services import changes, comparing, runs
from tagger.services.pairs import Pair, pair
from tagger.services.runs import Listed
from tagger.services.store import Store
from tagger.storage.runs import STARTER, RunRow
from tagger.ui import messages, widgets
from tagger.ui.session import Session

NO_NUMBER = "n/a"


def beside(session: Session, run_id: str, with_run_id: str | None = None) -> Pair:
    """A run beside another (default: the one in use), worked out once for as long as nothing changes."""
    store = session.store
    moment = (*store.db.revision("transactions", "judgements", "labels", "runs"), store.view().tagging.n_waiting)
    return _beside(store, str(store.settings.home), moment, run_id, with_run_id)


# Streamlit leaves names that begin with an underscore out of the key.
@st.cache_resource(max_entries=3, show_spinner=False)
def _beside(_store: Store, home: str, moment: tuple[int, ...], run_id: str, with_run_id: str | None) -> Pair:  # noqa: ARG001
    return pair(_store, run_id, with_run_id)


REPEATS_ENOUGH = 0.1  # of reviewed rows; those that the queue picked repeat no other


def titles(known: Sequence[Listed]) -> dict[str, str]:
    """What each run is called; two of one minute are told apart by the end of their ids."""
    names = {run.id: widgets.run_title(run.id, None if run.id == STARTER else run.created_at) for run in known}
    return {
        run_id: name if list(names.values()).count(name) == 1 else f"{name} ({run_id[-6:]})"
        for run_id, name in names.items()
    }


def decide(session: Session, run: RunRow, compared: Mapping[str, Any], *, disabled: bool) -> None:
    """Promote or discard. A run that is worse is promoted only after asking, with both numbers."""
    if compared["worse"]:
        st.warning(
            f"**This run scores lower than the one in use.** {messages.escape(compared['worse_because'])}",
            icon=":material/trending_down:",
        )
    row = st.container(horizontal=True)
    told = "Tag with this run from now on."
    if not compared["worse"]:
        row.button("Promote", type="primary", help=told, on_click=promote, args=(session, run.id), disabled=disabled)
    elif row.button("Promote", help=told, disabled=disabled):
        ask_to_promote(session, run.id, compared["worse_because"])
    names = titles(runs.listed(session.store))
    row.button("Discard", on_click=messages.callback(discard), args=(session, run.id, names), disabled=disabled)


def ask_to_promote(session: Session, run_id: str, because: str) -> None:
    """A run that is worse is used only after a second yes, with both numbers before one's eyes."""
    widgets.confirm(
        "Use a run that scores lower?",
        f"{messages.escape(because)} Measured on reviewed transactions whose descriptions neither run learned from. "
        "You can roll back at any time.",
        "Use it anyway",
        lambda: runs.promote(session.store, run_id),
    )


@messages.callback
def promote(session: Session, run_id: str) -> None:
    """Use a run from now on. A callback: whoever clicks and leaves the page has clicked."""
    runs.promote(session.store, run_id)
    st.toast("The run is in use and tags from now on.", icon=":material/check:")


def discard(session: Session, run_id: str, names: Mapping[str, str]) -> None:
    """Throw a run away, and say which one gives the tags now."""
    told = tags_without(session, run_id, names)
    runs.discard(session.store, run_id)
    st.toast(f"Run discarded. {told}", icon=":material/delete:")


def tags_without(session: Session, run_id: str, names: Mapping[str, str], *, now: str = "now") -> str:
    """Which run gives the tags once this one is discarded, in one sentence."""
    left = runs.successor(session.store, run_id)
    name = names.get(left.run_id or "", "")
    # In a sentence "Run of 3 May" has its article.
    return messages.escape(left.line(name if left.is_starter else f"the {name[:1].lower()}{name[1:]}", now=now))


def bought(run: RunRow) -> None:
    """The one line that says what a training brought."""
    line = run.summary.get("bought", {}).get("line")
    if line:
        st.markdown(f"**{messages.escape(line)}**")


def result(run: RunRow, *, is_current: bool) -> None:
    """What a run scores, and on what that was measured."""
    summary = run.summary
    st.subheader(widgets.run_title(run.id, run.created_at) + (" · in use" if is_current else ""), anchor=False)
    bought(run)
    never_seen, later = st.columns(2)
    with never_seen.container(border=True, height="stretch"):
        st.markdown("**On descriptions never seen in training**")
        _figures(summary, summary.get("intervals"))
        st.caption(
            f"{summary['n_transactions']:,} transactions, {summary['n_groups']:,} descriptions, out of fold, at "
            f"thresholds chosen without them. {_scored(summary)}{_untuned(summary)}"
        )
        _rows(summary)
        _neighbors(summary)
    with later.container(border=True, height="stretch"):
        st.markdown("**On a random later batch**")
        later_batch, took = summary["later_batch"], f"Training took {summary['seconds']['total']:.1f} s."
        share = later_batch["share_remembered"]
        if share is None or share < REPEATS_ENOUGH:
            st.caption(
                "Next month's statement repeats much of this one, and what repeats is remembered. Your reviewed "
                f"transactions hardly repeat each other ({share or 0:.0%}), so how good that is cannot be told from "
                f"them. {took}"
            )
            return
        _figures(later_batch, None)
        st.caption(f"{_scored(later_batch)} {took}")
        _sources(later_batch)
        st.caption(
            "Descriptions that differ from a reviewed one only in a number are scored as merchants never seen: for "
            "statements with store or receipt numbers this is a lower bound."
        )


def per_tag(run: RunRow) -> None:
    """The scores of each tag with their intervals, folded away."""
    with st.expander("Per tag"):
        rows = []
        for row in run.summary["labels"]:
            interval = row.get("interval", {})
            scores: dict[str, Any] = {"Tag": row["label"], "Examples": row["support"]}
            for title, name in (("F1", "f1"), ("Precision", "precision"), ("Recall", "recall")):
                scores |= {title: two_digits(row[name]), f"{title} 95 %": between(interval.get(name))}
            rows.append(scores | {"Threshold": two_digits(row["threshold"])})
        _table(rows, key="per_label")
        st.caption(
            "Out of fold. 95 %: the range that holds the true score 95 times in 100, given how many different "
            "descriptions were reviewed."
        )


def compared_with(two: Pair, *, other: str, key: str) -> None:
    """Two runs on the same rows; no number where there is none to be had."""
    compared = comparing.weigh(two)
    _totals(compared, other)
    _tag_by_tag(compared, key=key)
    _changes(two, compared, key=key)
    if compared["settings"]:
        with st.expander("Settings that differ"):
            _table(
                [
                    {"Setting": row["setting"], "Before": row["before"], "After": row["after"]}
                    for row in compared["settings"]
                ],
                key=f"{key}:settings",
                aligned=(),
            )


def _totals(compared: Mapping[str, Any], other: str) -> None:
    changed = compared["changed_transactions"]
    if changed is not None:
        st.markdown(
            f"Beside {messages.escape(other)} it tags **{widgets.counted(changed, 'transaction')}** differently."
        )
    if compared["reason"] is not None:
        st.caption(f"No fair comparison with {messages.escape(other)}: {messages.escape(compared['reason'])}")
        return
    n_rows, n_groups = compared["n_transactions"], compared["n_groups"]
    if n_groups < comparing.ENOUGH and not compared["worse"]:
        few = widgets.counted(n_groups, "description")
        st.caption(f"Only {few} that neither run learned from: too few to say which run is better.")
        return
    where = f"{widgets.counted(n_rows, 'transaction')} whose descriptions neither run learned from"
    told = [_total(compared, name) for name in ("macro", "micro")]
    n_labels = sum(row["before"] is not None and row["after"] is not None for row in compared["labels"])
    st.markdown(" · ".join(told) + f", over {widgets.counted(n_labels, 'tag')} that both know, on {where}.")
    folds = "in the same folds" if compared["same_folds"] else "each in its own folds"
    st.caption(
        f"Out of fold on {widgets.counted(n_groups, 'description')}, {folds}. In brackets: the range that holds the "
        "true difference 95 times in 100; with 0 in it, the difference may be chance."
    )


def _total(compared: Mapping[str, Any], name: str) -> str:
    change = compared["change"][name]
    before, after = compared["before"][name]["f1"], compared["after"][name]["f1"]
    told = "" if change["change"] is None else f" {comparing.told(change['change'], change['interval'])}"
    return f"{name.capitalize()} F1 {widgets.number(before)} → **{widgets.number(after)}**{told}"


def _tag_by_tag(compared: Mapping[str, Any], *, key: str) -> None:
    """The largest change first; tags without an example come last."""
    rows = compared["labels"]
    if not rows:
        return
    rows = sorted(rows, key=lambda row: (not row["support"], -abs(row["change"] or 0.0), row["label"]))
    with st.expander("Tag by tag"):
        _table(
            [
                {
                    "Tag": row["label"],
                    "Examples": row["support"],
                    "Before, F1": two_digits(row["before"]),
                    "After, F1": two_digits(row["after"]),
                    "Change": NO_NUMBER if row["change"] is None else f"{row['change']:+.2f}".replace("-", "−"),
                    "Change 95 %": between(row["interval"], " to "),
                    "Gained": row["gained"],
                    "Lost": row["lost"],
                }
                for row in rows
            ],
            key=f"{key}:labels",
        )
        st.caption("Gained and lost: stored transactions that would get the tag, or lose it.")


def _changes(two: Pair, compared: Mapping[str, Any], *, key: str) -> None:
    """The transactions themselves, worked out once somebody looks."""
    opened = st.expander("Transactions whose tags change", key=f"{key}:changes", on_change="rerun")
    if not opened.open:
        return
    with opened:
        shown = st.container()
        n_pages = max(1, -(-changes.changes(two, size=0).n_rows // changes.PAGE_SIZE))
        number = 1 if n_pages == 1 else st.pagination(n_pages, key=f"{key}:page", max_visible_pages=5)
        found = changes.changes(two, start=(number - 1) * changes.PAGE_SIZE)
        with shown:
            if not found.n_rows:
                st.caption("No transaction gets other tags.")
                return
            _outcomes(found.counts, compared)
            _table(
                [
                    {
                        "After is": row.outcome,
                        "Rows": row.count,
                        "Before": list(row.before),
                        "After": list(row.after),
                        "Reviewed": list(row.reviewed or ()),
                        "Description": row.description[:200],
                    }
                    for row in found.rows
                ],
                key=f"{key}:changed",
                aligned=(),
            )


def _outcomes(counts: Mapping[str, int], compared: Mapping[str, Any]) -> None:
    told = []
    if compared["reason"] is None:
        judged = [f"{counts[outcome]:,} {outcome}" for outcome in (changes.RIGHT, changes.WRONG, changes.MIXED)]
        told.append(
            f"Of reviewed transactions, predicted without having learned them, the later run is {', '.join(judged)}"
            " (mixed: right about one tag and wrong about another)."
        )
    told.append(f"{widgets.counted(counts[changes.NOT_REVIEWED], 'transaction')} not reviewed yet would change.")
    st.caption(" ".join(told))


def between(interval: Sequence[float] | None, word: str = "–") -> str:
    """`0.71–0.88`; n/a where there is none."""
    return NO_NUMBER if interval is None else f"{interval[0]:.2f}{word}{interval[1]:.2f}".replace("-", "−")


def two_digits(value: float | None) -> str:
    return NO_NUMBER if value is None else f"{value:.2f}"


def _figures(summary: Mapping[str, Any], intervals: Mapping[str, Any] | None) -> None:
    helps = {
        "macro": "The mean of the tags' F1: every tag weighs the same.",
        "micro": "F1 of all tags together: frequent tags weigh more.",
    }
    row = st.container(horizontal=True, gap="small")
    for name, text in helps.items():
        interval = None if intervals is None else intervals[name]["f1"]
        row.metric(
            f"{name.capitalize()} F1",
            widgets.number(summary[name]["f1"]),
            delta=None if interval is None else between(interval),
            delta_color="off",
            delta_arrow="off",
            delta_description=None if interval is None else "95 %",
            help=text,
            width=135,  # two fit side by side on a phone
        )


def _rows(summary: Mapping[str, Any]) -> None:
    """Scores of whole rows, which older runs lack."""
    told = []
    if summary.get("exact_match") is not None:
        told.append(
            f"exact match {summary['exact_match']:.0%} of the {summary['n_fully_judged']:,} judged on every tag"
        )
    if summary.get("lrap") is not None:
        told.append(f"ranking (LRAP) {summary['lrap']:.2f}")
        told.append(f"coverage {summary['coverage']:.1f} tags")
    if summary.get("untagged") is not None:
        told.append(f"{summary['untagged']:.0%} without a tag")
    if told:
        line = " · ".join(told)
        st.caption(
            f"{line[:1].upper()}{line[1:]}",
            help="Exact match: all tags of a row are right. LRAP: how far up its own tags stand when all tags are "
            "ranked by probability, 1 at best. Coverage: how many tags from the top hold all of a row's own.",
        )


def _sources(later: Mapping[str, Any]) -> None:
    """Memory and the head apart, which older runs do not tell."""
    share = later["share_remembered"]
    if "remembered" not in later or share is None:
        return
    remembered, predicted = later["remembered"], later["predicted"]
    conflicts = (
        f"; {widgets.counted(remembered['n_conflicting'], 'transaction')} where verdicts disagree"
        if remembered["n_conflicting"]
        else ""
    )
    st.caption(
        f"Remembered ({share:.0%} repeats a reviewed description): micro F1 "
        f"{widgets.number(remembered['micro']['f1'])}{conflicts}. "
        f"Predicted (the rest): micro F1 {widgets.number(predicted['micro']['f1'])}."
    )


def _neighbors(summary: Mapping[str, Any]) -> None:
    """How much of a say the nearest reviewed descriptions have, which out-of-fold scores decide."""
    if "neighbors" not in summary:
        return
    share = summary["neighbors"]
    if not share:
        said = "have no vote: out of fold they did not help."
    else:
        said = "vote beside the head" + ("." if share == 1 else f" with {share:.0%} of their usual weight.")
    st.caption(f"The nearest reviewed descriptions {said}")


def _untuned(summary: Mapping[str, Any]) -> str:
    few = summary["thresholds_tuned"].count(False)
    if few == len(summary["thresholds_tuned"]):
        return " All tags have fewer than ten different examples, so their thresholds lean on what all share."
    return f" {widgets.counted(few, 'tag')} with fewer than ten different examples: threshold not tuned." if few else ""


def _scored(summary: Mapping[str, Any]) -> str:
    scored, left_out = summary["macro"]["labels_scored"], summary["macro"]["labels_left_out"]
    return f"{widgets.counted(scored, 'tag')} scored" + (
        f", {left_out:,} without both a yes and a no left out." if left_out else "."
    )


def _table(rows: Sequence[Mapping[str, Any]], *, key: str, aligned: Sequence[str] | None = None) -> None:
    """Rows as a table; what is text but a number (all columns but Tag, unless named) stands at the right."""
    names = list(rows[0])
    texts = [name for name in names if isinstance(rows[0][name], str) and name != "Tag"] if aligned is None else aligned
    whole = [name for name in names if isinstance(rows[0][name], int)]
    st.dataframe(
        {name: [row[name] for row in rows] for name in names},
        hide_index=True,
        key=key,
        column_config={name: st.column_config.TextColumn(alignment="right") for name in texts}
        | {name: st.column_config.NumberColumn(format="localized") for name in whole},
    )
