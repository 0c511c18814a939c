// The threshold panel. Python sends curves once and, after each commit, what changed with it (see news.js); everything
// that moves during a drag is counted here. Streamlit calls the default export again on the same DOM whenever the data
// or the theme changes, so the panel is kept per parent element.

const KEYS_PAUSE = 300; // ms without a key press until a series of presses is committed as one
const FRAME_BUDGET = 8; // ms of a frame for making cards
const HISTORY = 100; // steps that can be undone
const VIEWS = { threshold: "Scores", recall: "Precision\u2013recall", calibration: "Calibration" };

// A tag without a positive, or without a negative, has no F1 to mend: it comes last, as macro leaves it out.
const sortF1 = (card) => (card.curve.positives ? card.measure.f1 ?? 2 : 2);

// The first is the default: where the numbers rest on the most evidence, and a change moves the most tags.
const ORDERS = {
  support: ["Most examples first", (a, b) => b.curve.positives - a.curve.positives],
  f1: ["Worst F1 first", (a, b) => sortF1(a) - sortF1(b)],
  changed: ["Changed only", (a, b) => a.index - b.index],
  name: ["Name A to Z", (a, b) => a.label.name.localeCompare(b.label.name)],
};

const panels = new WeakMap();

export default function render(component) {
  const { parentElement, data } = component;
  let panel = panels.get(parentElement);
  if (!panel) {
    for (const old of parentElement.querySelectorAll(":scope > .panel")) old.remove();
    panel = new Panel(parentElement);
    panels.set(parentElement, panel);
  }
  panel.setStateValue = component.setStateValue;
  panel.receive(data);
  return () => {
    panel.dispose();
    panels.delete(parentElement);
  };
}

class Panel {
  constructor(parent) {
    this.cards = [];
    this.state = null;
    this.pending = []; // actions that Python has not answered yet
    this.steps = []; // states that undo and redo go through
    this.step = -1;
    this.wanted = []; // cards that came near the view
    this.timer = 0;
    this.comparing = false;
    this.view = "threshold";
    this.root = make("div", "base panel");
    this.root.dataset.view = this.view;
    this.build();
    parent.append(this.root);
    // A card is made and its chart drawn when it comes near the view: with 200 tags the first paint needs a dozen.
    this.sight = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const card = this.cardOf.get(entry.target);
        if (!card) continue;
        card.near = entry.isIntersecting;
        if (card.near) this.wanted.push(card);
      }
      this.work();
    }, { rootMargin: "800px" });
    this.cardOf = new Map();
    this.size = new ResizeObserver(() => this.fit());
    this.size.observe(this.root);
    this.onNews = (event) => event.detail === this.key && this.adopt();
    document.addEventListener("transaction-tagger-news", this.onNews);
  }

  /** What depends on the page around. Streamlit's own header lies over it, and is opaque only while it holds something. */
  fit() {
    const card = this.grid.querySelector(".card");
    // Cards out of view are laid out at the size of one in view, so that scrolling to them moves nothing.
    if (card) this.root.style.setProperty("--card-height", `${card.offsetHeight}px`);
    const header = document.querySelector('[data-testid="stHeader"]');
    const covers = header && !/^(transparent|rgba\(.*, 0\))$/.test(getComputedStyle(header).backgroundColor);
    this.root.style.setProperty("--sticky-top", `${covers ? header.offsetHeight : 0}px`);
  }

  build() {
    this.buildTotals();
    this.buildTools();
    this.grid = make("ul", "grid");
    this.grid.setAttribute("aria-label", "Thresholds by tag");
    this.emptyTitle = make("h3");
    this.emptyText = make("p");
    this.emptyButton = makeButton("Show all tags");
    this.empty = make("section", "empty", emptyPicture(), this.emptyTitle, this.emptyText, this.emptyButton);
    this.announce = make("p", "hush");
    this.announce.setAttribute("role", "status");
    this.top = make("header", "top", this.totals, this.tools);
    this.root.append(this.top, this.grid, this.empty, this.announce);
    this.emptyButton.addEventListener("click", () => {
      this.query.value = "";
      this.order.selectedIndex = 0;
      this.arrange();
      this.query.focus();
    });
    this.root.addEventListener("keydown", (event) => this.shortcut(event));
  }

  buildTotals() {
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
    this.totals = make("section", "totals", table, given);
  }

  buildTools() {
    this.query = make("input");
    Object.assign(this.query, { type: "search", placeholder: "Find a tag", autocomplete: "off", spellcheck: false });
    this.query.setAttribute("aria-label", "Find a tag");
    this.order = make("select");
    this.order.setAttribute("aria-label", "Order of the tags");
    for (const [value, [title]] of Object.entries(ORDERS)) {
      const option = make("option", "", title);
      option.value = value;
      this.order.append(option);
    }
    this.shown = make("span", "shown");
    this.shown.setAttribute("role", "status");
    this.views = make("div", "views");
    this.views.setAttribute("role", "radiogroup");
    this.views.setAttribute("aria-label", "What the charts show");
    for (const [view, title] of Object.entries(VIEWS)) {
      const input = make("input");
      Object.assign(input, { type: "radio", name: "view", value: view, checked: view === this.view });
      input.addEventListener("change", () => this.look(view));
      this.views.append(make("label", "", input, make("span", "", title)));
    }
    this.undoButton = makeButton("Undo", "Ctrl+Z");
    this.redoButton = makeButton("Redo", "Ctrl+Shift+Z");
    this.compare = makeButton("Show saved", "Look at the thresholds in use; press again to come back.");
    this.compare.setAttribute("aria-pressed", "false");
    this.allSaved = makeButton("Reset all to saved");
    this.allTarget = makeButton("All to their goal", "Every tag to where it reaches the goal that its card names.");
    this.bulk = new GoalMenu("Goal for all tags shown", () => this.showBulk(), "Goal for all shown \u2026");
    this.bulkButton = makeButton("Give");
    this.moreButton = makeButton("More tools"); // on a phone, where they would push the first card out of sight
    this.moreButton.className = "more";
    this.below = make("p", "measured-below"); // a phone's totals have no room for it
    this.tools = make("div", "tools",
      make("div", "find", this.query, this.order), this.shown, make("span", "space"), this.moreButton,
      make("div", "later", this.views, make("span", "break"),
        make("div", "steps", this.undoButton, this.redoButton, this.compare), make("span", "space"),
        make("div", "bulk", this.bulk.element, this.bulkButton), this.allSaved, this.allTarget), this.below);
    this.showBulk();
    this.showMore(false);

    this.moreButton.addEventListener("click", () => this.showMore(this.tools.dataset.more === "no"));
    this.order.addEventListener("change", () => this.arrange());
    this.query.addEventListener("input", () => this.arrange());
    this.undoButton.addEventListener("click", () => this.travel(-1));
    this.redoButton.addEventListener("click", () => this.travel(1));
    this.compare.addEventListener("click", () => this.toggleCompare());
    this.bulkButton.addEventListener("click", () => this.giveToShown());
    this.allTarget.addEventListener("click", () => this.set(this.reachable().map((card) => [card, card.label.target])));
    this.allSaved.addEventListener("click", () => this.reset(this.cards));
  }

  // What Python sends

  receive(bytes) {
    const { key, digest, labels } = readCurves(bytes);
    this.key = key;
    if (digest !== this.digest) {
      this.digest = digest;
      this.state = null;
      this.sight.disconnect();
      this.cards = labels.map((data) => new Card(this, data));
      this.cards.forEach((card, index) => (card.index = index));
      this.cardOf = new Map(this.cards.map((card) => [card.element, card]));
    }
    this.adopt();
  }

  /** Take the newest state, if it is about these curves. What was done since stays on top of it. */
  adopt() {
    const state = window.transactionTaggerNews?.get(this.key);
    if (!state || state.digest !== this.digest || state === this.state) return;
    const isFirst = this.state === null;
    let isHeld = false;
    const handled = new Set(state.handled);
    this.pending = this.pending.filter((action) => !handled.has(action.id));
    this.state = state;
    state.labels.forEach((label, index) => {
      const card = this.cards[index];
      let stands = label.threshold;
      for (const action of this.pending) stands = action.set?.[label.id] ?? stands;
      card.known = stands;
      // A slider under a finger or a key is ahead of anything that Python knows.
      const ahead = !isFirst && this.dragged === card && (this.timer || card.slider.matches(":active"));
      isHeld ||= ahead;
      card.describe(label, ahead ? card.threshold : stands);
    });
    this.savedTotals = totals(this.cards.map((card) => card.savedMeasure));
    if (isFirst) {
      this.arrange();
      for (const card of this.cards) this.sight.observe(card.element);
      this.buildRest(this.cards);
    }
    if (!isHeld) this.record();
    this.describeTotals();
    this.updateTotals();
    this.root.dataset.state = String(state.number);
  }

  /** Make and draw what came near, some in each frame, so that no frame is late. */
  work() {
    const began = performance.now();
    while (this.wanted.length && performance.now() - began < FRAME_BUDGET) {
      const card = this.wanted.shift();
      if (!card.near) continue;
      card.build();
      card.chart.draw(this.view);
    }
    if (this.wanted.length) requestAnimationFrame(() => this.work());
  }

  /** Cards out of view are made while nobody waits, so that scrolling finds them. */
  buildRest(cards, next = 0) {
    requestIdleCallback((deadline) => {
      if (cards !== this.cards) return;
      const isDragging = this.grid.querySelector("input[type=range]:active");
      while (!isDragging && next < cards.length && deadline.timeRemaining() > 4) cards[next++].build();
      if (next < cards.length) this.buildRest(cards, next);
    });
  }

  describeTotals() {
    const { state } = this;
    const judged = this.cards.map((card) => card.data.judged);
    const most = Math.max(0, ...judged);
    const upTo = judged.some((n) => n !== most) ? "up to " : "";
    const left = this.cards.length - this.savedTotals.scored;
    write(this.scored, `mean of ${tags(this.savedTotals.scored)}`);
    write(this.leftOut, left ? `${count(left)} left out` : "none left out");
    this.leftOut.title = left ? "Without a judged row that has it and one that has it not, a tag has no F1, so macro leaves it out." : "";
    write(this.everywhere, `All ${plural(state.nRows, "transaction")}`);
    const { heldOut, byHand } = state;
    const moved = byHand ? `, ${count(byHand)} moved by hand as they stand` : "";
    write(this.heldOut, heldOut ? `Held out: F1 micro ${show(heldOut.micro.f1)}, macro ${show(heldOut.macro.f1)}${moved}` : "");
    this.heldOut.title = "Every row cut at thresholds that the tags' goals chose without it: what to expect of descriptions never seen.";
    write(this.measured, `Measured ${state.measuredOn}, ${upTo}${count(most)} judged rows`);
    write(this.below, `${this.measured.textContent}. ${this.heldOut.textContent}`);
    this.top.hidden = this.cards.length === 0;
  }

  // What follows the sliders

  updateTotals() {
    const now = totals(this.cards.map((card) => card.measure));
    const isExact = this.cards.every((card) => card.seen === card.label.threshold);
    for (const kind of ["micro", "macro"]) {
      for (const metric of METRICS) {
        const cell = this.figures[kind][metric];
        const value = now[kind][metric];
        write(cell.value, show(value));
        writeScoreDelta(cell.delta, value, this.savedTotals[kind][metric]);
        const ends = this.state.intervals[kind][metric];
        const before = this.exactTotals?.[kind][metric] ?? value;
        if (isExact || !ends || value === null) writeSpan(cell.range, value === null ? null : ends, true);
        else writeSpan(cell.range, shifted(ends, value - before), false);
        this.figures[kind].row.dataset[metric] = exact(value);
      }
    }
    if (isExact) this.exactTotals = now;
    this.updateEverywhere(isExact);
    const given = now.micro.tp + now.micro.fp;
    const positives = now.micro.tp + now.micro.fn;
    write(this.truth, `On judged rows ${tags(given)} given, ${count(positives)} true`);
    this.allSaved.disabled = this.comparing || !this.cards.some((card) => card.isOpen);
    this.allTarget.disabled = this.comparing || !this.reachable().some((card) => card.threshold !== card.label.target);
    this.undoButton.disabled = this.comparing || this.step <= 0;
    this.redoButton.disabled = this.comparing || this.step >= this.steps.length - 1;
    this.compare.disabled = !this.comparing && !this.cards.some((card) => card.changed);
    this.updateShown();
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

  updateShown() {
    const { length } = this.cards;
    const some = this.visible.length === length ? "" : `${count(this.visible.length)} of `;
    const changed = this.cards.filter((card) => card.changed).length;
    write(this.shown, `${some}${tags(length)}, ${count(changed)}\u00a0changed`);
  }

  /** Those whose goal has a value. */
  reachable() {
    return this.cards.filter((card) => card.label.target !== null);
  }

  // What is looked at

  /** Order and filter. Only on request, so that no card moves away from under a pointer. */
  arrange() {
    const wanted = fold(this.query.value.trim());
    const order = this.order.value;
    const sorted = [...this.cards].sort((a, b) => ORDERS[order][1](a, b) || a.index - b.index);
    this.visible = sorted.filter((card) => card.name.includes(wanted) && (order !== "changed" || card.changed));
    this.grid.replaceChildren(...this.visible.map((card) => card.element));
    this.grid.hidden = !this.visible.length;
    this.empty.hidden = this.visible.length > 0;
    if (this.cards.length === 0) {
      write(this.emptyTitle, "No curves to show yet");
      write(this.emptyText, "Judge some transactions and train a run. Each of its tags then gets a slider here.");
    } else if (order === "changed" && !wanted) {
      write(this.emptyTitle, "Nothing is changed");
      write(this.emptyText, "Every tag stands at its saved threshold.");
    } else {
      write(this.emptyTitle, "No tag found");
      write(this.emptyText, `Nothing matches \u201c${this.query.value.trim()}\u201d${order === "changed" ? " among the changed tags" : ""}.`);
    }
    this.emptyButton.hidden = this.cards.length === 0;
    this.updateShown();
  }

  look(view) {
    this.view = view;
    this.root.dataset.view = view;
    this.wanted = this.cards.filter((card) => card.near);
    this.work();
  }

  toggleCompare() {
    this.comparing = !this.comparing;
    this.compare.setAttribute("aria-pressed", String(this.comparing));
    this.root.dataset.comparing = this.comparing ? "yes" : "no";
    for (const card of this.cards) {
      if (card.chart) card.setDisabled();
      card.update();
    }
    this.updateTotals();
    write(this.announce, this.comparing ? "The saved thresholds are shown." : "Your thresholds are shown again.");
  }

  // What a person does

  /** Buttons: set some cards at once and commit them as one. */
  set(pairs) {
    for (const [card, threshold] of pairs) {
      if (card.threshold === threshold) continue;
      card.threshold = threshold;
      card.update();
    }
    this.updateTotals();
    this.commit();
    write(this.announce, pairs.length === 1
      ? `${pairs[0][0].label.name} is set to ${show(pairs[0][1])}.`
      : `${tags(pairs.length)} are set.`);
  }

  /** Thresholds and goals as they were saved. */
  reset(cards) {
    const there = new Map(cards.map((card) => [card, [card.label.saved, card.label.savedGoal]]));
    this.bring(there);
    this.record();
    write(this.announce, cards.length === 1 ? `${cards[0].label.name} is as it was saved.` : "All tags are as they were saved.");
  }

  /** Put cards to thresholds and goals, and send what differs as one step. */
  bring(there) {
    const set = {};
    const goals = {};
    for (const [card, [threshold, goal]] of there) {
      const { label } = card;
      if (card.threshold === threshold && card.known === threshold && label.goal === goal) continue;
      if (label.goal !== goal) goals[label.id] = label.goal = goal;
      set[label.id] = card.threshold = card.known = threshold;
      card.goal?.set(goal);
      card.update();
    }
    if (Object.keys(set).length) this.send({ set, goals });
    this.updateTotals();
  }

  giveGoals(pairs) {
    this.commit();
    const goals = Object.fromEntries(pairs.map(([card, text]) => [card.label.id, text]));
    this.send({ goals });
    write(this.announce, pairs.length === 1 ? `${pairs[0][0].label.name} has a new goal.` : `${tags(pairs.length)} have a new goal.`);
  }

  showMore(isOpen) {
    this.tools.dataset.more = isOpen ? "yes" : "no";
    this.moreButton.setAttribute("aria-expanded", String(isOpen));
  }

  showBulk() {
    this.bulkButton.hidden = !this.bulk.select.value;
  }

  giveToShown() {
    if (!this.bulk.isValid) return;
    this.giveGoals(this.visible.map((card) => [card, this.bulk.text]));
    this.bulk.select.value = "";
    this.bulk.showFields({ written: "", about: "" }, []);
    this.showBulk();
  }

  shortcut(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.key.toLowerCase() !== "z") return;
    if (event.target.matches?.("input:not([type=range]):not([type=radio])")) return; // a field has its own undo
    event.preventDefault();
    this.travel(event.shiftKey ? 1 : -1);
  }

  // Undo and redo: every state that a person settled on, or that came from elsewhere

  record() {
    const thresholds = this.cards.map((card) => card.threshold);
    const goals = this.cards.map((card) => card.label.goal);
    const labels = this.cards.map((card) => card.label.id).join();
    const text = JSON.stringify([labels, thresholds, goals]);
    const last = this.steps[this.step];
    if (last?.text === text) return;
    if (last && last.labels !== labels) this.steps = [];
    this.steps = [...this.steps.slice(Math.max(0, this.step + 2 - HISTORY), this.step + 1), { thresholds, goals, labels, text }];
    this.step = this.steps.length - 1;
  }

  travel(by) {
    this.commit();
    const there = this.steps[this.step + by];
    if (this.comparing || !there) return;
    this.step += by;
    this.bring(new Map(this.cards.map((card, index) => [card, [there.thresholds[index], there.goals[index]]])));
    write(this.announce, by < 0 ? "Undone." : "Done again.");
  }

  // What is sent: all that Python has not answered, in order, each with an id of its own

  commitSoon() {
    this.stopWaiting();
    this.timer = setTimeout(() => this.commit(), KEYS_PAUSE);
  }

  /** A series of key presses ends when its slider is left. */
  flush() {
    if (this.timer) this.commit();
  }

  stopWaiting() {
    clearTimeout(this.timer);
    this.timer = 0;
  }

  commit() {
    this.stopWaiting();
    const set = {};
    for (const card of this.cards) {
      if (card.threshold === card.known) continue;
      set[card.label.id] = card.known = card.threshold;
    }
    if (!Object.keys(set).length) return;
    this.record();
    this.send({ set });
    this.updateTotals();
  }

  send(action) {
    this.pending.push({ id: `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 10)}`, ...action });
    this.setStateValue("actions", this.pending);
  }

  dispose() {
    this.stopWaiting();
    this.sight.disconnect();
    this.size.disconnect();
    document.removeEventListener("transaction-tagger-news", this.onNews);
    this.root.remove();
  }
}

/** An interval moved along with its value. */
function shifted(ends, by) {
  return ends.map((end) => clamp(end + by));
}

function emptyPicture() {
  return makeSvg("svg", { viewBox: "0 0 120 56", "aria-hidden": "true" },
    makeSvg("path", { d: "M0 55.5H120", stroke: "var(--line)" }),
    makeSvg("path", { d: "M4 46C40 44 52 12 74 12S104 40 116 52", stroke: "var(--muted)", "stroke-width": "2" }),
    makeSvg("path", { d: "M4 4C52 5 66 20 84 36S108 52 116 53", class: "curve is-recall" }),
    makeSvg("path", { d: "M4 50C44 48 56 26 72 14S104 4 116 4", class: "curve is-precision" }));
}
