// Making elements. Text from people (label names, notes) enters through textContent only.

const SVG = "http://www.w3.org/2000/svg";

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

function makeButton(text, title = "") {
  const element = make("button", "", text);
  element.type = "button";
  if (title) element.title = title;
  return element;
}

/** Whether a button can be used. One that has the keyboard hands it on before it cannot. */
function disable(button, isOff, next) {
  if (isOff && button.matches(":focus")) next.focus({ preventScroll: true });
  button.disabled = isOff;
}

/** The only text in an element; a node that is there keeps its place, which is cheaper than a new one. */
function write(element, text) {
  const node = element.firstChild;
  if (!node) element.append(text);
  else if (node.data !== text) node.data = text;
}

/** A figure's change since the saved thresholds; more of it is better. */
function writeScoreDelta(element, now, before) {
  const text = showDelta(now, before, 3);
  write(element, text);
  element.dataset.way = text && (now > before ? "up" : "down");
}

const SPAN = "95 % interval, by resampling descriptions. Where the threshold was chosen on these very rows, by a goal or by eye, it holds the truth 89 to 93 times in 100.";
const HELD_OUT = "Every row cut at a threshold that the tag's goal chose without it: what to expect of descriptions never seen.";

/** An interval; where it does not belong to this very threshold, it is marked as near. */
function writeSpan(element, ends, isExact) {
  write(element, ends ? `${isExact ? "" : "\u2248 "}${span(ends)}` : "");
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
