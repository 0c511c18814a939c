// The threshold panel. Python sends scores and truth once; everything that moves during a drag is counted here.
// Streamlit calls the default export again on the same DOM whenever the data or the theme changes, so the panel
// is kept per parent element. Text from people (label names, notes) enters through textContent only.

const METRICS = ["precision", "recall", "f1"];
const TITLES = { precision: "Precision", recall: "Recall", f1: "F1" };
const LETTERS = { precision: "P", recall: "R", f1: "F1" };
const COLORS = new Set(["red", "orange", "yellow", "blue", "green", "violet", "gray"]);
const SAMPLES = 480; // columns of a drawn curve; a card's chart is 230 to 640 px wide
const LETTER = 11; // percent of a chart's height that a letter needs
const KEYS_PAUSE = 300; // ms without a key press until a series of presses is committed as one
const OPTIMUM = "Best F1 on the curve shown. From few examples it seldom holds on new data.";
const SVG = "http://www.w3.org/2000/svg";

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

// Numbers

export class Curve {
  /** Scores are descending; truth holds one bit per score, the first in the highest bit. */
  constructor(scores, truth) {
    this.scores = scores;
    this.right = new Uint32Array(scores.length + 1);
    for (let i = 0; i < scores.length; i++) {
      this.right[i + 1] = this.right[i] + ((truth[i >> 3] >> (7 - (i & 7))) & 1);
    }
    this.positives = this.right[scores.length];
    this.hasNo = this.positives < scores.length;
  }

  /** A score equal to the threshold counts as present. A float32 is compared as the double it is. */
  at(threshold) {
    let low = 0;
    let high = this.scores.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.scores[middle] >= threshold) low = middle + 1;
      else high = middle;
    }
    return measure(this.right[low], low - this.right[low], this.positives - this.right[low], this.hasNo);
  }
}

/** Undefined where a denominator is 0, precision and F1 also where nobody said no: null, shown as "n/a". */
function measure(tp, fp, fn, hasNo) {
  return {
    tp,
    fp,
    fn,
    hasNo,
    precision: hasNo && tp + fp ? tp / (tp + fp) : null,
    recall: tp + fn ? tp / (tp + fn) : null,
    f1: hasNo && 2 * tp + fp + fn ? (2 * tp) / (2 * tp + fp + fn) : null,
  };
}

function mean(values) {
  const known = values.filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}

/**
 * Micro scores the pooled decisions as if they were of one label; macro is the mean over labels that have a positive,
 * of precision and F1 over those of them that somebody said no to.
 */
export function totals(measures) {
  const sum = (name) => measures.reduce((total, one) => total + one[name], 0);
  const withSupport = measures.filter((one) => one.tp + one.fn > 0);
  const macro = {};
  for (const metric of METRICS) macro[metric] = mean(withSupport.map((one) => one[metric]));
  const micro = measure(sum("tp"), sum("fp"), sum("fn"), measures.some((one) => one.hasNo));
  return { micro, macro, scored: withSupport.filter((one) => one.hasNo).length };
}

const round3 = (value) => Math.round(value * 1000) / 1000;
const clamp = (value) => Math.min(1, Math.max(0, value));
const show = (value) => (value === null ? "n/a" : value.toFixed(3));
const count = (value) => value.toLocaleString("en-US");
const tags = (n) => `${count(n)} ${n === 1 ? "tag" : "tags"}`;
const exact = (value) => (value === null ? "" : String(value));

/** Nothing where it would read as no change: "+0.000" says less than nothing. */
function showDelta(now, before, digits) {
  if (now === null || before === null) return "";
  const size = Math.abs(now - before);
  if (Number(size.toFixed(digits)) === 0) return "";
  return (now > before ? "+" : "\u2212") + (digits ? size.toFixed(digits) : count(size));
}

const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

// What Python sent: header length, header (JSON), all scores, all truth bits

function readHeader(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  return { text: new TextDecoder().decode(bytes.subarray(4, 4 + length)), end: 4 + length };
}

function readCurves(bytes, end, labels) {
  const { buffer } = bytes.slice(end); // a copy begins on a boundary that Float32Array accepts
  let offset = 0;
  const scores = labels.map(({ judged }) => {
    const part = new Float32Array(buffer, offset, judged);
    offset += 4 * judged;
    return part;
  });
  return labels.map(({ judged }, index) => {
    const truth = new Uint8Array(buffer, offset, Math.ceil(judged / 8));
    offset += truth.length;
    return new Curve(scores[index], truth);
  });
}

// DOM

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

function makeSvg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A figure's change since the saved thresholds; more of it is better. */
function writeScoreDelta(element, now, before) {
  const text = showDelta(now, before, 3);
  write(element, text);
  element.dataset.way = text && (now > before ? "up" : "down");
}

function swatch(metric) {
  return makeSvg("svg", { class: "swatch", viewBox: "0 0 18 4", "aria-hidden": "true" },
    makeSvg("path", { class: `is-${metric}`, d: "M0 2H18" }));
}

function glyph(kind) {
  const element = make("i", `glyph is-${kind}`);
  element.setAttribute("aria-hidden", "true");
  return element;
}

// One card

class Card {
  constructor(panel, curve) {
    this.panel = panel;
    this.curve = curve;
    this.build();
  }

  build() {
    this.chip = make("h3", "chip");
    this.value = make("span");
    const threshold = make("p", "threshold", make("span", "", "\u2265 "), this.value);
    threshold.setAttribute("aria-hidden", "true"); // the slider says it
    this.buildChart();
    this.slider = make("input");
    // Steps are taken here, so that an optimum between two thousandths can be held exactly.
    Object.assign(this.slider, { type: "range", min: "0", max: "1", step: "any" });

    this.scores = {};
    const scores = make("dl", "scores");
    for (const metric of METRICS) {
      const value = make("span", "value");
      const delta = make("span", "delta");
      this.scores[metric] = { value, delta };
      scores.append(make("div", `is-${metric}`, make("dt", "", swatch(metric), TITLES[metric]), make("dd", "", value, delta)));
    }

    this.counts = {};
    const counts = make("p", "counts");
    for (const name of ["given", "right", "wrong", "missed"]) {
      this.counts[name] = make("b");
      counts.append(make("span", "", this.counts[name], name));
    }
    this.support = make("p", "support");
    this.note = make("p", "note");

    this.toOptimum = make("button");
    this.toSaved = make("button");
    this.toOptimum.type = this.toSaved.type = "button";
    this.toOptimum.title = this.marks.optimum.title = OPTIMUM;
    this.element = make("li", "card",
      make("div", "head", this.chip, threshold), this.chart, this.slider,
      scores, counts, this.support, this.note, make("div", "goto", this.toOptimum, this.toSaved));

    this.slider.addEventListener("input", () => this.drag());
    this.slider.addEventListener("change", () => this.panel.commit());
    this.slider.addEventListener("keydown", (event) => this.press(event));
    this.slider.addEventListener("blur", () => this.panel.flush());
    this.toOptimum.addEventListener("click", () => this.panel.set([[this, this.label.optimum]]));
    this.toSaved.addEventListener("click", () => this.panel.set([[this, this.label.saved]]));
  }

  buildChart() {
    this.plot = makeSvg("svg", { viewBox: "0 0 1000 100", preserveAspectRatio: "none" },
      makeSvg("path", { class: "rule", d: "M0 0H1000" }),
      makeSvg("path", { class: "rule", d: "M0 50H1000" }),
      makeSvg("path", { class: "rule floor", d: "M0 100H1000" }));
    this.tagged = make("i");
    this.marks = { optimum: make("div", "mark is-optimum", glyph("optimum")), saved: make("div", "mark is-saved", glyph("saved")) };
    // Each curve's point at the threshold and its letter: they move together.
    this.dots = {};
    this.letters = {};
    this.dotsBox = make("div", "dots");
    for (const metric of METRICS) {
      this.dots[metric] = make("i", `dot is-${metric}`);
      this.letters[metric] = make("span", `letter is-${metric}`, LETTERS[metric]);
    }
    this.dotsBox.append(...Object.values(this.letters), ...Object.values(this.dots));
    this.marker = make("div", "marker");
    const top = make("span", "scale", "1");
    const floor = make("span", "scale", "0");
    top.style.top = "0";
    floor.style.top = "100%";
    this.flat = make("p", "flat");
    this.chart = make("div", "chart",
      make("div", "plot", make("div", "tagged", this.tagged), this.plot, top, floor),
      this.marks.saved, this.marks.optimum, this.flat, this.marker, this.dotsBox);
    this.chart.setAttribute("aria-hidden", "true");
  }

  /** Take what Python says about the label; the working threshold stays unless `reset`. */
  describe(label, reset) {
    this.label = label;
    this.name = fold(label.name);
    if (reset || this.threshold === undefined) this.threshold = label.threshold;
    this.savedMeasure = this.curve.at(label.saved);
    const color = COLORS.has(label.color) ? label.color : "gray";
    this.element.style.setProperty("--label-tint", `var(--st-${color}-background-color)`);
    this.element.style.setProperty("--label-text", `var(--st-${color}-text-color)`);
    this.element.dataset.label = label.id;
    write(this.chip, label.name);
    this.chip.title = label.name;
    this.slider.setAttribute("aria-label", `Threshold for ${label.name}`);
    write(this.support, `${count(label.support)} of ${count(label.judged)} judged ${label.support === 1 ? "has" : "have"} it`);
    write(this.note, label.note);
    this.note.hidden = !label.note;

    this.marks.saved.style.left = `${100 * label.saved}%`;
    this.marks.optimum.hidden = label.optimum === null;
    this.toOptimum.replaceChildren(glyph("optimum"), label.optimum === null ? "No optimum" : `Optimum ${show(label.optimum)}`);
    this.toSaved.replaceChildren(glyph("saved"), `Saved ${show(label.saved)}`);
    this.toSaved.setAttribute("aria-label", `Reset ${label.name} to the saved threshold ${show(label.saved)}`);
    if (label.optimum === null) {
      this.toOptimum.setAttribute("aria-label", `No optimum for ${label.name}`);
    } else {
      this.marks.optimum.style.left = `${100 * label.optimum}%`;
      this.toOptimum.setAttribute("aria-label", `Set ${label.name} to its optimum ${show(label.optimum)}`);
    }
    const flat = this.curve.positives === 0;
    this.flat.hidden = !flat;
    this.dotsBox.hidden = flat;
    this.element.dataset.flat = flat ? "yes" : "no";
    write(this.flat, label.judged ? "No judged row has this tag, so no curve" : "No judged rows yet, so no curve");
    this.update();
  }

  get changed() {
    return this.threshold !== this.label.saved;
  }

  /** Everything that follows a moving threshold. It writes text and offsets only, so nothing changes size. */
  update() {
    const { threshold, savedMeasure } = this;
    const now = this.curve.at(threshold);
    this.measure = now;
    const { dataset } = this.element;
    dataset.threshold = String(threshold);
    dataset.changed = this.changed ? "yes" : "no";
    for (const name of ["tp", "fp", "fn"]) dataset[name] = String(now[name]);
    const letters = letterPlaces(now);
    for (const metric of METRICS) {
      dataset[metric] = exact(now[metric]);
      write(this.scores[metric].value, show(now[metric]));
      writeScoreDelta(this.scores[metric].delta, now[metric], savedMeasure[metric]);
      this.dots[metric].hidden = this.letters[metric].hidden = now[metric] === null;
      this.dots[metric].style.top = `${fromTop(now[metric])}%`;
      this.letters[metric].style.top = `${letters[metric]}%`;
    }
    write(this.counts.given, count(now.tp + now.fp));
    write(this.counts.right, count(now.tp));
    write(this.counts.wrong, count(now.fp));
    write(this.counts.missed, count(now.fn));
    write(this.value, show(threshold));
    const at = `${100 * threshold}%`;
    this.marker.style.left = at;
    this.dotsBox.style.left = at;
    this.tagged.style.transform = `translateX(${at})`;
    this.slider.style.setProperty("--at", `calc(var(--thumb) / 2 + ${threshold} * (100% - var(--thumb)))`);
    if (Number(this.slider.value) !== threshold) this.slider.value = String(threshold);
    this.slider.setAttribute("aria-valuetext",
      `${show(threshold)}: precision ${show(now.precision)}, recall ${show(now.recall)}, F1 ${show(now.f1)}`);
    this.toSaved.disabled = !this.changed;
    this.toOptimum.disabled = this.label.optimum === null || threshold === this.label.optimum;
  }

  /** A thousandth that reads like the saved value or the optimum is that value. */
  snap(value) {
    const rounded = round3(clamp(value));
    for (const exactly of [this.label.saved, this.label.optimum]) {
      if (exactly !== null && show(exactly) === show(rounded)) return exactly;
    }
    return rounded;
  }

  drag() {
    this.threshold = this.snap(Number(this.slider.value));
    this.update();
    this.panel.updateTotals();
  }

  press(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const steps = { ArrowUp: 0.001, ArrowRight: 0.001, ArrowDown: -0.001, ArrowLeft: -0.001, PageUp: 0.05, PageDown: -0.05 };
    let target;
    if (event.key in steps) target = round3(this.threshold) + steps[event.key];
    else if (event.key === "Home") target = 0;
    else if (event.key === "End") target = 1;
    else return;
    event.preventDefault();
    this.threshold = this.snap(target);
    this.update();
    this.panel.updateTotals();
    this.panel.commitSoon();
  }

  draw() {
    if (this.curve.positives === 0) return;
    const columns = Array.from({ length: SAMPLES + 1 }, (_, i) => this.curve.at(i / SAMPLES));
    for (const metric of METRICS) {
      this.plot.append(makeSvg("path", { class: `curve is-${metric}`, d: stepPath(columns.map((at) => at[metric])) }));
    }
  }
}

/** In percent of the chart's height. */
const fromTop = (value) => 100 * (1 - value);

/** F1 lies between precision and recall, so its letter stays and theirs make room above and below it. */
function letterPlaces({ precision, recall, f1 }) {
  const middle = Math.min(100 - LETTER, Math.max(LETTER, fromTop(f1)));
  const above = (value) => Math.min(fromTop(value), middle - LETTER);
  const below = (value) => Math.max(fromTop(value), middle + LETTER);
  return precision > recall
    ? { precision: above(precision), recall: below(recall), f1: middle }
    : { precision: below(precision), recall: above(recall), f1: middle };
}

/** Steps at the columns where the value changes; a gap where it is undefined. */
function stepPath(values) {
  let path = "";
  let last = null;
  for (let i = 0; i <= SAMPLES; i++) {
    const value = values[i];
    const x = ((1000 * i) / SAMPLES).toFixed(1);
    if (value === null) {
      if (last !== null) path += `H${x}`;
    } else {
      const y = fromTop(value).toFixed(2);
      if (last === null) path += `M${x} ${y}`;
      else if (value !== last) path += `H${x}V${y}`;
      else if (i === SAMPLES) path += `H${x}`;
    }
    last = value;
  }
  return path;
}

// The whole panel

// A tag without a positive, or without a negative, has no F1 to mend: it comes last, as macro leaves it out.
const sortF1 = (card) => (card.curve.positives ? card.measure.f1 ?? 2 : 2);

// The first is the default: where the numbers rest on the most evidence, and a change moves the most tags.
const ORDERS = {
  support: ["Most examples first", (a, b) => b.label.support - a.label.support],
  f1: ["Worst F1 first", (a, b) => sortF1(a) - sortF1(b)],
  changed: ["Changed only", (a, b) => a.index - b.index],
  name: ["Name A to Z", (a, b) => a.label.name.localeCompare(b.label.name)],
};

class Panel {
  constructor(parent) {
    this.cards = [];
    this.header = null;
    this.timer = 0;
    this.root = make("div", "panel");
    this.build();
    parent.append(this.root);
    // A curve is drawn when its card comes near the view: with 200 tags the first paint needs only a dozen.
    this.sight = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        this.sight.unobserve(entry.target);
        this.undrawn.get(entry.target)?.draw();
        this.undrawn.delete(entry.target);
      }
    }, { rootMargin: "800px" });
    this.undrawn = new Map();
    this.size = new ResizeObserver(() => this.fit());
    this.size.observe(this.root);
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
        this.figures[kind][metric] = { value, delta };
        row.append(make("td", `is-${metric}`, value, delta));
      }
      row.dataset.total = kind;
      this.figures[kind].row = row;
      body.append(row);
    }
    const table = make("table", "figures", make("thead", "", head), body);
    table.setAttribute("aria-label", "Totals over all tags");
    this.given = make("span", "value");
    this.givenDelta = make("span", "delta");
    this.truth = make("small");
    this.measured = make("small", "measured");
    this.measuredBelow = make("small", "measured-below"); // a phone's totals have no room for it
    const given = make("div", "given", make("span", "name", "Tags given on judged rows"), make("div", "", this.given, this.givenDelta), this.truth, this.measured);
    given.title = "Counted on the judged rows that the curves are drawn from, not on all transactions.";
    this.totals = make("section", "totals", table, given);

    this.allOptimum = make("button", "", "Set all to optimum");
    this.allSaved = make("button", "", "Reset all to saved");
    this.allOptimum.type = this.allSaved.type = "button";
    this.allOptimum.title = OPTIMUM;
    this.order = make("select");
    this.order.setAttribute("aria-label", "Order of the tags");
    for (const [value, [title]] of Object.entries(ORDERS)) {
      const option = make("option", "", title);
      option.value = value;
      this.order.append(option);
    }
    this.query = make("input");
    Object.assign(this.query, { type: "search", placeholder: "Find a tag", autocomplete: "off", spellcheck: false });
    this.query.setAttribute("aria-label", "Find a tag");
    this.shown = make("span", "shown");
    this.shown.setAttribute("role", "status");
    this.top = make("header", "top", this.totals,
      make("div", "tools", make("div", "find", this.query, this.order), this.shown, make("span", "space"), this.allSaved, this.allOptimum, this.measuredBelow));

    this.grid = make("ul", "grid");
    this.grid.setAttribute("aria-label", "Thresholds by tag");
    this.emptyTitle = make("h3");
    this.emptyText = make("p");
    this.emptyButton = make("button", "", "Show all tags");
    this.emptyButton.type = "button";
    this.empty = make("section", "empty", emptyPicture(), this.emptyTitle, this.emptyText, this.emptyButton);
    this.announce = make("p", "hush");
    this.announce.setAttribute("role", "status");
    this.root.append(this.top, this.grid, this.empty, this.announce);

    this.order.addEventListener("change", () => this.arrange());
    this.query.addEventListener("input", () => this.arrange());
    this.emptyButton.addEventListener("click", () => {
      this.query.value = "";
      this.order.selectedIndex = 0;
      this.arrange();
      this.query.focus();
    });
    this.allOptimum.addEventListener("click", () => this.set(this.tunable().map((card) => [card, card.label.optimum])));
    this.allSaved.addEventListener("click", () => this.set(this.cards.map((card) => [card, card.label.saved])));
  }

  receive(bytes) {
    const { text, end } = readHeader(bytes);
    if (text === this.text) return;
    this.text = text;
    const header = JSON.parse(text);
    const before = this.header;
    const rebuild = before?.digest !== header.digest;
    const reset = rebuild || before.revision !== header.revision;
    this.header = header;
    // What was not committed yet belongs to curves or thresholds that have been replaced.
    if (reset) this.stopWaiting();
    if (rebuild) {
      this.sight.disconnect();
      this.cards = readCurves(bytes, end, header.labels).map((curve) => new Card(this, curve));
      this.undrawn = new Map(this.cards.map((card) => [card.element, card]));
    }
    header.labels.forEach((label, index) => {
      this.cards[index].index = index;
      this.cards[index].describe(label, reset);
    });
    if (reset) this.sentText = JSON.stringify(this.payload());
    this.savedTotals = totals(this.cards.map((card) => card.savedMeasure));
    if (rebuild) {
      this.arrange();
      for (const card of this.cards) this.sight.observe(card.element);
    }
    this.updateTotals();
    this.describeTotals();
    this.root.dataset.revision = String(header.revision);
  }

  describeTotals() {
    const { labels, measuredOn } = this.header;
    const judged = labels.map((label) => label.judged);
    const most = Math.max(0, ...judged);
    const upTo = judged.some((n) => n !== most) ? "up to " : "";
    const left = labels.length - this.savedTotals.scored;
    write(this.scored, `mean of ${tags(this.savedTotals.scored)}`);
    write(this.leftOut, left ? `${count(left)} left out` : "none left out");
    this.leftOut.title = left ? "Without a judged row that has it and one that has it not, a tag has no F1, so macro leaves it out." : "";
    const positives = this.cards.reduce((sum, card) => sum + card.curve.positives, 0);
    write(this.truth, `${count(positives)} true ${positives === 1 ? "tag" : "tags"}`);
    const measured = `Measured ${measuredOn}, ${upTo}${count(most)} judged rows`;
    write(this.measured, measured);
    write(this.measuredBelow, measured);
    this.top.hidden = labels.length === 0;
  }

  updateTotals() {
    const now = totals(this.cards.map((card) => card.measure));
    for (const kind of ["micro", "macro"]) {
      for (const metric of METRICS) {
        const cell = this.figures[kind][metric];
        write(cell.value, show(now[kind][metric]));
        writeScoreDelta(cell.delta, now[kind][metric], this.savedTotals[kind][metric]);
        this.figures[kind].row.dataset[metric] = exact(now[kind][metric]);
      }
    }
    const given = now.micro.tp + now.micro.fp;
    const before = this.savedTotals.micro.tp + this.savedTotals.micro.fp;
    write(this.given, count(given));
    write(this.givenDelta, showDelta(given, before, 0));
    this.allSaved.disabled = !this.cards.some((card) => card.changed);
    this.allOptimum.disabled = !this.tunable().some((card) => card.threshold !== card.label.optimum);
    this.updateShown();
  }

  updateShown() {
    const { length } = this.cards;
    const some = this.visible === length ? "" : `${count(this.visible)} of `;
    const changed = this.cards.filter((card) => card.changed).length;
    write(this.shown, `${some}${tags(length)}, ${count(changed)}\u00a0changed`);
  }

  /** Rare tags keep the shared default when all are set: a tuned value needs evidence. */
  tunable() {
    return this.cards.filter((card) => card.label.tuned && card.label.optimum !== null);
  }

  /** Order and filter. Only on request, so that no card moves away from under a pointer. */
  arrange() {
    const wanted = fold(this.query.value.trim());
    const order = this.order.value;
    const sorted = [...this.cards].sort((a, b) => ORDERS[order][1](a, b) || a.index - b.index);
    const chosen = sorted.filter((card) => card.name.includes(wanted) && (order !== "changed" || card.changed));
    this.grid.replaceChildren(...chosen.map((card) => card.element));
    this.visible = chosen.length;
    this.grid.hidden = this.visible === 0;
    this.empty.hidden = this.visible > 0;
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

  payload() {
    const changed = {};
    for (const card of this.cards) {
      if (card.threshold !== card.label.threshold) changed[card.label.id] = card.threshold;
    }
    return { revision: this.header.revision, changed };
  }

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
    const payload = this.payload();
    const text = JSON.stringify(payload);
    if (text === this.sentText) return;
    this.sentText = text;
    this.setStateValue("thresholds", payload);
  }

  dispose() {
    this.stopWaiting();
    this.sight.disconnect();
    this.size.disconnect();
    this.root.remove();
  }
}

function emptyPicture() {
  return makeSvg("svg", { viewBox: "0 0 120 56", "aria-hidden": "true" },
    makeSvg("path", { d: "M0 55.5H120", stroke: "var(--line)" }),
    makeSvg("path", { d: "M4 46C40 44 52 12 74 12S104 40 116 52", stroke: "var(--muted)", "stroke-width": "2" }),
    makeSvg("path", { d: "M4 4C52 5 66 20 84 36S108 52 116 53", class: "curve is-recall" }),
    makeSvg("path", { d: "M4 50C44 48 56 26 72 14S104 4 116 4", class: "curve is-precision" }));
}
