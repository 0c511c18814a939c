// What a threshold is to reach: a menu, and the numbers that some goals need. Python reads the text and solves it.

const SHARE = { min: 0, max: 1, step: 0.01 };
const COST = { min: 0, max: 1000000, step: 1 };

// `written` is how Python reads it, up to the numbers.
const GOALS = [
  { written: "recommended", title: "Recommended", about: "Chosen in training to hold on new transactions, with all tags looked at together." },
  { written: "f1", title: "Best F1 on these rows", about: "The peak of the curve shown. From few examples it seldom holds on new data." },
  { written: "f2", title: "Best F2: a miss weighs more", about: "As F1, but recall counts twice as much as precision." },
  { written: "f0.5", title: "Best F0.5: a false tag weighs more", about: "As F1, but precision counts twice as much as recall." },
  { written: "f", title: "Best F-beta", about: "As F1, but recall counts beta times as much as precision.", fields: [{ name: "beta", short: "beta", value: 3, min: 0.01, max: 100, step: 0.5 }] },
  { written: "precision>=", title: "Precision at least", about: "The most recall that keeps this precision.", fields: [{ name: "precision", short: "", value: 0.9, ...SHARE }] },
  { written: "recall>=", title: "Recall at least", about: "The most precision that keeps this recall.", fields: [{ name: "recall", short: "", value: 0.9, ...SHARE }] },
  { written: "permonth<=", title: "At most, a month", about: "As low as it can be with no calendar month getting more suggestions than this: it may add tags. Counted is what the model decides: dated, not judged and not answered from memory.", fields: [{ name: "suggestions in a month", short: "", value: 20, min: 0, max: 100000000, step: 1, whole: true }] },
  { written: "cost:", title: "Least cost", about: "The least that false and missed tags cost in all.", fields: [{ name: "cost of a false tag", short: "false", value: 1, ...COST }, { name: "cost of a missed tag", short: "missed", value: 1, ...COST }] },
  { written: "grid", title: "Best of 17 points", about: "The best F1 among 0.10, 0.15 to 0.90, as the first version of this model had it." },
  { written: "fixed:", title: "Fixed at", about: "This threshold, whatever the rows say.", fields: [{ name: "threshold", short: "", value: 0.5, min: 0, max: 1, step: 0.001 }] },
];

/** The goal that a text is, and its numbers; a text that the menu does not have is one of its own. */
function readGoal(text) {
  for (const goal of GOALS) {
    if (!goal.fields && goal.written === text) return { goal, values: [] };
    if (goal.fields && text.startsWith(goal.written)) {
      const values = text.slice(goal.written.length).split(":").map(Number);
      if (values.length === goal.fields.length && values.every(Number.isFinite)) return { goal, values };
    }
  }
  return { goal: { written: text, title: text, about: "" }, values: [] };
}

/** As Python reads it: no exponent. */
const toNumber = (text) => Number(Number(text).toFixed(6));

class GoalMenu {
  /** `onChange` is called with the text of what was chosen. */
  constructor(name, onChange, placeholder = "") {
    this.onChange = onChange;
    this.placeholder = placeholder;
    this.select = make("select");
    this.select.setAttribute("aria-label", name);
    if (placeholder) this.option("", placeholder);
    for (const goal of GOALS) this.option(goal.written, goal.title);
    this.fields = make("span", "fields");
    this.problem = make("small", "problem");
    this.problem.setAttribute("role", "alert");
    this.problem.hidden = true;
    this.element = make("div", "goal", this.select, this.fields, this.problem);
    this.select.addEventListener("change", () => this.choose());
  }

  option(value, title) {
    const option = make("option", "", title);
    option.value = value;
    this.select.append(option);
  }

  get text() {
    return this.select.value + this.inputs.map((input) => toNumber(input.value)).join(":");
  }

  get inputs() {
    return [...this.fields.querySelectorAll("input")];
  }

  get isDefault() {
    return this.select.value === GOALS[0].written;
  }

  set disabled(isOff) {
    for (const control of [this.select, ...this.inputs]) control.disabled = isOff;
  }

  get isValid() {
    const { inputs } = this;
    const isCost = this.shown === "cost:";
    return inputs.every((input) => input.value !== "" && input.checkValidity()) && !(isCost && inputs.every((input) => !toNumber(input.value)));
  }

  /** Says what a number can be, while it is not that. */
  check() {
    const [first] = this.inputs;
    const range = first && `${count(Number(first.min))} to ${count(Number(first.max))}`;
    const text = this.isValid ? "" : this.shown === "cost:" ? `Two costs, ${range}, not both 0` : `A ${first.dataset.whole ? "whole " : ""}number, ${range}`;
    write(this.problem, text);
    this.problem.hidden = !text;
    if (!text) this.onChange(this.text);
  }

  choose() {
    const { goal } = readGoal(this.select.value);
    const known = GOALS.find((each) => each.written === this.select.value) ?? goal;
    this.showFields(known, (known.fields ?? []).map((field) => field.value));
    if (this.select.value) this.onChange(this.text);
  }

  showFields(goal, values) {
    this.about = goal.about;
    const wanted = goal.fields ?? [];
    if (this.shown !== goal.written || this.inputs.length !== wanted.length) {
      this.shown = goal.written;
      this.problem.hidden = true;
      this.fields.replaceChildren(...wanted.map((field) => this.field(field)));
    }
    this.inputs.forEach((input, i) => {
      // Somebody may be typing a number while the answer to the one before comes in.
      if (!input.matches(":focus") && (Number(input.value) !== values[i] || input.value === "")) input.value = String(values[i]);
    });
  }

  field({ name, short, value, whole, ...range }) {
    const input = make("input");
    Object.assign(input, { type: "number", inputMode: "decimal", title: name, step: whole ? 1 : "any", min: range.min, max: range.max });
    input.setAttribute("aria-label", name);
    if (whole) input.dataset.whole = "yes";
    input.addEventListener("change", () => this.check());
    input.addEventListener("keydown", (event) => this.step(event, input, range));
    return make("label", "", short, input);
  }

  /** Arrow keys go by useful steps, though any number may be typed. */
  step(event, input, { min, max, step }) {
    const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const value = Math.min(max, Math.max(min, Number(input.value) + way * step));
    input.value = String(Math.round(value * 1000) / 1000);
    input.dispatchEvent(new Event("change"));
  }

  set(text) {
    if (text === this.given && !this.problem.hidden) return; // what was typed stays, beside what is wrong with it
    this.given = text;
    this.problem.hidden = true;
    const { goal, values } = readGoal(text);
    if (![...this.select.options].some((option) => option.value === goal.written)) this.option(goal.written, goal.title);
    if (this.select.value !== goal.written) this.select.value = goal.written;
    this.showFields(goal, values);
  }
}
