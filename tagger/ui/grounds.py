"""Why a transaction has its tags: a panel over the list."""

from __future__ import annotations

import html

import streamlit as st

from tagger.errors import NotFoundError
from tagger.services import why
from tagger.services.review import rows
from tagger.services.store import Store
from tagger.services.view import View
from tagger.services.why import CONFIRMED, REJECTED, REMEMBERED, UNKNOWN, Because, Near, Why
from tagger.ui.messages import escape, user_errors
from tagger.ui.widgets import counted

STRONG = 4.0  # log-odds; a word that adds this much takes .12 to .88 and is painted in full
MUCH, LITTLE = 2.0, 0.5  # log-odds; .5 becomes .88, and .62
STYLE = """<style>
.why-words { display: flex; flex-wrap: wrap; gap: 0.35rem; }
.why-words div { display: grid; justify-items: center; padding: 0.2rem 0.5rem; border-radius: 0.4rem; line-height: 1.35;
  max-width: 100%; overflow-wrap: anywhere;
  border: 1px solid color-mix(in srgb, currentColor 18%, transparent);
  border-bottom: calc(1px + var(--strength) * 5px) var(--line) var(--tone);
  background: color-mix(in srgb, var(--tone) calc(var(--strength) * 45%), transparent); }
.why-words i { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.why-words small { font-variant-numeric: tabular-nums; opacity: 0.8; }
.why-near { display: grid; gap: 0.5rem; }
.why-near div { display: grid; grid-template-columns: 1fr auto; column-gap: 1rem; line-height: 1.4; }
.why-near bdi { overflow-wrap: anywhere; }
.why-near small { opacity: 0.8; grid-column: 1; }
.why-near span { font-variant-numeric: tabular-nums; }
</style>"""


@st.dialog("Why this tag", width="medium")
def show(store: Store, transaction_id: str) -> None:
    """The grounds of each tag, one at a time; also of tags that the transaction has not."""
    with user_errors():
        view = store.view()
        found = rows(view, [transaction_id])
        if not found:
            raise NotFoundError("This transaction is not there any more.", hint="Its import may have been undone.")
        st.markdown(f"**{escape(found[0].description) or '(no description)'}**")
        name = _one_of(view, transaction_id)
        if name is not None:
            with st.spinner("Leaving out each word…", show_time=False):
                asked = why.explain(store, view, transaction_id, name)
            st.html(STYLE)
            _because(asked.tags[0])
            _near(asked)


def _one_of(view: View, transaction_id: str) -> str | None:
    """Which tag is asked about: those shown first, then the likeliest others."""
    shown, others = why.tags_of(view, transaction_id)
    return st.selectbox(
        "Tag",
        [*shown, *others],
        format_func=lambda name: name if name in shown else f"{name} (not shown)",
        label_visibility="collapsed",
    )


def _because(asked: Because) -> None:
    st.markdown(_said(asked))
    if asked.words:
        st.html(_words(asked))
        st.caption(
            "Under each word stands the probability without it. The thicker its line, the more the word says: a solid "
            "line for the tag, a dashed one against it."
        )
    if asked.amount is not None and abs(asked.amount) >= 0.1:
        st.caption(f"Its amount speaks {'for' if asked.amount > 0 else 'against'} it.")


def _said(asked: Because) -> str:
    name = f"**{escape(asked.label)}**"
    model = ""
    if asked.probability is not None and asked.threshold is not None:
        model = f" The model alone says {asked.probability:.2f}; it suggests the tag from {asked.threshold:.2f} on."
    if asked.source == CONFIRMED:
        return f"{name} was confirmed for this transaction.{model}"
    if asked.source == REJECTED:
        return f"{name} was judged wrong for this transaction.{model}"
    if asked.source == REMEMBERED:
        return (
            f"Remembered: {asked.n_yes:,} of {counted(asked.n_equal, 'reviewed row')} with this description "
            f"{'has' if asked.n_yes == 1 else 'have'} {name}.{model}"
        )
    if asked.source == UNKNOWN or asked.probability is None or asked.threshold is None:
        return f"No run knows {name} yet. Train once some transactions have it."
    relation = "at or above" if asked.present else "below"
    return f"The model says {asked.probability:.2f} for {name}, {relation} its threshold of {asked.threshold:.2f}."


def _words(asked: Because) -> str:
    """Each word by color, by the line under it, and, for screen readers and as a tooltip, in words."""
    entries = []
    for word in asked.words:
        tone, line = ("#0d7a9e", "solid") if word.weight > 0 else ("#d9730d", "dashed")
        strength = min(1.0, abs(word.weight) / STRONG)
        says = _weight(word.weight)
        entries.append(
            f'<div role="listitem" title="{says}" style="--tone: {tone}; --line: {line}; --strength: {strength:.2f}">'
            f"<bdi>{html.escape(word.text)}</bdi><i>{says}, without it</i><small>{word.without:.2f}</small></div>"
        )
    return f'<div class="why-words" role="list" aria-label="Probability without each word">{"".join(entries)}</div>'


def _weight(weight: float) -> str:
    size = abs(weight)
    much = "strongly " if size >= MUCH else "" if size >= LITTLE else "a little "
    return f"speaks {much}{'for' if weight > 0 else 'against'} it"


def _near(asked: Why) -> None:
    st.markdown("**Nearest reviewed transactions**")
    if not asked.nearest:
        st.caption("Nothing is reviewed yet, or its description is not read yet.")
        return
    st.caption("How alike they read: 1 is the same.")
    st.html(f'<div class="why-near" role="list">{"".join(map(_entry, asked.nearest))}</div>')


def _entry(near: Near) -> str:
    tags = ", ".join(near.tags) or "no tag"
    like = f" · {counted(near.n_rows, 'row')} like it" if near.n_rows > 1 else ""
    return (
        f'<div role="listitem"><bdi>{html.escape(near.description)}</bdi><span>{near.similarity:.2f}</span>'
        f"<small>{html.escape(tags)}{like}</small></div>"
    )
