// The bar at the foot of the panel: what saving would change, the steps back, a note, and the button that saves. What is
// typed, moved and saved goes out in one queue, so that saving never overtakes what was done just before.

class SaveBar {
  constructor(panel) {
    this.panel = panel;
    this.moved = make("b");
    this.effect = make("span");
    this.undoButton = makeButton("Undo", "Ctrl+Z");
    this.redoButton = makeButton("Redo", "Ctrl+Shift+Z");
    this.compare = makeButton("Show saved", "Look at the thresholds in use; press again to come back.");
    this.compare.setAttribute("aria-pressed", "false");
    this.note = make("input");
    Object.assign(this.note, { type: "text", placeholder: "Note (optional)", maxLength: 500, autocomplete: "off" });
    this.note.setAttribute("aria-label", "Note");
    this.saveButton = makeButton("Save thresholds");
    this.saveButton.className = "primary";
    this.element = make("footer", "save", make("p", "status", this.moved, this.effect),
      make("div", "steps", this.undoButton, this.redoButton, this.compare), this.note, this.saveButton);

    this.element.tabIndex = -1; // takes the focus of a button that is off by now

    this.undoButton.addEventListener("click", () => panel.travel(-1));
    this.redoButton.addEventListener("click", () => panel.travel(1));
    this.compare.addEventListener("click", () => panel.toggleCompare());
    this.saveButton.addEventListener("click", () => this.save());
    this.note.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !this.saveButton.disabled) this.save();
    });
  }

  save() {
    const wrong = this.panel.cards.find((card) => card.goal && !card.goal.isValid);
    if (wrong) {
      this.panel.refuse(`The goal of ${wrong.label.name} lacks a number that it can have.`);
      wrong.goal.inputs[0].focus();
      return;
    }
    this.saving = { id: this.panel.save(this.note.value), note: this.note.value };
  }

  /** What was saved needs its note no more; one that is written meanwhile is for the next. */
  settle(acknowledged) {
    if (!acknowledged.includes(this.saving?.id)) return;
    if (this.note.value === this.saving.note) this.note.value = "";
    this.saving = null;
  }

  update() {
    const { panel } = this;
    const { cards, comparing, isSaving } = panel;
    const nOpen = cards.filter((card) => card.isOpen).length;
    const isOpen = nOpen > 0;
    this.element.dataset.state = panel.outbox.isLate ? "late" : panel.refusal ? "refused" : isSaving ? "saving" : isOpen ? "open" : "saved";
    this.say(nOpen);
    disable(this.undoButton, comparing || panel.step <= 0, this.element);
    disable(this.redoButton, comparing || panel.step >= panel.steps.length - 1, this.element);
    disable(this.compare, !comparing && !cards.some((card) => card.changed), this.element);
    disable(this.saveButton, comparing || isSaving || !isOpen, this.note);
  }

  say(nOpen) {
    const { state, cards, comparing, isSaving, isExact, outbox, refusal } = this.panel;
    if (outbox.isLate) {
      write(this.moved, "Not stored yet");
      write(this.effect, "No answer from the app; trying again. Keep this tab open.");
    } else if (refusal) {
      write(this.moved, "Not saved");
      write(this.effect, refusal);
    } else if (comparing) {
      write(this.moved, "What is in use");
      write(this.effect, `Press Show saved again to come back to ${count(nOpen)} unsaved.`);
    } else if (isSaving || !nOpen) {
      write(this.moved, isSaving ? "Saving\u2026" : "All saved");
      write(this.effect, isSaving ? "" : state.version ? `Version ${count(state.version)} is in use.` : "In use as trained.");
    } else {
      write(this.moved, `${count(nOpen)} unsaved`);
      const isMoved = cards.some((card) => card.changed);
      write(this.effect, !isMoved ? "New goals; every slider is where it was." : this.changes(isExact ? state.nChanging : null));
    }
  }

  /** Tags that nobody judged, and verdicts that the change agrees with or goes against: what stands under "What would change". */
  changes(nChanging) {
    let [gained, lost, right, wrong] = [0, 0, 0, 0];
    for (const card of this.panel.cards) {
      gained += Math.max(0, card.gained);
      lost -= Math.min(0, card.gained);
      right += card.flips.right;
      wrong += card.flips.wrong;
    }
    const where = nChanging === null ? "" : ` in ${plural(nChanging, "transaction")}`;
    return `+${count(gained)} \u2212${count(lost)} tags${where} \u00b7 verdicts: ${count(right)} for, ${count(wrong)} against`;
  }
}
