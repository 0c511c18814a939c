// The threshold panel. Python sends curves once and, after each commit, what changed with it (see news.js); everything
// that moves during a drag is counted here. Streamlit calls the default export again on the same DOM whenever the data
// or the theme changes, so the panel is kept per parent element.

const KEYS_PAUSE = 300; // ms without a key press until a series of presses is committed as one
const FRAME_BUDGET = 8; // ms of a frame for making cards
const HISTORY = 100; // steps that can be undone

const panels = new WeakMap();

export default function render(component) {
  const { parentElement, data } = component;
  let panel = panels.get(parentElement);
  if (!panel) {
    for (const old of parentElement.querySelectorAll(":scope > .panel")) old.remove();
    panel = new Panel(parentElement);
    panels.set(parentElement, panel);
  }
  panel.receive(data, component.setStateValue);
  return () => {
    panel.dispose();
    panels.delete(parentElement);
  };
}

class Panel {
  constructor(parent) {
    this.cards = [];
    this.state = null;
    this.outbox = new Outbox("operations", "operation", () => this.bar.update());
    this.steps = []; // states that undo and redo go through
    this.step = -1;
    this.wanted = []; // cards that came near the view
    this.timer = 0;
    this.refusal = ""; // why the last step was not taken
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
    this.onHide = () => document.hidden && this.flush(); // a tab may be closed before a pause between keys is over
    document.addEventListener("visibilitychange", this.onHide);
  }

  /** What depends on the page around. Streamlit's own header lies over it, and is opaque only while it holds something. */
  fit() {
    // Cards out of view are laid out at the size of one in view, so that scrolling to them moves nothing.
    const card = this.visible?.map(({ element }) => element).find((element) => element.checkVisibility({ contentVisibilityAuto: true }));
    if (card) this.root.style.setProperty("--card-height", `${card.offsetHeight}px`);
    const header = document.querySelector('[data-testid="stHeader"]');
    const covers = header && !/^(transparent|rgba\(.*, 0\))$/.test(getComputedStyle(header).backgroundColor);
    this.root.style.setProperty("--sticky-top", `${covers ? header.offsetHeight : 0}px`);
  }

  build() {
    this.totals = new Totals();
    this.tools = new Tools(this);
    this.tools.explain(this.view);
    this.bar = new SaveBar(this);
    this.grid = make("ul", "grid");
    this.grid.setAttribute("aria-label", "Thresholds by tag");
    this.emptyTitle = make("h3");
    this.emptyText = make("p");
    this.emptyButton = makeButton("Show all tags");
    this.empty = make("section", "empty", emptyPicture(), this.emptyTitle, this.emptyText, this.emptyButton);
    this.announce = make("p", "hush");
    this.announce.setAttribute("role", "status");
    this.top = make("header", "top", this.totals.element, this.tools.element);
    this.root.append(this.top, this.grid, this.empty, this.bar.element, this.announce);
    this.emptyButton.addEventListener("click", () => {
      this.tools.clear();
      this.arrange();
    });
    this.root.addEventListener("keydown", (event) => this.shortcut(event));
  }

  // What Python sends

  receive(bytes, setStateValue) {
    const { key, digest, labels } = readCurves(bytes);
    this.key = key;
    this.outbox.connect(key, setStateValue);
    if (digest !== this.digest) {
      this.digest = digest;
      const ids = labels.map((label) => label.id).join();
      // Curves of the same tags, with other rows judged: the cards stay, so that nothing loses its place or the focus.
      if (ids === this.ids) this.cards.forEach((card, index) => card.take(labels[index]));
      else this.begin(labels);
      this.ids = ids;
    }
    this.adopt();
  }

  begin(labels) {
    this.state = null;
    this.sight.disconnect();
    this.cards = labels.map((data) => new Card(this, data));
    this.cards.forEach((card, index) => (card.index = index));
    this.cardOf = new Map(this.cards.map((card) => [card.element, card]));
  }

  /** Take the newest state, if it is about these curves. What was done since stays on top of it. */
  adopt() {
    const state = window.transactionTaggerNews?.get(this.key);
    if (!state || state.digest !== this.digest || state === this.state) return;
    const isFirst = this.state === null;
    const held = new Set();
    const wasSaving = this.isSaving;
    const refused = Object.keys(state.failed).filter((id) => this.outbox.holds(id));
    if (refused.length) {
      this.refusal = state.failed[refused.at(-1)];
      this.outbox.departure.stay();
    }
    this.outbox.settle(new Set([...state.acknowledged, ...refused]));
    this.bar.settle(state.acknowledged);
    this.state = state;
    const { solving } = this;
    state.labels.forEach((label, index) => {
      const card = this.cards[index];
      let stands = label.threshold;
      for (const step of this.outbox.pending) {
        stands = step.set?.[label.id] ?? stands;
        label.goal = step.goals?.[label.id] ?? label.goal;
      }
      card.known = stands;
      card.isSolving = solving.has(String(label.id));
      // A slider under a finger or a key is ahead of anything that Python knows.
      const ahead = !isFirst && this.dragged === card && (this.timer || card.slider.matches(":active"));
      if (ahead) held.add(index);
      card.describe(label, ahead ? card.threshold : stands);
    });
    if (isFirst) {
      this.arrange();
      for (const card of this.cards) this.sight.observe(card.element);
      this.buildRest(this.cards);
    }
    this.work();
    this.merge(held);
    this.totals.describe(this);
    this.tools.describe(this.totals);
    this.top.hidden = this.bar.element.hidden = !this.cards.length;
    this.update();
    if (refused.length) write(this.announce, this.refusal);
    else if (wasSaving && !this.isSaving) write(this.announce, `Saved: version ${count(state.version)} is in use.`);
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

  /** What follows the sliders. */
  update() {
    this.totals.update(this);
    this.tools.update();
    this.bar.update();
  }

  /** Every slider stands where Python counted last. */
  get isExact() {
    return this.cards.every((card) => card.seen === card.label.threshold && !card.isSolving);
  }

  get isSaving() {
    return this.outbox.pending.some((step) => "save" in step);
  }

  /** The ids of labels that were given a goal which Python is still to solve: nobody here knows where they will stand. */
  get solving() {
    const found = new Set();
    for (const { goals = {}, set = {} } of this.outbox.pending) {
      for (const id of Object.keys(goals)) found.add(id);
      for (const id of Object.keys(set)) found.delete(id);
    }
    return found;
  }

  /** Those whose goal has a value. */
  reachable() {
    return this.cards.filter((card) => card.label.target !== null);
  }

  // What is looked at

  /** Order and filter. Only on request, so that no card moves away from under a pointer. */
  arrange() {
    const { text, order } = this.tools;
    const wanted = fold(text);
    const sorted = [...this.cards].sort((a, b) => ORDERS[order][1](a, b) || a.index - b.index);
    this.visible = sorted.filter((card) => card.name.includes(wanted) && (order !== "changed" || card.isOpen));
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
      write(this.emptyText, `Nothing matches \u201c${text}\u201d${order === "changed" ? " among the changed tags" : ""}.`);
    }
    this.emptyButton.hidden = this.cards.length === 0;
    this.tools.count(this);
  }

  look(view) {
    this.view = view;
    this.root.dataset.view = view;
    this.tools.explain(view);
    this.wanted = this.cards.filter((card) => card.near);
    this.work();
  }

  toggleCompare() {
    this.comparing = !this.comparing;
    this.bar.compare.setAttribute("aria-pressed", String(this.comparing));
    this.root.dataset.comparing = this.comparing ? "yes" : "no";
    for (const card of this.cards) {
      if (card.chart) card.write();
      card.update();
    }
    this.update();
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
    this.update();
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

  /** Put cards to thresholds and goals, and send what differs as one step. Without a threshold the goal says where. */
  bring(there) {
    const set = {};
    const goals = {};
    for (const [card, [threshold, goal]] of there) {
      const { label } = card;
      if (card.threshold === threshold && card.known === threshold && label.goal === goal && !card.isSolving) continue;
      card.isSolving = threshold === null;
      if (label.goal !== goal || card.isSolving) goals[label.id] = label.goal = goal;
      if (!card.isSolving) set[label.id] = card.threshold = card.known = threshold;
      if (card.chart) card.write();
      card.update();
    }
    if (Object.keys(goals).length || Object.keys(set).length) this.send({ set, goals });
    this.update();
  }

  giveGoals(pairs) {
    this.commit();
    this.bring(new Map(pairs.map(([card, goal]) => [card, [null, goal]])));
    this.record();
    this.update();
    write(this.announce, pairs.length === 1 ? `${pairs[0][0].label.name} has a new goal.` : `${tags(pairs.length)} have a new goal.`);
  }

  /**
   * Python saves only what is seen here: another window may have moved sliders, too. A label whose goal is still to be
   * solved goes along without a threshold.
   */
  save(note) {
    this.commit();
    const moved = this.cards.filter((card) => card.changed || card.isSolving);
    const given = this.cards.filter(({ label }) => label.goal !== label.savedGoal);
    const id = this.send({
      save: {
        note,
        version: this.state.version,
        set: Object.fromEntries(moved.map((card) => [card.label.id, card.isSolving ? null : card.threshold])),
        goals: Object.fromEntries(given.map(({ label }) => [label.id, label.goal])),
      },
    });
    this.update();
    return id;
  }

  shortcut(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.key.toLowerCase() !== "z") return;
    if (event.target.matches?.("input:not([type=range]):not([type=radio])")) return; // a field has its own undo
    event.preventDefault();
    this.travel(event.shiftKey ? 1 : -1);
  }

  // Undo and redo: every state that a person settled on here

  get now() {
    return {
      labels: this.cards.map((card) => card.label.id),
      goals: this.cards.map((card) => card.label.goal),
      thresholds: this.cards.map((card) => (card.isSolving ? null : card.threshold)),
    };
  }

  /**
   * Where a goal led belongs to the steps since it was given; what came from elsewhere is no step: undo is about one's
   * own. Sliders that are `held` stand where nobody settled yet.
   */
  merge(held) {
    const { now } = this;
    const last = this.steps[this.step];
    if (!last || last.labels.join() !== now.labels.join()) {
      this.record();
      return;
    }
    for (const name of ["thresholds", "goals"]) {
      now[name].forEach((value, i) => {
        if (last[name][i] === value || (name === "thresholds" && held.has(i))) return;
        const isSolved = last[name][i] === null;
        for (const step of isSolved ? this.stepsOfGoal(i) : this.steps) step[name][i] = value;
      });
    }
    this.joinEqualSteps();
  }

  /** The steps up to now in which a card waits for where its goal leads. */
  stepsOfGoal(index) {
    let first = this.step;
    const waits = (step) => step?.thresholds[index] === null && step.goals[index] === this.steps[first].goals[index];
    while (waits(this.steps[first - 1])) first -= 1;
    return this.steps.slice(first, this.step + 1);
  }

  /** A step that something from elsewhere made equal to the one before would undo nothing. */
  joinEqualSteps() {
    const kept = [];
    let at = 0;
    this.steps.forEach((step, i) => {
      if (!kept.length || !isSameStep(kept.at(-1), step)) kept.push(step);
      if (i === this.step) at = kept.length - 1;
    });
    this.steps = kept;
    this.step = at;
  }

  record() {
    const { now } = this;
    const last = this.steps[this.step];
    if (last && !isSame(last.labels, now.labels)) this.steps = [];
    else if (last && isSameStep(last, now)) return;
    this.steps = [...this.steps.slice(Math.max(0, this.step + 2 - HISTORY), this.step + 1), now];
    this.step = this.steps.length - 1;
  }

  travel(by) {
    this.commit();
    const here = this.steps[this.step];
    const there = this.steps[this.step + by];
    if (this.comparing || !there) return;
    this.step += by;
    const differs = (index) => here.thresholds[index] !== there.thresholds[index] || here.goals[index] !== there.goals[index];
    const cards = this.cards.filter((_, index) => differs(index));
    this.bring(new Map(cards.map((card) => [card, [there.thresholds[card.index], there.goals[card.index]]])));
    const what = cards.length === 1 ? cards[0].label.name : tags(cards.length);
    write(this.announce, `${by < 0 ? "Undone" : "Done again"}: ${what}.`);
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
      card.isSolving = false;
    }
    if (!Object.keys(set).length) return;
    this.record();
    this.send({ set });
    this.update();
  }

  /** Say why something is not done; the next step takes that away. */
  refuse(why) {
    this.refusal = why;
    write(this.announce, why);
    this.update();
  }

  send(step) {
    this.refusal = "";
    return this.outbox.add(step);
  }

  dispose() {
    this.flush();
    this.outbox.dispose();
    document.removeEventListener("visibilitychange", this.onHide);
    this.sight.disconnect();
    this.size.disconnect();
    document.removeEventListener("transaction-tagger-news", this.onNews);
    this.root.remove();
  }
}

function isSame(one, other) {
  return one.length === other.length && one.every((value, i) => value === other[i]);
}

function isSameStep(one, other) {
  return isSame(one.goals, other.goals) && isSame(one.thresholds, other.thresholds);
}

function emptyPicture() {
  return makeSvg("svg", { viewBox: "0 0 120 56", "aria-hidden": "true" },
    makeSvg("path", { d: "M0 55.5H120", stroke: "var(--line)" }),
    makeSvg("path", { d: "M4 46C40 44 52 12 74 12S104 40 116 52", stroke: "var(--muted)", "stroke-width": "2" }),
    makeSvg("path", { d: "M4 4C52 5 66 20 84 36S108 52 116 53", class: "curve is-recall" }),
    makeSvg("path", { d: "M4 50C44 48 56 26 72 14S104 4 116 4", class: "curve is-precision" }));
}
