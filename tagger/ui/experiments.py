"""The Experiments page's pieces: which tries, how long they take, and what they found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from tagger.learning.recipe import Recipe
from tagger.services import experiments
from tagger.services.comparing import ENOUGH
from tagger.services.experiments import Plan
from tagger.services.tries import AXES, DEFAULT_AXES
from tagger.ui import messages, widgets
from tagger.ui.recipes import BESIDES, EMBEDDINGS, HEADS
from tagger.ui.session import Session

SETS = {"One at a time": "grid", "Layers": "heads", "Combinations": "combinations"}
ABOUT = {
    "grid": "The current setting, with one thing changed at a time: pooling, features, head, thresholds.",
    "heads": "The original feed-forward net (128 and 64 units), with one thing changed at a time: depth, width, "
    "dropout, activation, normalization, residual connections, class weights; and the logistic head beside it.",
    "combinations": "Everything that these can be combined to. The more there is, the longer it takes.",
}
_OLD = ":material/history:"
AXIS_NAMES = dict(zip(AXES, ("Pooling", "Features", "Head", "Thresholds"), strict=True))


def choose(*, disabled: bool) -> tuple[str, list[str]]:
    """The set of tries, and what is combined."""
    picked = st.segmented_control(
        "Tries", list(SETS), default=next(iter(SETS)), required=True, key="set", disabled=disabled
    )
    kind = SETS[picked]
    st.caption(ABOUT[kind])
    axes = list(DEFAULT_AXES)
    if kind == "combinations":
        axes = st.pills(
            "Combine",
            AXES,
            selection_mode="multi",
            default=DEFAULT_AXES,
            format_func=AXIS_NAMES.__getitem__,
            disabled=disabled,
        )
    return kind, axes or list(DEFAULT_AXES)


def nothing_yet(plan: Plan) -> None:
    """What to do first where too little was reviewed."""
    if not plan.is_enough:
        so_far = f"Reviewed so far: {plan.n_groups:,}." if plan.n_groups else "Nothing is reviewed yet."
        widgets.empty(
            "Too little to compare yet",
            f"Settings are compared on transactions that you reviewed. It takes {ENOUGH} different "
            f"descriptions to tell them apart. {so_far}",
            ("Review", "pages/review.py"),
        )


def how_long(plan: Plan, *, complete: bool) -> str:
    """How many settings there are to try, and roughly how long that takes."""
    if complete:
        return f"All {plan.n_tries:,} settings are measured."
    if not plan.n_left:
        return f"{plan.n_tries:,} settings, all measured before: no time at all."
    fits = widgets.counted(plan.n_fits, "fit")
    if plan.n_left == plan.n_tries:
        return f"{plan.n_tries:,} settings in {fits}, {_roughly(plan.seconds)}."
    return f"{plan.n_left:,} of {plan.n_tries:,} settings are left, in {fits}, {_roughly(plan.seconds)}."


def result(report: Mapping[str, Any]) -> None:
    """The differences as a plot and as a table, and what they were measured on."""
    reference, tries = report["reference"], report["tries"]
    macro, micro = (widgets.number(reference[name]["f1"]) for name in ("macro", "micro"))
    rows = widgets.counted(report["n_transactions"], "transaction")
    descriptions = widgets.counted(report["n_groups"], "description")
    st.write(
        f"Compared with **{messages.escape(reference['name'])}** ({_described(reference['recipe'])}): "
        f"macro F1 {macro}, micro F1 {micro}."
    )
    st.caption(
        f"Out of fold on {rows} with {descriptions} never seen in training; the same {report['n_folds']} folds for all."
        + (f" Not measured yet: {report['n_left']:,} of {report['n_tries']:,} settings." if report["n_left"] else "")
    )
    _notes(report)
    if not tries:
        return
    # Plotly takes a third of a second to import.
    from tagger.ui.charts import differences  # noqa: PLC0415

    st.plotly_chart(differences(tries), key="differences", config={"displayModeBar": False})
    st.caption(
        "Macro F1 more or less than the setting compared with, and the range that holds the true difference 95 times "
        "in 100. Filled: better (blue) or worse (orange) beyond chance. Hollow: may be chance."
    )
    _luck(reference, tries)
    _table(reference, tries)


def use(session: Session, report: Mapping[str, Any]) -> None:
    """Hand one of the settings to Train."""
    if not report["tries"]:
        return
    by_name = {each["name"]: each["recipe"] for each in (report["reference"], *report["tries"])}
    row = st.container(horizontal=True, vertical_alignment="bottom")
    offered = _offered(report)
    # A choice stays until another setting is offered beforehand.
    name = row.selectbox(
        "Setting", list(by_name), index=list(by_name).index(offered), width=320, key=f"chosen:{report['set']}:{offered}"
    )
    if row.button("Use this setting", help="Fill it in on Train, where a run can be made with it."):
        session.wanted = (name, Recipe.from_dict(by_name[name]))
        st.switch_page("pages/train.py")
    row.download_button(
        "Export table",
        data=lambda: experiments.as_csv(report),
        file_name=f"experiments-{report['set']}.csv",
        mime="text/csv",
        icon=":material/download:",
    )


def _offered(report: Mapping[str, Any]) -> str:
    """The best setting that is better than the current one beyond chance; where there is none, the current one."""
    compared_with: str = report["reference"]["name"]
    if report["current"] not in {None, compared_with}:
        return str(report["current"])  # the differences are those to another setting, and say nothing of this one
    intervals = ((each["name"], each["change"]["macro"]["interval"]) for each in report["tries"])
    return next((name for name, interval in intervals if interval is not None and interval[0] > 0), compared_with)


def _notes(report: Mapping[str, Any]) -> None:
    if report["n_since"]:
        reviewed = widgets.counted(report["n_since"], "transaction")
        st.warning(f"{reviewed} reviewed or corrected since. Run the tries again to count them in.", icon=_OLD)
    elif not report["is_current"]:
        st.warning("Your transactions, your tags or the setting in use changed since. Run the tries again.", icon=_OLD)


def _luck(reference: Mapping[str, Any], tries: list[dict[str, Any]]) -> None:
    intervals = (each["change"]["macro"]["interval"] for each in tries)
    if not any(interval is not None and interval[0] > 0 for interval in intervals):
        st.markdown(f"**None is better than {messages.escape(reference['name'])} beyond chance.**")
    elif len(tries) > 1:
        st.info(
            f"**The best of {len(tries)} is partly luck.** Each of them has one chance in twenty to look different "
            "without being so, and whichever comes first was helped by chance. Take a setting that is better beyond "
            "chance and plausible to you; the fair test is a run on Train after you reviewed more transactions.",
            icon=":material/casino:",
        )


def _table(reference: Mapping[str, Any], tries: list[dict[str, Any]]) -> None:
    place = next((at for at, each in enumerate(tries) if (each["change"]["macro"]["change"] or 0.0) < 0), len(tries))
    rows = []
    for each in (*tries[:place], reference, *tries[place:]):
        change = each["change"]["macro"] if "change" in each else {"change": None, "interval": None}
        is_reference = each is reference
        rows.append(
            {
                "Setting": each["name"],
                "Difference": "–" if is_reference else signed(change["change"]),
                "95 %": "–" if is_reference else _interval(change["interval"]),
                "Macro F1": widgets.number(each["macro"]["f1"]),
                "Micro F1": widgets.number(each["micro"]["f1"]),
                "Seconds": f"{each['seconds']:,.1f}",
            }
        )
    st.dataframe(
        {name: [row[name] for row in rows] for name in rows[0]},
        hide_index=True,
        key="tries",
        height="content",
        column_config={name: st.column_config.TextColumn(alignment="right") for name in rows[0] if name != "Setting"},
    )
    st.caption(
        "Seconds: fitting all folds. Settings that differ in thresholds alone share one fit; the first of several "
        "layers also prepares the words for the others."
    )


def signed(change: float | None) -> str:
    """`+0.012` with a real minus; n/a where there is none."""
    return "n/a" if change is None else f"{change:+.3f}".replace("-", "−")


def _described(recipe: Mapping[str, Any]) -> str:
    """What a setting looks at and learns with, in a few words."""
    names = {part: name for name, part in (*EMBEDDINGS.items(), *BESIDES.items()) if part}
    read = [names[part] for part in recipe["features"].split("+")]
    read = ["both poolings" if name == "Both" else f"{name[:1].lower()}{name[1:]}" for name in read]
    kind = {kind: name for name, kind in HEADS.items()}[recipe["head"]["kind"]].lower()
    return messages.escape(f"{', '.join(read)}; {kind} head; {recipe['thresholds']} thresholds")


def _interval(interval: list[float] | None) -> str:
    return "n/a" if interval is None else " to ".join(signed(end) for end in interval)


def _roughly(seconds: float) -> str:
    """A guess that does not look like more."""
    if seconds < 45:
        return "less than a minute"
    minutes = seconds / 60
    return f"about {minutes:.0f} min" if minutes >= 1.5 else "about a minute"
