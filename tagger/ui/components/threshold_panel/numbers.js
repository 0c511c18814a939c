// Counting and writing numbers. The counts are Python's, to the last digit: both compare the same 32-bit scores with
// the same 64-bit threshold.

const METRICS = ["precision", "recall", "f1"];
const TITLES = { precision: "Precision", recall: "Recall", f1: "F1" };
const LETTERS = { precision: "P", recall: "R", f1: "F1" };
const STEPS = 1000; // of a slider

/** One label's judged rows: counts at any threshold. */
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
    return this.of(reaching(this.scores, threshold));
  }

  /** What the first so many rows come to. */
  of(given) {
    return measure(this.right[given], given - this.right[given], this.positives - this.right[given], this.hasNo);
  }
}

/** How many of these descending scores reach the threshold. */
function reaching(scores, threshold) {
  let low = 0;
  let high = scores.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (scores[middle] >= threshold) low = middle + 1;
    else high = middle;
  }
  return low;
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

/**
 * Micro scores the pooled decisions as if they were of one label; macro is the mean over labels that have a positive,
 * of precision and F1 over those of them that somebody said no to.
 */
export function totals(measures) {
  let tp = 0;
  let fp = 0;
  let fn = 0;
  let hasNo = false;
  let scored = 0;
  const sums = { precision: 0, recall: 0, f1: 0 };
  const known = { precision: 0, recall: 0, f1: 0 };
  for (const one of measures) {
    tp += one.tp;
    fp += one.fp;
    fn += one.fn;
    hasNo ||= one.hasNo;
    if (one.tp + one.fn === 0) continue;
    if (one.hasNo) scored += 1;
    for (const metric of METRICS) {
      if (one[metric] === null) continue;
      sums[metric] += one[metric];
      known[metric] += 1;
    }
  }
  const macro = {};
  for (const metric of METRICS) macro[metric] = known[metric] ? sums[metric] / known[metric] : null;
  return { micro: measure(tp, fp, fn, hasNo), macro, scored };
}

/** Where a label's curves lie, at thresholds of its own; between them a straight line. */
class Bands {
  /** `low` and `high` hold precision, then recall, then F1; NaN where undefined. */
  constructor(edges, low, high) {
    Object.assign(this, { edges, low, high });
  }

  /** The interval of a metric (0, 1 or 2) at a threshold; null where none is known. */
  at(metric, threshold) {
    const { edges } = this;
    const n = edges.length;
    if (!n || threshold < edges[0]) return null;
    let right = edges.findIndex((edge) => edge >= threshold);
    if (right < 0) right = n - 1;
    const left = Math.max(0, right - 1);
    const span = edges[right] - edges[left];
    const share = span ? (threshold - edges[left]) / span : 1;
    const between = (ends) => ends[metric * n + left] * (1 - share) + ends[metric * n + right] * share;
    const ends = [between(this.low), between(this.high)];
    return Number.isNaN(ends[0]) ? null : ends;
  }
}

const round3 = (value) => Math.round(value * STEPS) / STEPS;
const clamp = (value) => Math.min(1, Math.max(0, value));
const show = (value) => (value === null ? "n/a" : value.toFixed(3));
const short = (value) => value.toFixed(2);
const count = (value) => value.toLocaleString("en-US");
const plural = (n, thing) => `${count(n)} ${thing}${n === 1 ? "" : "s"}`;
const tags = (n) => plural(n, "tag");
const exact = (value) => (value === null ? "" : String(value));
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const span = (ends) => (ends ? `${short(ends[0])}\u2013${short(ends[1])}` : "");

/** Nothing where it would read as no change: "+0.000" says less than nothing. */
function showDelta(now, before, digits) {
  if (now === null || before === null) return "";
  const size = Math.abs(now - before);
  if (Number(size.toFixed(digits)) === 0) return "";
  return (now > before ? "+" : "\u2212") + (digits ? size.toFixed(digits) : count(size));
}

const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

// What Python sends once: header length, header (JSON), then arrays, label by label of each kind

function readCurves(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const { buffer } = bytes.slice(4 + length); // a copy begins on a boundary that the arrays accept
  let offset = 0;
  const take = (Kind, size) => {
    const part = new Kind(buffer, offset, size);
    offset += part.byteLength;
    return part;
  };
  const { labels } = header;
  const scores = labels.map(({ judged }) => take(Float32Array, judged));
  const steps = labels.map(() => take(Uint32Array, STEPS + 1));
  const alone = labels.map(() => take(Uint32Array, STEPS + 1));
  const bands = labels.map(({ edges }) => [take(Float32Array, edges), take(Float32Array, 3 * edges), take(Float32Array, 3 * edges)]);
  const truth = labels.map(({ judged }) => take(Uint8Array, Math.ceil(judged / 8)));
  return {
    key: header.key,
    digest: header.digest,
    labels: labels.map((label, i) => ({
      ...label,
      curve: new Curve(scores[i], truth[i]),
      bands: new Bands(...bands[i]),
      steps: steps[i],
      alone: alone[i],
    })),
  };
}
