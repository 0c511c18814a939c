// What a person did and Python has not answered yet: all of it is sent, in order, each step with an id of its own. What
// is not answered in time is sent again, and the tab keeps it over a reload, so that a lost connection loses nothing.

const RETRY_MS = 4000;

class Outbox {
  /** `field` is where a step has its id; `onLate` is called when an answer is overdue. */
  constructor(name, field, onLate) {
    this.name = name;
    this.field = field;
    this.onLate = onLate;
    this.pending = [];
    this.attempt = 0;
    this.timer = 0;
    this.departure = new Departure({ isOpen: () => this.pending.length > 0, leave: () => clearTimeout(this.timer) });
  }

  /** What was kept from before a reload goes out at once. */
  connect(key, setStateValue) {
    this.setStateValue = setStateValue;
    if (this.place) return;
    this.place = `transaction-tagger:${key}:${this.name}`;
    try {
      const kept = JSON.parse(sessionStorage.getItem(this.place) ?? "[]");
      this.pending = Array.isArray(kept) ? kept.filter((step) => typeof step?.[this.field] === "string") : [];
    } catch {
      this.pending = [];
    }
    if (this.pending.length) this.send();
  }

  holds(id) {
    return this.pending.some((step) => step[this.field] === id);
  }

  get isLate() {
    return this.attempt > 0;
  }

  add(step) {
    const id = crypto.randomUUID?.() ?? `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
    this.pending.push({ [this.field]: id, ...step });
    this.send();
    return id;
  }

  settle(ids) {
    const before = this.pending.length;
    this.pending = this.pending.filter((step) => !ids.has(step[this.field]));
    if (this.pending.length === before) return;
    this.attempt = 0;
    this.keep();
    this.plan();
    if (!this.pending.length) this.departure.allow();
  }

  send() {
    const steps = [...this.pending];
    // Streamlit passes on only a value that differs from the last one.
    if (this.attempt) steps[0] = { ...steps[0], attempt: this.attempt };
    this.setStateValue(this.name, steps);
    this.keep();
    this.plan();
  }

  plan() {
    clearTimeout(this.timer);
    if (!this.pending.length) return;
    this.timer = setTimeout(() => {
      this.attempt += 1;
      this.send();
      this.onLate();
    }, RETRY_MS);
  }

  keep() {
    try {
      sessionStorage.setItem(this.place, JSON.stringify(this.pending));
    } catch {
      // Full or forbidden storage costs only the re-sending after a reload.
    }
  }

  dispose() {
    clearTimeout(this.timer);
    this.departure.dispose();
  }
}
