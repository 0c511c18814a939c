// The figures above the cards: what all tags score together, and what all transactions show.

class Totals {
  constructor() {
    this.figures = { micro: {}, macro: {} };
    const head = make("tr", "", make("td", "corner", "\u00b1 vs saved"));
    for (const metric of METRICS) {
      const cell = make("th", "", TITLES[metric]);
      cell.scope = "col";
      head.append(cell);
    }
    const heldOut = make("th", "is-held-out", "F1 held out");
    heldOut.scope = "col";
    heldOut.title = HELD_OUT;
    head.append(heldOut);
    const body = make("tbody");
    this.scored = make("span");
    this.leftOut = make("span", "left-out");
    const captions = { micro: ["Micro", "all tags pooled"], macro: ["Macro", this.scored, ", ", this.leftOut] };
    for (const [kind, [title, ...caption]] of Object.entries(captions)) {
      const name = make("th", "", make("b", "", title), make("small", "", ...caption));
      name.scope = "row";
      const row = make("tr", "", name);
      for (const metric of METRICS) {
        const value = make("span", "value");
        const delta = make("span", "delta");
        const range = make("small", "range");
        range.title = SPAN;
        this.figures[kind][metric] = { value, delta, range };
        row.append(make("td", `is-${metric}`, value, delta, range));
      }
      const value = make("span", "value");
      const delta = make("span", "delta");
      this.figures[kind].heldOut = { value, delta };
      row.append(make("td", "is-held-out", value, delta, make("small", "range")));
      row.dataset.total = kind;
      this.figures[kind].row = row;
      body.append(row);
    }
    const table = make("table", "figures", make("thead", "", head), body);
    table.setAttribute("aria-label", "Totals over all tags");
    this.given = make("span", "value");
    this.givenDelta = make("span", "delta");
    this.untagged = make("span", "value");
    this.untaggedDelta = make("span", "delta");
    this.everywhere = make("span", "name");
    this.truth = make("small", "truth");
    this.byHand = make("small", "by-hand");
    this.heldNarrow = make("small", "held-narrow"); // where there is no room for a column
    this.measured = make("small", "measured");
    const given = make("div", "given", this.everywhere,
      make("dl", "pair",
        make("div", "", make("dt", "", "tags"), make("dd", "", this.given, this.givenDelta)),
        make("div", "", make("dt", "", "without a tag"), make("dd", "", this.untagged, this.untaggedDelta))),
      this.heldNarrow, this.truth, this.byHand, this.measured);
    this.element = make("section", "totals", table, given);
  }

  /** What stays during a drag. */
  describe({ state, cards }) {
    this.state = state;
    this.cards = cards;
    this.saved = totals(cards.map((card) => card.savedMeasure));
    const judged = cards.map((card) => card.data.judged);
    const most = Math.max(0, ...judged);
    const upTo = judged.some((n) => n !== most) ? "up to " : "";
    const left = cards.length - this.saved.scored;
    write(this.scored, `mean of ${tags(this.saved.scored)}`);
    write(this.leftOut, left ? `${count(left)} left out` : "none left out");
    this.leftOut.title = left ? "Without a judged row that has it and one that has it not, a tag has no F1, so macro leaves it out." : "";
    write(this.everywhere, `All ${plural(state.nRows, "transaction")}`);
    write(this.measured, `Measured ${state.measuredOn}, ${upTo}${count(most)} judged rows`);
  }

  /** What follows the sliders; `comparing`: the saved ones are looked at. */
  update({ isExact, comparing }) {
    this.comparing = comparing;
    const now = totals(this.cards.map((card) => card.measure));
    for (const kind of ["micro", "macro"]) {
      for (const metric of METRICS) {
        const cell = this.figures[kind][metric];
        const value = now[kind][metric];
        write(cell.value, show(value));
        writeScoreDelta(cell.delta, value, this.saved[kind][metric]);
        const { intervals, intervalsSaved } = this.state;
        const ends = (comparing ? intervalsSaved : intervals)[kind][metric];
        const before = this.exact?.[kind][metric] ?? value;
        if (isExact || comparing || !ends || value === null) writeSpan(cell.range, value === null ? null : ends, true);
        else writeSpan(cell.range, shifted(ends, value - before), false);
        this.figures[kind].row.dataset[metric] = exact(value);
      }
    }
    this.updateHeldOut(isExact);
    if (isExact && !comparing) this.exact = now;
    this.updateEverywhere(isExact);
    const given = now.micro.tp + now.micro.fp;
    const positives = now.micro.tp + now.micro.fn;
    write(this.truth, `On judged rows ${tags(given)} given, ${count(positives)} true`);
  }

  /** Python works these out when a slider is let go; until then they are those of before. */
  updateHeldOut(isExact) {
    const { heldOut, heldOutSaved } = this.state;
    const now = this.comparing ? heldOutSaved : heldOut;
    const near = isExact || this.comparing ? "" : "\u2248 ";
    for (const kind of ["micro", "macro"]) {
      const cell = this.figures[kind].heldOut;
      write(cell.value, now ? `${near}${show(now[kind])}` : "n/a");
      writeScoreDelta(cell.delta, now?.[kind] ?? null, heldOutSaved?.[kind] ?? null);
    }
    write(this.heldNarrow, now ? `F1 held out: micro ${near}${show(now.micro)}, macro ${near}${show(now.macro)}` : "");
    const { by_hand: byHand = 0 } = now ?? {};
    write(this.byHand, byHand ? `Held out, but ${tags(byHand)} off ${byHand === 1 ? "its goal, cut where it stands" : "their goals, cut where they stand"}` : "Held out: thresholds chosen without the row");
  }

  /** All transactions: tags follow from each label's own counts; who is left without one does not, until Python counts. */
  updateEverywhere(isExact) {
    const { shown, shownSaved, nRows } = this.state;
    let given = shownSaved.tags;
    let untagged = this.comparing ? shownSaved.untagged : shown.untagged;
    if (!this.comparing) {
      for (const card of this.cards) {
        given += card.gained;
        untagged += card.moreUntagged;
      }
    }
    untagged = Math.min(nRows, Math.max(0, untagged));
    write(this.given, count(given));
    write(this.givenDelta, showDelta(given, shownSaved.tags, 0));
    const share = nRows ? untagged / nRows : 0;
    write(this.untagged, `${isExact || this.comparing ? "" : "\u2248 "}${percent(share)}`);
    this.untagged.dataset.rows = String(untagged);
    const change = 100 * (share - (nRows ? shownSaved.untagged / nRows : 0));
    write(this.untaggedDelta, Number(Math.abs(change).toFixed(1)) ? `${change > 0 ? "+" : "\u2212"}${Math.abs(change).toFixed(1)}` : "");
  }
}

/** An interval moved along with its value. */
function shifted(ends, by) {
  return ends.map((end) => clamp(end + by));
}
