// The transactions that gain or lose a tag, by description, and what a person says of them. A verdict shows at once as
// under way, and as stored when Python has answered. What was decided stays in its place until a slider moves again.
// Text from data enters through textContent only.

const KINDS = {
  open: ["Not judged", "Nobody has judged these. A verdict on one answers all transactions with its description."],
  wrong: ["Wrong", "The change goes against what people said. They keep the tags that people gave; see whether the verdict or the threshold is mistaken."],
  right: ["Right", "The change agrees with what people said."],
};
const COLORS = new Set(["red", "orange", "yellow", "blue", "green", "violet", "gray"]);

const STEP = 200; // groups more at a time

const lists = new WeakMap();

export default function render(component) {
  const { parentElement, data, setStateValue } = component;
  let list = lists.get(parentElement);
  if (!list) {
    for (const old of parentElement.querySelectorAll(":scope > .flips")) old.remove();
    list = new FlipList(parentElement);
    lists.set(parentElement, list);
  }
  list.setStateValue = setStateValue;
  list.outbox.connect(data.key, setStateValue);
  list.receive(data);
  return () => list.outbox.dispose();
}

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

const count = (value) => value.toLocaleString("en-US");
const keyOf = (flip) => JSON.stringify([flip.kind, flip.label.id, flip.label.name, flip.description]);
// `past`: the verdicts that are stored; `sent`: what is under way, in order, an undo without a verdict.
const undecided = () => ({ past: [], sent: [], message: "" });
const verdictOf = ({ past, sent }) => (sent.findLast(({ verdict }) => verdict) ?? past.at(-1))?.verdict ?? null;
const isBusy = ({ sent }) => sent.length > 0;

class FlipList {
  constructor(parent) {
    this.kind = "open";
    this.rows = new Map();
    this.outbox = new Outbox("operations", "operation", () => this.draw());
    this.root = make("div", "base flips");
    this.tabs = make("div", "tabs");
    this.tabs.setAttribute("role", "tablist");
    this.buttons = {};
    for (const [kind, [title]] of Object.entries(KINDS)) {
      const number = make("b");
      const button = make("button", "", `${title} `, number);
      button.type = "button";
      button.setAttribute("role", "tab");
      button.addEventListener("click", () => this.show(kind));
      button.addEventListener("keydown", (event) => this.walk(event, kind));
      this.buttons[kind] = { button, number };
      this.tabs.append(button);
    }
    this.about = make("p", "about");
    this.list = make("ul", "rows");
    this.list.setAttribute("role", "tabpanel");
    this.more = make("button", "more");
    this.more.type = "button";
    this.more.addEventListener("click", () => this.ask());
    this.empty = make("p", "empty");
    this.announce = make("p", "hush");
    this.announce.setAttribute("role", "status");
    this.root.append(this.tabs, this.about, this.list, this.empty, this.more, this.announce);
    parent.append(this.root);
  }

  receive(data) {
    const handled = new Set(data.acknowledged);
    const failed = new Map(Object.entries(data.failed));
    if (failed.size) this.outbox.departure.stay();
    this.outbox.settle(new Set([...handled, ...failed.keys()]));
    const fresh = new Map(data.flips.map((flip) => [keyOf(flip), flip]));
    for (const row of this.rows.values()) {
      for (const step of [...row.sent]) {
        const isAnswered = handled.has(step.operation) || failed.has(step.operation);
        if (isAnswered) this.settle(row, step, failed.get(step.operation) ?? "");
      }
    }
    if (data.listing === this.listing) this.update(fresh);
    else this.begin(fresh);
    this.listing = data.listing;
    this.totals = data.totals;
    if (!this.chosen && !this.totals[this.kind]) this.kind = Object.keys(KINDS).find((kind) => this.totals[kind]) ?? "open";
    this.draw();
  }

  /**
   * Another list: what was decided is forgotten, but for what is under way or went wrong. Rows that were there before
   * stay the same objects, for their buttons know them.
   */
  begin(fresh) {
    const before = this.rows;
    this.rows = new Map();
    for (const [key, flip] of fresh) {
      const row = before.get(key) ?? undecided();
      if (!isBusy(row) && !row.message) Object.assign(row, undecided());
      this.rows.set(key, Object.assign(row, { flip }));
    }
    for (const [key, row] of before) if (!fresh.has(key) && (isBusy(row) || row.message)) this.rows.set(key, row);
  }

  /** The same list: what was decided stays to be seen; what nobody decided here and does not flip any more has gone. */
  update(fresh) {
    for (const [key, row] of this.rows) {
      if (fresh.has(key)) row.flip = fresh.get(key);
      else if (!row.past.length && !isBusy(row) && !row.message) this.rows.delete(key);
    }
    for (const [key, flip] of fresh) if (!this.rows.has(key)) this.rows.set(key, { ...undecided(), flip });
  }

  settle(row, step, message) {
    row.sent = row.sent.filter((other) => other !== step);
    row.message = message;
    const done = step.verdict ? `Saved, ${step.verdict}` : "Taken back";
    this.announce.textContent = `${row.flip.description}: ${message || done}`;
    if (message) return;
    if (step.verdict) row.past.push(step);
    else row.past.pop();
  }

  ask() {
    const groups = Math.max(...Object.keys(KINDS).map((kind) => [...this.rows.values()].filter(({ flip }) => flip.kind === kind).length));
    this.setStateValue("wanted", { listing: this.listing, groups: groups + STEP });
    this.list.querySelector("li:last-child button:not(:disabled)")?.focus({ preventScroll: true });
  }

  show(kind) {
    this.kind = kind;
    this.chosen = true;
    this.draw();
  }

  walk(event, kind) {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const kinds = Object.keys(KINDS);
    const next = kinds[(kinds.indexOf(kind) + way + kinds.length) % kinds.length];
    this.show(next);
    this.buttons[next].button.focus();
  }

  draw() {
    for (const [kind, { button, number }] of Object.entries(this.buttons)) {
      number.textContent = count(this.totals[kind]);
      button.setAttribute("aria-selected", String(kind === this.kind));
      button.tabIndex = kind === this.kind ? 0 : -1;
    }
    const shown = [...this.rows.values()].filter(({ flip }) => flip.kind === this.kind);
    const elements = shown.map((row) => this.rowOf(row));
    this.arrange(elements);
    this.about.textContent = KINDS[this.kind][1];
    this.empty.hidden = shown.length > 0;
    this.list.hidden = this.about.hidden = !shown.length;
    this.empty.textContent = { open: "No transaction gains or loses a tag.", wrong: "Nothing goes against a verdict.", right: "Nothing agrees with a verdict yet." }[this.kind];
    // What is decided counts elsewhere by now.
    const listed = shown.reduce((sum, { flip, past }) => sum + (past.length ? 0 : flip.count), 0);
    const left = this.totals[this.kind] - listed;
    this.more.hidden = left <= 0 || !shown.length;
    this.more.textContent = left > 0 ? `Show more: ${count(left)} in smaller groups` : "";
  }

  /** Only what comes and goes is touched, so that the row in use keeps the focus; where it goes, the next one gets it. */
  arrange(elements) {
    const { list } = this;
    const wanted = new Set(elements);
    const focused = [...list.children].findIndex((child) => child.contains(list.getRootNode().activeElement));
    const isGone = focused >= 0 && !wanted.has(list.children[focused]);
    for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
    elements.forEach((element, i) => {
      if (list.children[i] !== element) list.insertBefore(element, list.children[i] ?? null);
    });
    if (!isGone) return;
    const next = list.children[Math.min(focused, list.children.length - 1)]?.querySelector("button:not(:disabled)");
    (next ?? this.buttons[this.kind].button).focus({ preventScroll: true });
  }

  rowOf(row) {
    row.element ??= this.build(row);
    const { flip } = row;
    const verdict = verdictOf(row);
    const isStored = row.past.length > 0;
    row.number.textContent = count(flip.count);
    row.chip.textContent = `${flip.gains ? "+" : "\u2212"} ${flip.label.name}`;
    const color = COLORS.has(flip.label.color) ? flip.label.color : "gray";
    row.chip.style.setProperty("--label-tint", `var(--st-${color}-background-color)`);
    row.chip.style.setProperty("--label-text", `var(--st-${color}-text-color)`);
    row.probability.textContent = `${(100 * flip.probability).toFixed(1)} %`;
    const said = verdict ?? (flip.kind === "open" ? null : (flip.kind === "right") === flip.gains ? "yes" : "no");
    for (const [value, button] of Object.entries(row.buttons)) {
      button.setAttribute("aria-pressed", String(said === value));
      button.disabled = !flip.transactions.length;
    }
    const state = row.message || (isBusy(row) ? (this.outbox.isLate ? "Not stored yet" : "Saving\u2026") : isStored ? "Saved" : flip.transactions.length ? "" : "No description to remember");
    row.state.textContent = state;
    row.element.dataset.state = row.message ? "failed" : isBusy(row) ? "saving" : isStored ? "saved" : "";
    const hasFocus = row.undo.getRootNode().activeElement === row.undo;
    row.undo.hidden = !isStored || isBusy(row);
    if (hasFocus && row.undo.hidden) row.buttons.yes.focus();
    return row.element;
  }

  build(row) {
    const { flip } = row;
    row.number = make("b", "number");
    row.chip = make("span", "chip");
    const description = make("span", "description", flip.description || "(no description)");
    description.title = flip.description;
    row.probability = make("span", "probability");
    row.probability.title = "How likely the model finds the tag";
    row.buttons = {};
    const answers = make("span", "answers");
    for (const [value, title] of [["yes", "Yes"], ["no", "No"]]) {
      const button = make("button", "", title);
      button.type = "button";
      button.setAttribute("aria-label", `${title}, ${flip.description} ${value === "yes" ? "is" : "is not"} ${flip.label.name}`);
      button.addEventListener("click", () => this.judge(row, value));
      row.buttons[value] = button;
      answers.append(button);
    }
    row.undo = make("button", "undo", "Undo");
    row.undo.type = "button";
    row.undo.addEventListener("click", () => this.undo(row));
    row.state = make("span", "state");
    return make("li", "row", row.number, row.chip, description, row.probability, answers, make("span", "after", row.state, row.undo));
  }

  judge(row, value) {
    const isTakenBack = isBusy(row) && !row.sent.at(-1).verdict;
    if (verdictOf(row) === value && !row.message && !isTakenBack) return;
    const step = { kind: "verdict", label: row.flip.label.id, transactions: row.flip.transactions, value };
    row.sent.push({ operation: this.outbox.add(step), verdict: value });
    row.message = "";
    this.draw();
  }

  undo(row) {
    row.sent.push({ operation: this.outbox.add({ kind: "undo", target: row.past.at(-1).operation }), verdict: null });
    this.draw();
  }
}
