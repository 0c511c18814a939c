// One label: its chart, its slider, what it scores, what it is to reach.

const COLORS = new Set(["red", "orange", "yellow", "blue", "green", "violet", "gray"]);

class Card {
  constructor(panel, data) {
    this.panel = panel;
    this.data = data;
    this.curve = data.curve;
    this.chip = make("h3", "chip");
    this.element = make("li", "card", make("div", "head", this.chip));
  }

  get isFlat() {
    return this.curve.positives === 0;
  }

  /** What is in it, once it is needed: two hundred cards at once would take a second. */
  build() {
    if (this.chart) return;
    this.chart = new Chart(this.data);
    this.value = make("span");
    const threshold = make("p", "threshold", make("span", "", "\u2265 "), this.value);
    threshold.setAttribute("aria-hidden", "true"); // the slider says it
    this.slider = make("input");
    // Steps are taken here, so that a goal between two thousandths can be held exactly.
    Object.assign(this.slider, { type: "range", min: "0", max: "1", step: "any" });

    this.scores = {};
    const scores = make("dl", "scores");
    for (const metric of METRICS) {
      const value = make("span", "value");
      const delta = make("span", "delta");
      const range = make("span", "range");
      range.title = SPAN;
      this.scores[metric] = { value, delta, range };
      scores.append(make("div", `is-${metric}`, make("dt", "", swatch(metric), TITLES[metric]), make("dd", "", value, delta), make("dd", "", range)));
    }

    this.counts = {};
    const counts = make("p", "counts");
    for (const name of ["given", "right", "wrong", "missed"]) {
      this.counts[name] = make("b");
      counts.append(make("span", "", this.counts[name], name));
    }
    this.support = make("p", "support");
    this.heldOut = make("span", "held-out");
    this.heldOut.title = "Each judged row cut at a threshold that this goal chose without it, and scored by a head that never saw its description.";
    this.everywhere = make("span", "value");
    this.everywhereDelta = make("span", "delta");
    const everywhere = make("p", "everywhere", "All transactions: ", this.everywhere, this.everywhereDelta);
    everywhere.title = "Those that the model decides: neither judged nor answered from memory.";
    this.trust = make("p", "trust view-calibration");
    this.note = make("p", "note");

    this.goal = new GoalMenu("Goal", (text) => this.panel.giveGoals([[this, text]]));
    this.toTarget = makeButton("");
    this.toSaved = makeButton("");
    this.chip.after(threshold);
    this.element.append(this.chart.element, this.slider,
      scores, counts, make("div", "about", this.support, this.heldOut, everywhere, this.trust, this.note),
      make("div", "goto", this.goal.element, this.toTarget, this.toSaved));

    this.slider.addEventListener("input", () => this.drag());
    this.slider.addEventListener("change", () => this.panel.commit());
    this.slider.addEventListener("keydown", (event) => this.press(event));
    this.slider.addEventListener("blur", () => this.panel.flush());
    this.toTarget.addEventListener("click", () => this.panel.set([[this, this.label.target]]));
    this.toSaved.addEventListener("click", () => this.panel.reset([this]));
    this.setDisabled();
    this.write();
    this.update();
  }

  /** Take what Python says about the label, and where it says that the slider stands. */
  describe(label, threshold) {
    this.label = label;
    this.threshold = threshold;
    this.name = fold(label.name);
    this.savedMeasure = this.curve.at(label.saved);
    const color = COLORS.has(label.color) ? label.color : "gray";
    this.element.style.setProperty("--label-tint", `var(--st-${color}-background-color)`);
    this.element.style.setProperty("--label-text", `var(--st-${color}-text-color)`);
    this.element.dataset.label = label.id;
    this.element.dataset.flat = this.isFlat ? "yes" : "no";
    write(this.chip, label.name);
    this.chip.title = label.name;
    if (this.chart) this.write();
    this.update();
  }

  /** What does not follow the slider. */
  write() {
    const { label } = this;
    this.slider.setAttribute("aria-label", `Threshold for ${label.name}`);
    this.goal.select.setAttribute("aria-label", `Goal for ${label.name}`);
    const { positives } = this.curve;
    write(this.support, `${count(positives)} of ${count(this.data.judged)} judged ${positives === 1 ? "has" : "have"} it`);
    const { gap, brier } = this.data;
    write(this.trust, gap === null ? "No judged rows to compare with" : `Off by ${show(gap)} on average; Brier score ${show(brier)}`);
    write(this.note, label.note);
    this.note.hidden = !label.note;
    this.goal.set(label.goal);
    this.chart.place(label);
    this.toTarget.replaceChildren(glyph("target"), label.target === null ? "No goal value" : `Goal ${show(label.target)}`);
    this.toTarget.setAttribute("aria-label", label.target === null ? `No goal value for ${label.name}` : `Set ${label.name} to its goal ${show(label.target)}`);
    this.toSaved.replaceChildren(glyph("saved"), `Saved ${show(label.saved)}`);
    this.toSaved.setAttribute("aria-label", `Reset ${label.name} to the saved threshold ${show(label.saved)}`);
  }

  /** While the saved thresholds are looked at, nothing can be moved. */
  setDisabled() {
    this.slider.disabled = this.panel.comparing;
    for (const control of this.goal.element.querySelectorAll("select, input")) control.disabled = this.panel.comparing;
  }

  get changed() {
    return this.threshold !== this.label.saved;
  }

  /** Resetting it would change something. */
  get isOpen() {
    return this.changed || this.label.goal !== this.label.savedGoal;
  }

  /** The threshold that is looked at: the saved one while comparing. */
  get seen() {
    return this.panel.comparing ? this.label.saved : this.threshold;
  }

  /** How many transactions the model gives the label: exact at thousandths and where Python counted. */
  givenAt(threshold) {
    const { label } = this;
    if (threshold === label.saved) return label.givenSaved;
    if (threshold === label.threshold) return label.given;
    return this.data.steps[Math.round(threshold * STEPS)];
  }

  /** How many more rows are without a tag than where Python counted, if this label alone moved. */
  get moreUntagged() {
    const { alone } = this.data;
    return alone[Math.round(this.label.threshold * STEPS)] - alone[Math.round(this.seen * STEPS)];
  }

  /** Everything that follows a moving threshold. It writes text and offsets only, so nothing changes size. */
  update() {
    const { seen, savedMeasure, label } = this;
    const now = this.curve.at(seen);
    this.measure = now;
    const given = this.givenAt(seen);
    this.gained = given - label.givenSaved;
    const { dataset } = this.element;
    dataset.threshold = String(this.threshold);
    dataset.changed = this.changed ? "yes" : "no";
    if (!this.chart) return;
    for (const name of ["tp", "fp", "fn"]) dataset[name] = String(now[name]);
    const isExact = seen === label.threshold;
    METRICS.forEach((metric, i) => {
      dataset[metric] = exact(now[metric]);
      const cell = this.scores[metric];
      write(cell.value, show(now[metric]));
      writeScoreDelta(cell.delta, now[metric], savedMeasure[metric]);
      writeSpan(cell.range, now[metric] === null ? null : isExact ? label.interval[metric] : this.data.bands.at(i, seen), isExact);
    });
    write(this.counts.given, count(now.tp + now.fp));
    write(this.counts.right, count(now.tp));
    write(this.counts.wrong, count(now.fp));
    write(this.counts.missed, count(now.fn));
    write(this.value, show(seen));
    dataset.gained = String(this.gained);
    write(this.everywhere, tags(given));
    write(this.everywhereDelta, showDelta(given, label.givenSaved, 0));
    const atTarget = label.target !== null && seen === label.target;
    write(this.heldOut, atTarget ? (label.heldOut === null ? "" : `held out: F1 ${show(label.heldOut.f1)}`) : "moved by hand");
    this.chart.move(seen, now);
    this.slider.style.setProperty("--at", `calc(var(--thumb) / 2 + ${seen} * (100% - var(--thumb)))`);
    if (Number(this.slider.value) !== seen) this.slider.value = String(seen);
    this.slider.setAttribute("aria-valuetext",
      `${show(seen)}: precision ${show(now.precision)}, recall ${show(now.recall)}, F1 ${show(now.f1)}`);
    this.toSaved.disabled = this.panel.comparing || !this.isOpen;
    this.toTarget.disabled = this.panel.comparing || label.target === null || this.threshold === label.target;
  }

  /** A thousandth that reads like the saved value or the goal's is that value. */
  snap(value) {
    const rounded = round3(clamp(value));
    for (const exactly of [this.label.saved, this.label.target]) {
      if (exactly !== null && show(exactly) === show(rounded)) return exactly;
    }
    return rounded;
  }

  drag() {
    if (this.panel.comparing) return;
    this.panel.dragged = this;
    this.threshold = this.snap(Number(this.slider.value));
    this.update();
    this.panel.update();
  }

  press(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || this.panel.comparing) return;
    const steps = { ArrowUp: 0.001, ArrowRight: 0.001, ArrowDown: -0.001, ArrowLeft: -0.001, PageUp: 0.05, PageDown: -0.05 };
    let target;
    if (event.key in steps) target = round3(this.threshold) + steps[event.key];
    else if (event.key === "Home") target = 0;
    else if (event.key === "End") target = 1;
    else return;
    event.preventDefault();
    this.panel.dragged = this;
    this.threshold = this.snap(target);
    this.update();
    this.panel.update();
    this.panel.commitSoon();
  }
}
