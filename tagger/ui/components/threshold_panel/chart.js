// Three ways to look at one label: scores by threshold, precision against recall, and calibration. Each is drawn once,
// when its card comes near the view; only marks move.

const SAMPLES = 480; // columns of a drawn curve; a card's chart is 230 to 640 px wide
const LETTER = 11; // percent of a chart's height that a letter needs

/** In percent of the chart's height. */
const fromTop = (value) => 100 * (1 - value);
const at = (x, y) => `${(1000 * x).toFixed(1)} ${fromTop(y).toFixed(2)}`;

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

/** A closed shape between the ends of a metric's intervals, over its own edges. */
function bandPath({ edges, low, high }, metric) {
  const n = edges.length;
  const known = [...edges.keys()].filter((i) => !Number.isNaN(low[metric * n + i]));
  if (!known.length) return "";
  const up = known.map((i) => at(edges[i], high[metric * n + i]));
  const down = known.reverse().map((i) => at(edges[i], low[metric * n + i]));
  return `M${up.join("L")}L${down.join("L")}Z`;
}

/** Precision against recall, from the highest score down; thinned to what a pixel shows. */
function precisionRecallPath(curve) {
  let path = "";
  let last = [-1, -1];
  for (let given = 1; given <= curve.scores.length; given++) {
    if (given < curve.scores.length && curve.scores[given] === curve.scores[given - 1]) continue;
    const { precision, recall } = curve.of(given);
    if (precision === null || recall === null) continue;
    const isLast = given === curve.scores.length;
    if (!isLast && Math.hypot(recall - last[0], precision - last[1]) < 0.004) continue;
    path += `${path ? "L" : "M"}${at(recall, precision)}`;
    last = [recall, precision];
  }
  return path;
}

/** Where F1 is the same: recall r needs precision f r / (2 r - f). */
function sameF1Path(f1) {
  const points = [];
  for (let i = 0; i <= 40; i++) {
    const recall = f1 / (2 - f1) + ((1 - f1 / (2 - f1)) * i) / 40;
    points.push(at(recall, Math.min(1, (f1 * recall) / (2 * recall - f1))));
  }
  return `M${points.join("L")}`;
}

function frame(className, ...children) {
  return makeSvg("svg", { class: className, viewBox: "0 0 1000 100", preserveAspectRatio: "none" },
    makeSvg("path", { class: "rule", d: "M0 0H1000" }),
    makeSvg("path", { class: "rule", d: "M0 50H1000" }),
    makeSvg("path", { class: "rule floor", d: "M0 100H1000" }), ...children);
}

class Chart {
  constructor(data) {
    this.data = data;
    this.drawn = new Set();
    this.plots = {
      threshold: frame("view-threshold"),
      recall: frame("view-recall"),
      calibration: frame("view-calibration", makeSvg("path", { class: "rule even", d: "M0 100L1000 0" })),
    };
    this.tagged = make("i");
    this.marks = {
      target: make("div", "mark is-target view-threshold", glyph("target")),
      saved: make("div", "mark is-saved view-threshold", glyph("saved")),
      best: make("div", "best view-threshold", make("i")),
    };
    // Each curve's point at the threshold and its letter: they move together.
    this.dots = {};
    this.letters = {};
    this.dotsBox = make("div", "dots view-threshold");
    for (const metric of METRICS) {
      this.dots[metric] = make("i", `dot is-${metric}`);
      this.letters[metric] = make("span", `letter is-${metric}`, LETTERS[metric]);
    }
    this.dotsBox.append(...Object.values(this.letters), ...Object.values(this.dots));
    this.marker = make("div", "marker");
    this.points = { saved: make("i", "point is-saved view-recall"), now: make("i", "point is-now view-recall") };
    const top = make("span", "scale", "1");
    const floor = make("span", "scale", "0");
    top.style.top = "0";
    floor.style.top = "100%";
    this.flat = make("p", "flat");
    this.axes = make("p", "axes view-recall", make("span", "", "\u2191 precision"), make("span", "", "recall \u2192"));
    this.axesOfCalibration = make("p", "axes view-calibration", make("span", "", "\u2191 share that has it"), make("span", "", "probability \u2192"));
    this.plot = make("div", "plot", make("div", "tagged view-threshold", this.tagged), ...Object.values(this.plots), top, floor,
      this.points.saved, this.points.now);
    this.element = make("div", "chart", this.plot, this.axes, this.axesOfCalibration,
      this.marks.best, this.marks.saved, this.marks.target, this.flat, this.marker, this.dotsBox);
    this.element.setAttribute("aria-hidden", "true");
  }

  get isFlat() {
    return this.data.curve.positives === 0;
  }

  /** Where the goal, the saved threshold and the best F1 lie. */
  place({ saved, target, best }) {
    this.marks.saved.style.left = `${100 * saved}%`;
    this.marks.target.hidden = target === null;
    if (target !== null) this.marks.target.style.left = `${100 * target}%`;
    this.marks.best.hidden = best === null;
    if (best !== null) {
      const [low, high] = this.data.best ?? [best, best];
      this.marks.best.style.left = `${100 * Math.min(low, best)}%`;
      this.marks.best.style.width = `${100 * (Math.max(high, best) - Math.min(low, best))}%`;
      this.marks.best.firstChild.style.left = `${(100 * (best - Math.min(low, best))) / (Math.max(high, best) - Math.min(low, best) || 1)}%`;
      this.marks.best.title = `Best F1 on the curve shown: ${show(best)}. On other rows like these it lies between ${short(low)} and ${short(high)}.`;
    }
    const before = this.data.curve.at(saved);
    this.point(this.points.saved, before);
    this.flat.hidden = !this.isFlat;
    this.dotsBox.hidden = this.isFlat;
    write(this.flat, this.data.judged ? "No judged row has this tag, so no curve" : "No judged rows yet, so no curve");
  }

  point(element, { precision, recall }) {
    element.hidden = precision === null || recall === null;
    if (element.hidden) return;
    element.style.left = `${100 * recall}%`;
    element.style.top = `${fromTop(precision)}%`;
  }

  /** Everything that follows the threshold. Offsets only, so nothing changes size. */
  move(threshold, now) {
    const letters = letterPlaces(now);
    for (const metric of METRICS) {
      this.dots[metric].hidden = this.letters[metric].hidden = now[metric] === null;
      this.dots[metric].style.top = `${fromTop(now[metric])}%`;
      this.letters[metric].style.top = `${letters[metric]}%`;
    }
    this.point(this.points.now, now);
    const left = `${100 * threshold}%`;
    this.marker.style.left = left;
    this.dotsBox.style.left = left;
    this.tagged.style.transform = `translateX(${left})`;
  }

  draw(view) {
    if (this.drawn.has(view)) return;
    this.drawn.add(view);
    if (this.isFlat && view !== "calibration") return;
    const plot = this.plots[view];
    const { curve, bands, bins } = this.data;
    if (view === "threshold") {
      METRICS.forEach((metric, i) => plot.append(makeSvg("path", { class: `band is-${metric}`, d: bandPath(bands, i) })));
      const columns = Array.from({ length: SAMPLES + 1 }, (_, i) => curve.at(i / SAMPLES));
      for (const metric of METRICS) {
        plot.append(makeSvg("path", { class: `curve is-${metric}`, d: stepPath(columns.map((each) => each[metric])) }));
      }
    } else if (view === "recall") {
      for (const f1 of [0.2, 0.4, 0.6, 0.8]) plot.append(makeSvg("path", { class: "rule", d: sameF1Path(f1) }));
      plot.append(makeSvg("path", { class: "curve is-f1", d: precisionRecallPath(curve) }));
    } else {
      const bars = bins.map(({ mean, interval }) => `M${at(mean, interval[0])}L${at(mean, interval[1])}`).join("");
      const line = bins.map(({ mean, share }) => at(mean, share)).join("L");
      plot.append(makeSvg("path", { class: "whisker", d: bars }), makeSvg("path", { class: "curve is-f1", d: line && `M${line}` }));
      for (const { mean, share } of bins) {
        const dot = make("i", "point is-bin view-calibration");
        dot.style.left = `${100 * mean}%`;
        dot.style.top = `${fromTop(share)}%`;
        this.plot.append(dot);
      }
    }
  }
}
