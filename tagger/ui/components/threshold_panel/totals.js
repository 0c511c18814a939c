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
    this.heldOut = make("small", "held-out");
    this.measured = make("small", "measured");
    const given = make("div", "given", this.everywhere,
      make("div", "pair", make("span", "", this.given, " tags", this.givenDelta), make("span", "", this.untagged, " without a tag", this.untaggedDelta)),
      this.truth, this.heldOut, this.measured);
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
    const { heldOut } = state;
    const moved = heldOut?.by_hand ? `, ${count(heldOut.by_hand)} moved by hand as they stand` : "";
    write(this.heldOut, heldOut ? `Held out: F1 micro ${show(heldOut.micro)}, macro ${show(heldOut.macro)}${moved}` : "");
    this.heldOut.title = "Every row cut at thresholds that the tags' goals chose without it: what to expect of descriptions never seen.";
    write(this.measured, `Measured ${state.measuredOn}, ${upTo}${count(most)} judged rows`);
  }

  /** What follows the sliders. */
  update() {
    const now = totals(this.cards.map((card) => card.measure));
    const isExact = this.cards.every((card) => card.seen === card.label.threshold);
    for (const kind of ["micro", "macro"]) {
      for (const metric of METRICS) {
        const cell = this.figures[kind][metric];
        const value = now[kind][metric];
        write(cell.value, show(value));
        writeScoreDelta(cell.delta, value, this.saved[kind][metric]);
        const ends = this.state.intervals[kind][metric];
        const before = this.exact?.[kind][metric] ?? value;
        if (isExact || !ends || value === null) writeSpan(cell.range, value === null ? null : ends, true);
        else writeSpan(cell.range, shifted(ends, value - before), false);
        this.figures[kind].row.dataset[metric] = exact(value);
      }
    }
    if (isExact) this.exact = now;
    this.updateEverywhere(isExact);
    const given = now.micro.tp + now.micro.fp;
    const positives = now.micro.tp + now.micro.fn;
    write(this.truth, `On judged rows ${tags(given)} given, ${count(positives)} true`);
  }

  /** All transactions: tags follow from each label's own counts; who is left without one does not, until Python counts. */
  updateEverywhere(isExact) {
    const { shown, shownSaved, nRows } = this.state;
    let given = shownSaved.tags;
    let untagged = shown.untagged;
    for (const card of this.cards) {
      given += card.gained;
      untagged += card.moreUntagged;
    }
    untagged = Math.min(nRows, Math.max(0, untagged));
    write(this.given, count(given));
    write(this.givenDelta, showDelta(given, shownSaved.tags, 0));
    const share = nRows ? untagged / nRows : 0;
    write(this.untagged, `${isExact ? "" : "\u2248 "}${percent(share)}`);
    this.untagged.dataset.rows = String(untagged);
    const change = 100 * (share - (nRows ? shownSaved.untagged / nRows : 0));
    write(this.untaggedDelta, Number(Math.abs(change).toFixed(1)) ? `${change > 0 ? "+" : "\u2212"}${Math.abs(change).toFixed(1)}` : "");
  }
}

/** An interval moved along with its value. */
function shifted(ends, by) {
  return ends.map((end) => clamp(end + by));
}
