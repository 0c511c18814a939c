// One label: its chart, its slider, what it scores, what it is to reach.

const COLORS = new Set(["red", "orange", "yellow", "blue", "green", "violet", "gray"]);

class Card {
  constructor(panel, data) {
    this.panel = panel;
    this.data = data;
    this.curve = data.curve;
    this.isSolving = false; // Python is still to say where its goal leads
    this.chip = make("h3", "chip");
    this.element = make("li", "card", make("div", "head", this.chip));
  }

  /** Curves of the same label, from other rows. What Python says of it comes next. */
  take(data) {
    this.data = data;
    this.curve = data.curve;
    if (!this.chart) return;
    const before = this.chart;
    this.chart = new Chart(data);
    before.element.replaceWith(this.chart.element);
    if (this.near) this.panel.wanted.push(this);
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
    this.heldOut.title = HELD_OUT;
    this.everywhere = make("span", "value");
    this.everywhereDelta = make("span", "delta");
    const everywhere = make("p", "everywhere", "All transactions: ", this.everywhere, this.everywhereDelta);
    this.everywhereBox = everywhere;
    this.trust = make("p", "trust view-calibration");
    this.note = make("p", "note");
    this.aboutGoal = make("p", "about-goal");

    this.goal = new GoalMenu("Goal", (text) => this.panel.giveGoals([[this, text]]));
    this.toTarget = makeButton("");
    this.toSaved = makeButton("");
    this.chip.after(threshold);
    this.element.append(this.chart.element, this.slider,
      scores, counts, make("div", "about", this.support, this.heldOut, everywhere, this.trust, this.note),
      make("div", "goto", this.goal.element, this.toTarget, this.toSaved), this.aboutGoal);

    this.slider.addEventListener("input", () => this.drag());
    this.slider.addEventListener("change", () => this.panel.commit());
    // A finger that means to scroll lands on a slider, too: what it moved before the page began to scroll is taken back.
    this.slider.addEventListener("pointerdown", () => (this.held = this.threshold));
    this.slider.addEventListener("pointercancel", () => this.letGo());
    this.slider.addEventListener("keydown", (event) => this.press(event));
    this.slider.addEventListener("blur", () => this.panel.flush());
    this.toTarget.addEventListener("click", () => this.panel.set([[this, this.label.target]]));
    this.toSaved.addEventListener("click", () => this.panel.reset([this]));
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
    const { comparing } = this.panel;
    this.goal.set(comparing ? label.savedGoal : label.goal);
    this.slider.disabled = comparing;
    this.goal.disabled = comparing;
    write(this.aboutGoal, this.goal.about);
    this.aboutGoal.hidden = this.goal.isDefault;
    this.everywhereBox.title = `${count(label.answered)} of them stand whatever the threshold: people said so, or memory of what they said.`;
    const isOther = comparing && label.goal !== label.savedGoal; // where the saved goal leads, nobody asked
    const target = isOther ? null : label.target;
    this.chart.place({ ...label, target });
    this.toTarget.replaceChildren(glyph("target"), isOther ? "Goal" : target === null ? "No goal value" : `Goal ${show(target)}`);
    this.toTarget.setAttribute("aria-label", target === null ? `No goal value for ${label.name}` : `Set ${label.name} to its goal ${show(label.target)}`);
    this.toSaved.replaceChildren(glyph("saved"), `Saved ${show(label.saved)}`);
    this.toSaved.setAttribute("aria-label", `Reset ${label.name} to the saved threshold ${show(label.saved)}`);
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
    this.flips = flipsOf(savedMeasure, now, seen < label.saved);
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
    write(this.everywhere, tags(label.answered + given));
    write(this.everywhereDelta, showDelta(given, label.givenSaved, 0));
    write(this.heldOut, this.heldOutText(seen));
    this.chart.move(seen, now);
    this.slider.style.setProperty("--at", `calc(var(--thumb) / 2 + ${seen} * (100% - var(--thumb)))`);
    if (Number(this.slider.value) !== seen) this.slider.value = String(seen);
    this.slider.setAttribute("aria-valuetext",
      `${show(seen)}: precision ${show(now.precision)}, recall ${show(now.recall)}, F1 ${show(now.f1)}`);
    disable(this.toSaved, this.panel.comparing || !this.isOpen, this.slider);
    disable(this.toTarget, this.panel.comparing || label.target === null || this.isSolving || this.threshold === label.target, this.slider);
  }

  /** What its goal promised, on rows that had no part in it. */
  heldOutText(seen) {
    const { target, heldOut, goal, savedGoal } = this.label;
    if (this.isSolving || (this.panel.comparing && goal !== savedGoal)) return "";
    if (target === null || seen !== target) return "off its goal";
    const metric = METRICS.find((name) => goal.startsWith(`${name}>=`)) ?? "f1";
    return heldOut ? `held out: ${metric === "f1" ? "F1" : metric} ${show(heldOut[metric])}` : "";
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

  letGo() {
    if (this.held === undefined) return;
    this.threshold = this.held;
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

/** Verdicts that a move from one threshold to another agrees with, or goes against. */
function flipsOf(before, now, gains) {
  const positives = Math.abs(now.tp - before.tp);
  const negatives = Math.abs(now.fp - before.fp);
  return gains ? { right: positives, wrong: negatives } : { right: negatives, wrong: positives };
}
