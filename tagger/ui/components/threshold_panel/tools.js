// The tools between the figures and the cards: finding tags, looks, undo, goals for many.

const VIEWS = { threshold: "Scores", recall: "Precision\u2013recall", calibration: "Calibration" };
const LEGENDS = {
  threshold: "Across: the threshold, 0 to 1. Gray bar: where the best F1 lies, 95 times in 100; its tick: on these rows. Shades and small figures: 95 % intervals; where a threshold was chosen on these rows, they hold 89 to 93 times in 100.",
  recall: "Line: what every threshold gives; dot: where the slider stands. Thin lines: equal F1, of .2, .4, .6 and .8. Small figures: 95 % intervals; where a threshold was chosen on these rows, they hold 89 to 93 times in 100.",
  calibration: "Dots: of rows with about this probability, the share that has the tag, with its 95 % interval. On the diagonal the probability is right. Brier score: the mean squared error of the probability; 0 is perfect.",
};

// A tag without a positive, or without a negative, has no F1 to mend: it comes last, as macro leaves it out.
const sortF1 = (card) => (card.curve.positives ? card.measure.f1 ?? 2 : 2);

// The first is the default: where the numbers rest on the most evidence, and a change moves the most tags.
const ORDERS = {
  support: ["Most examples first", (a, b) => b.curve.positives - a.curve.positives],
  f1: ["Worst F1 first", (a, b) => sortF1(a) - sortF1(b)],
  changed: ["Changed only", (a, b) => a.index - b.index],
  name: ["Name A to Z", (a, b) => a.label.name.localeCompare(b.label.name)],
};

class Tools {
  constructor(panel) {
    this.panel = panel;
    this.query = make("input");
    Object.assign(this.query, { type: "search", placeholder: "Find a tag", autocomplete: "off", spellcheck: false });
    this.query.setAttribute("aria-label", "Find a tag");
    this.orders = make("select");
    this.orders.setAttribute("aria-label", "Order of the tags");
    for (const [value, [title]] of Object.entries(ORDERS)) {
      const option = make("option", "", title);
      option.value = value;
      this.orders.append(option);
    }
    this.shown = make("span", "shown");
    this.shown.setAttribute("role", "status");
    this.views = make("div", "views");
    this.views.setAttribute("role", "radiogroup");
    this.views.setAttribute("aria-label", "What the charts show");
    for (const [view, title] of Object.entries(VIEWS)) {
      const input = make("input");
      Object.assign(input, { type: "radio", name: "view", value: view, checked: view === panel.view });
      input.addEventListener("change", () => panel.look(view));
      this.views.append(make("label", "", input, make("span", "", title)));
    }
    this.allSaved = makeButton("Reset all to saved");
    this.allTarget = makeButton("All to their goal", "Every tag to where it reaches the goal that its card names.");
    this.bulk = new GoalMenu("Goal for all tags shown", () => this.showBulk(), "Goal for all shown \u2026");
    this.bulkButton = makeButton("Give");
    this.moreButton = makeButton("More tools"); // on a phone, where they would push the first card out of sight
    this.moreButton.className = "more";
    this.legend = make("p", "legend");
    this.below = make("p", "measured-below"); // a phone's totals have no room for it
    this.element = make("div", "tools",
      make("div", "find", this.query, this.orders), this.shown, make("span", "space"), this.moreButton,
      make("div", "later", this.views, make("span", "break"), this.legend,
        make("div", "bulk", this.bulk.element, this.bulkButton), this.allSaved, this.allTarget), this.below);
    this.showBulk();
    this.showMore(false);

    this.moreButton.addEventListener("click", () => this.showMore(this.element.dataset.more === "no"));
    this.orders.addEventListener("change", () => panel.arrange());
    this.query.addEventListener("input", () => panel.arrange());
    this.bulkButton.addEventListener("click", () => this.giveToShown());
    this.allTarget.addEventListener("click", () => panel.set(panel.reachable().map((card) => [card, card.label.target])));
    this.allSaved.addEventListener("click", () => panel.reset(panel.cards));
  }

  /** What a person looks for, and in which order. */
  get text() {
    return this.query.value.trim();
  }

  get order() {
    return this.orders.value;
  }

  clear() {
    this.query.value = "";
    this.orders.selectedIndex = 0;
    this.query.focus();
  }

  describe({ measured }) {
    write(this.below, `${measured.textContent}.`);
  }

  explain(view) {
    write(this.legend, LEGENDS[view]);
  }

  /** Which can be used, after a slider has moved. */
  update() {
    const { panel } = this;
    disable(this.allSaved, panel.comparing || !panel.cards.some((card) => card.isOpen), this.query);
    disable(this.allTarget, panel.comparing || !panel.reachable().some((card) => card.threshold !== card.label.target), this.query);
    this.bulk.disabled = this.bulkButton.disabled = panel.comparing;
    this.count(panel);
  }

  /** How many cards are shown. */
  count({ cards, visible }) {
    const { length } = cards;
    const some = visible.length === length ? "" : `${count(visible.length)} of `;
    const changed = cards.filter((card) => card.isOpen).length;
    write(this.shown, `${some}${tags(length)}, ${count(changed)}\u00a0changed`);
  }

  showMore(isOpen) {
    this.element.dataset.more = this.panel.root.dataset.more = isOpen ? "yes" : "no";
    this.moreButton.setAttribute("aria-expanded", String(isOpen));
  }

  showBulk() {
    this.bulkButton.hidden = !this.bulk.select.value;
  }

  giveToShown() {
    if (!this.bulk.isValid) return;
    this.panel.giveGoals(this.panel.visible.map((card) => [card, this.bulk.text]));
    this.bulk.select.value = "";
    this.bulk.showFields({ written: "", about: "" }, []);
    this.bulk.select.focus();
    this.showBulk();
  }
}
