const COLORS = new Set(["red", "orange", "yellow", "green", "blue", "violet", "gray"])
const TOAST_MS = 8000
const SAVED_MS = 1600
// While an answer is awaited further actions travel together: a rerun per key press would only interrupt the one before.
const GATHER_MS = 400
const RETRY_MS = 10000
const FAST_MOVES_MS = 300
// An answer takes a tenth of this. Whoever closes the tab before a late one is asked first: a closed tab resends nothing.
const STALLED_MS = 1500
const MOST_OPTIONS = 200
const UNKNOWN = { source: "predicted", probability: null, count: null }
// The order of the type-ahead: Enter takes the first, so never a name that merely contains what was typed.
const [EXACT, START, WORD, HERE, CREATE, INNER, INNER_HERE] = [0, 1, 2, 3, 4, 5, 6]

const ICONS = {
  check: "M3 8.5l3.2 3.2L13 5",
  again: "M3.2 8a4.8 4.8 0 1 0 1.5-3.5M3 2.6v2.6h2.6",
  plus: "M8 3v10M3 8h10",
  ask: "M5.6 6.1a2.4 2.4 0 1 1 3.6 2.1c-.8.5-1.2.9-1.2 1.8M8 12.6v.2",
  cross: "M4 4l8 8M12 4l-8 8",
}

// The renderer is called again on the same element for new data or a new theme; what lasts between calls is here.
const lists = new WeakMap()

export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  let list = lists.get(parentElement)
  if (!list || list.key !== data.key) {
    list?.dispose()
    list = new TransactionList(parentElement, data.key)
    lists.set(parentElement, list)
  }
  list.receive(data, setStateValue, setTriggerValue)
  return () => {
    list.dispose()
    lists.delete(parentElement)
  }
}

class TransactionList {
  constructor(parent, key) {
    this.key = key
    this.storageKey = `transaction-list:${key}`
    this.labels = new Map()
    this.labelByName = new Map()
    this.newNames = new Map()
    this.rows = new Map()
    this.ids = []
    this.views = new Map()
    this.elements = new Map()
    this.orders = new Map()
    this.lastSeen = new Map()
    this.notices = new Map()
    this.pending = []
    this.history = []
    this.focused = null
    this.listing = null
    this.inFlight = false
    this.unsent = false
    this.attempt = 0
    this.lastMove = 0
    this.picker = null
    this.timers = {}
    this.#restore()
    this.#build(parent)
  }

  dispose() {
    Object.values(this.timers).forEach(clearTimeout)
    for (const notice of this.notices.values()) clearTimeout(notice.timer)
    this.picker?.close({ refocus: false })
    this.resized.disconnect()
    removeEventListener("beforeunload", this.onLeave)
    this.departure.dispose()
    removeEventListener("keydown", this.onReturn, { capture: true })
    this.root.remove()
  }

  receive(data, setStateValue, setTriggerValue) {
    const first = !this.data
    const other = this.listing !== data.listing
    this.data = data
    this.listing = data.listing
    this.setStateValue = setStateValue
    this.setTriggerValue = setTriggerValue
    this.#readPage(data)
    this.#settle(new Set(data.acknowledged), data.failed)
    this.#keepFocusOnPage({ other })
    this.#render()
    if ((this.turned || other) && this.focused && this.root.getBoundingClientRect().top < 0) {
      this.elements.get(this.focused).root.scrollIntoView({ block: "nearest", behavior: "instant" })
    }
    this.inFlight = false
    if (this.pending.length && (first || this.unsent)) this.#send()
    this.#planRetry()
  }

  // ---- what the server said ----

  #readPage(data) {
    this.labels = new Map(data.labels.map((label) => [label.id, label]))
    this.labelByName = new Map(data.labels.map((label) => [fold(label.name), label.id]))
    this.rows = new Map()
    for (const day of data.days) for (const row of day.rows) this.rows.set(row.id, row)
    this.ids = [...this.rows.keys()]
    for (const map of [this.views, this.orders, this.lastSeen, this.notices]) {
      for (const id of map.keys()) if (!this.rows.has(id)) map.delete(id)
    }
  }

  #settle(acknowledged, failed) {
    const before = this.pending.length
    let anyFailed = false
    for (const entry of this.pending) {
      const id = entry.wire.operation
      if (Object.hasOwn(failed, id)) {
        anyFailed = true
        this.history = this.history.filter((other) => other !== entry)
        this.#fail(entry, failed[id])
      } else if (acknowledged.has(id)) {
        this.#notice(entry.transaction, { kind: "saved" }, SAVED_MS)
      }
    }
    this.pending = this.pending.filter(
      ({ wire }) => !acknowledged.has(wire.operation) && !Object.hasOwn(failed, wire.operation),
    )
    if (this.pending.length === before) return
    this.attempt = 0
    this.#store()
    if (anyFailed) this.departure.stay()
    if (!this.pending.length && !anyFailed) this.#announce("Saved")
    if (!this.pending.length) this.departure.allow()
  }

  #fail(entry, message) {
    // The bar must not go on saying that it was done, nor offer to undo what never was.
    if (this.toast?.operation === entry.wire.operation) this.toast = null
    if (this.rows.has(entry.transaction)) this.#notice(entry.transaction, { kind: "failed", text: message })
    else this.#say(`Not saved (${entry.title}): ${message}`, { lasting: true })
    this.#announce(`Not saved: ${message}`)
  }

  #notice(id, notice, forMs) {
    const old = this.notices.get(id)
    if (old?.kind === "failed" && notice.kind === "saved") return
    clearTimeout(old?.timer)
    this.notices.set(id, notice)
    if (forMs) {
      notice.timer = setTimeout(() => {
        if (this.notices.get(id) !== notice) return
        this.notices.delete(id)
        this.#renderRow(id)
      }, forMs)
    }
  }

  /** Another order, filter or page begins where it begins, also where the row of before is among its rows. */
  #keepFocusOnPage({ other }) {
    if (this.rows.has(this.focused) && !other) return
    this.focused = this.ids.find((id) => this.rows.get(id).state === "open") ?? this.ids[0] ?? null
  }

  // ---- what a row looks like once the pending operations are applied ----

  #labelKey({ label, new_label: name }) {
    if (name === undefined) return label
    this.newNames.set(fold(name), name)
    return this.#resolve(`new:${fold(name)}`)
  }

  #resolve(key) {
    return typeof key === "string" ? (this.labelByName.get(key.slice(4)) ?? key) : key
  }

  #label(key) {
    if (typeof key === "string") return { name: this.newNames.get(key.slice(4)) ?? key.slice(4), color: "gray" }
    return this.labels.get(key) ?? { name: `#${key}`, color: "gray" }
  }

  #view(row) {
    const state = {
      tags: new Map(row.tags.map((tag) => [tag.label, tag])),
      rejected: new Set(row.rejected),
      confirmed: row.state === "confirmed",
    }
    const seen = this.lastSeen.get(row.id) ?? new Map()
    const undone = new Set(this.pending.map(({ wire }) => wire.target).filter(Boolean))
    const waiting = new Set(this.pending.map(({ wire }) => wire.operation))
    for (const entry of this.pending) {
      if (entry.transaction !== row.id || undone.has(entry.wire.operation)) continue
      if (entry.wire.kind === "undo") {
        if (!waiting.has(entry.wire.target) && entry.before) this.#applyUndo(state, entry.before)
      } else {
        this.#apply(state, entry.wire, seen)
      }
    }
    for (const [key, tag] of state.tags) seen.set(key, tag)
    this.lastSeen.set(row.id, seen)

    // A chip keeps its place when it is rejected, restored, or sorted differently by newer data.
    const order = [...new Set((this.orders.get(row.id) ?? []).map((key) => this.#resolve(key)))]
    for (const key of [...state.tags.keys(), ...state.rejected]) if (!order.includes(key)) order.push(key)
    this.orders.set(row.id, order)

    const chips = order
      .filter((key) => state.tags.has(key) || state.rejected.has(key))
      .map((key) => ({
        key,
        rejected: !state.tags.has(key),
        tag: state.tags.get(key) ?? seen.get(key) ?? UNKNOWN,
        ...this.#label(key),
      }))
    const saving = this.pending.some((entry) => entry.transaction === row.id)
    return { chips, confirmed: state.confirmed, saving, state }
  }

  #apply(state, wire, seen) {
    if (wire.kind === "confirm") {
      for (const [key, tag] of state.tags) state.tags.set(key, { ...tag, source: "confirmed" })
      state.confirmed = true
      return
    }
    const key = this.#labelKey(wire)
    const tag = state.tags.get(key)
    if (tag) seen.set(key, tag)
    if (wire.value === "no") {
      state.tags.delete(key)
      state.rejected.add(key)
      return
    }
    state.rejected.delete(key)
    const known = tag ?? seen.get(key)
    if (wire.value === "yes") state.tags.set(key, { ...known, source: "confirmed" })
    else state.tags.set(key, known ?? UNKNOWN)
  }

  #applyUndo(state, before) {
    if (before.whole) {
      state.tags = new Map(before.tags.map(([key, tag]) => [this.#resolve(key), tag]))
      state.rejected = new Set(before.rejected.map((key) => this.#resolve(key)))
      state.confirmed = before.confirmed
      return
    }
    const key = this.#resolve(before.key)
    state.tags.delete(key)
    state.rejected.delete(key)
    if (before.tag) state.tags.set(key, before.tag)
    else if (before.rejected) state.rejected.add(key)
  }

  // ---- what a person does ----

  #act(id, wire, before, text, title = this.#title(id, 40)) {
    const entry = { wire: { operation: newId(), ...wire }, transaction: id, before, title, text, at: Date.now() }
    const undoable = wire.kind !== "undo"
    if (undoable && this.rows.get(id)?.reason) entry.wire.reason = this.rows.get(id).reason
    this.pending.push(entry)
    if (undoable) this.history.push(entry)
    clearTimeout(this.notices.get(id)?.timer)
    this.notices.delete(id)
    this.#store()
    this.#send()
    if (this.rows.has(id)) this.#drawRow(id)
    this.#say(text, { undo: undoable, operation: entry.wire.operation })
  }

  judge(id, key, value, verb) {
    const { state } = this.views.get(id)
    const name = this.#label(key).name
    const named = typeof key === "string" ? { new_label: name } : { label: key }
    const before = { key, tag: state.tags.get(key) ?? null, rejected: state.rejected.has(key) }
    this.#act(id, { kind: "verdict", transaction: id, ...named, value }, before, `${verb} ${name}`)
  }

  #isChecked(id) {
    return this.rows.get(id)?.reason === "check"
  }

  toggle(id, chip) {
    if (!chip.rejected) this.judge(id, chip.key, "no", "Rejected")
    // What a person had said is said again; a machine's tag comes back by taking the "no" back. On a row that is
    // checked again a "no" is itself in doubt, and without it there may be no tag to come back.
    else this.judge(id, chip.key, chip.tag.source === "confirmed" || this.#isChecked(id) ? "yes" : "clear", "Restored")
  }

  confirm(id, { refocus }) {
    const { chips, confirmed, state } = this.views.get(id)
    if (this.#waits(id)) {
      this.#announce("Its tags are still being worked out")
      return
    }
    if (!confirmed) {
      const present = chips.filter((chip) => !chip.rejected).map((chip) => chip.key)
      const before = { whole: true, tags: [...state.tags], rejected: [...state.rejected], confirmed: false }
      const wire = {
        kind: "confirm",
        transaction: id,
        present: present.filter((key) => typeof key === "number"),
        new_labels: present.filter((key) => typeof key === "string").map((key) => this.#label(key).name),
      }
      this.#act(id, wire, before, present.length ? `Confirmed ${count(present.length, "tag")}` : "Confirmed: no tag")
    }
    const at = this.ids.indexOf(id)
    const open = (other) => !this.views.get(other).confirmed
    const next = this.ids.slice(at + 1).find(open) ?? this.ids.find(open) ?? this.ids[at + 1]
    if (next) this.focusRow(next, { refocus })
    if (!confirmed && !this.ids.some(open)) this.#announce("Page done")
  }

  undo() {
    const last = this.history.pop()
    if (!last) return
    const wire = { kind: "undo", target: last.wire.operation }
    this.#act(last.transaction, wire, last.before, `Undone: ${lowerFirst(last.text)}`, last.title)
    if (this.rows.has(last.transaction)) this.focusRow(last.transaction, { refocus: this.#hasFocus() })
  }

  move(step) {
    const at = this.ids.indexOf(this.focused)
    const to = Math.min(Math.max(at + step, 0), this.ids.length - 1)
    this.focusRow(this.ids[to], { refocus: true })
  }

  focusRow(id, { refocus, scroll = true }) {
    const old = this.focused
    this.focused = id
    if (old !== id) {
      if (this.rows.has(old)) this.#drawRow(old)
      this.#drawRow(id)
      this.#renderBar()
      this.#store()
    }
    const element = this.elements.get(id).root
    if (refocus) element.focus({ preventScroll: true })
    if (!scroll) return
    const now = performance.now()
    const calm = now - this.lastMove > FAST_MOVES_MS && !matchMedia("(prefers-reduced-motion: reduce)").matches
    this.lastMove = now
    element.scrollIntoView({ block: "nearest", behavior: calm ? "smooth" : "instant" })
  }

  #hasFocus() {
    const active = this.root.getRootNode().activeElement
    return active !== null && this.root.contains(active) && !this.bar.contains(active)
  }

  // ---- to the server and to the tab's own memory ----

  #send({ again = false } = {}) {
    if (this.inFlight && !again) {
      this.unsent = true
      return
    }
    this.inFlight = true
    this.unsent = false
    const operations = this.pending.map(({ wire }) => wire)
    // Streamlit passes on only a value that differs from the last one.
    if (this.attempt) operations[0] = { ...operations[0], attempt: this.attempt }
    this.setStateValue("operations", operations)
    clearTimeout(this.timers.gather)
    this.timers.gather = setTimeout(() => {
      this.inFlight = false
      if (this.unsent && this.pending.length) this.#send()
    }, GATHER_MS)
    this.#planRetry()
  }

  #planRetry() {
    clearTimeout(this.timers.retry)
    if (!this.pending.length) return
    this.timers.retry = setTimeout(() => {
      this.attempt += 1
      this.#send({ again: true })
      this.#renderBar()
    }, RETRY_MS)
  }

  #store() {
    try {
      const kept = { pending: this.pending, focused: this.focused, listing: this.listing }
      sessionStorage.setItem(this.storageKey, JSON.stringify(kept))
    } catch {
      // Full or forbidden storage costs only the re-sending after a reload.
    }
  }

  #restore() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(this.storageKey) ?? "{}")
      this.pending = Array.isArray(kept.pending) ? kept.pending.filter((entry) => entry?.wire?.operation) : []
      this.focused = kept.focused ?? null
      this.listing = kept.listing
    } catch {
      this.pending = []
    }
    const undone = new Set(this.pending.map(({ wire }) => wire.target))
    this.history = this.pending.filter(({ wire }) => wire.kind !== "undo" && !undone.has(wire.operation))
  }

  // ---- drawing ----

  #build(parent) {
    this.legend = makeLegend()
    this.days = make("div", "days")
    this.emptyTitle = make("p", "empty-title")
    this.emptyBody = make("p", "empty-body")
    this.empty = make("div", "empty", this.emptyTitle, this.emptyBody)
    this.end = make("p", "end")
    this.live = describe(make("div", "live"), { role: "status", "aria-live": "polite" })

    this.message = make("div", "message")
    this.progress = make("div", "progress")
    this.undoButton = button("undo", () => this.undo(), "Undo")
    this.barConfirm = button("bar-confirm", () => this.confirm(this.focused, { refocus: false }))
    const hints = [["j", "k", "move"], ["↵", "confirm"], ["1–9", "reject"], ["t", "tag"], ["w", "why"], ["u", "undo"]]
    const hint = (names) => make("span", "", ...names.slice(0, -1).map((name) => make("kbd", "", name)), ` ${names.at(-1)}`)
    const keys = describe(make("div", "keys", ...hints.map(hint)), { "aria-hidden": "true" })
    const texts = make("div", "bar-texts", this.message, this.progress)
    this.bar = make("div", "bar", texts, this.undoButton, keys, this.barConfirm)

    this.root = make("div", "list", this.legend, this.days, this.empty, this.end, this.bar, this.live)
    this.root.addEventListener("keydown", (event) => this.#onKey(event))
    this.onLeave = (event) => {
      if (this.root.isConnected && this.pending.some(({ at }) => Date.now() - at > STALLED_MS)) event.preventDefault()
    }
    addEventListener("beforeunload", this.onLeave)
    this.departure = new Departure({
      isOpen: () => this.pending.length > 0,
      hurry: () => this.unsent && this.#send({ again: true }),
      leave: () => ["gather", "retry"].forEach((timer) => clearTimeout(this.timers[timer])),
    })
    parent.appendChild(this.root)
    this.resized = new ResizeObserver(() => this.#measure())
    this.resized.observe(this.root)
  }

  #render() {
    const hadFocus = this.#hasFocus()
    this.#dropOldElements()
    this.root.classList.toggle("bare", ![...this.rows.values()].some((row) => row.account || row.note))
    const sections = this.data.days.map((day, index) => {
      const section = this.days.children[index] ?? makeDay()
      const [heading, list] = section.children
      setText(heading, day.title)
      list.setAttribute("aria-label", day.title)
      arrange(
        list,
        day.rows.map((row) => this.#element(row.id).root),
      )
      return section
    })
    arrange(this.days, sections)
    for (const id of this.ids) this.#drawRow(id)
    this.legend.hidden = this.ids.length === 0
    this.empty.hidden = this.ids.length > 0
    setText(this.emptyTitle, this.data.empty.title)
    setText(this.emptyBody, this.data.empty.body)
    this.#renderBar()
    this.#measure()
    if (hadFocus && !this.#hasFocus()) this.elements.get(this.focused)?.root.focus({ preventScroll: true })
  }

  #dropOldElements() {
    const before = this.elements.size
    for (const [id, element] of this.elements) {
      if (this.rows.has(id)) continue
      if (this.picker?.id === id) this.picker.close({ refocus: false })
      element.root.remove()
      this.elements.delete(id)
    }
    this.turned = before > 0 && this.elements.size === 0
  }

  #element(id) {
    if (this.elements.has(id)) return this.elements.get(id)
    const description = make("bdi", "description")
    description.id = `d-${id}`
    const amount = make("div", "amount")
    amount.id = `a-${id}`
    const account = make("bdi", "account")
    const note = make("bdi", "note")
    const why = make("div", "why")
    const more = button("more", () => {
      const open = root.classList.toggle("expanded")
      more.textContent = open ? "less" : "more"
      more.setAttribute("aria-expanded", String(open))
    })
    describe(more, { "aria-expanded": "false" }).append("more")
    more.hidden = true
    const status = make("span", "status")
    const add = button("add", () => this.#openPicker(id), icon("plus"), "tag")
    const ask = button("ask", () => this.#explain(id), icon("ask"), "why")
    const chips = describe(make("div", "chips", add, ask), { role: "group", "aria-label": "Tags" })
    const confirmText = make("span", "confirm-text")
    const confirm = button("confirm", () => this.confirm(id, { refocus: true }), icon("check"), confirmText)
    const problemText = make("bdi", "problem-text")
    const dismiss = button("dismiss", () => this.#dismiss(id), "Dismiss")
    const problem = make("div", "problem", problemText, dismiss)

    const root = make(
      "div",
      "row",
      make("div", "head", description, amount),
      make("div", "meta", account, note, more, status),
      why,
      make("div", "foot", chips, confirm),
      problem,
    )
    describe(root, { role: "listitem", "aria-labelledby": `${description.id} ${amount.id}` })
    for (const kind of ["focusin", "click"]) {
      // Captured, so that it comes before what the row's own buttons do: confirming moves on to another row.
      root.addEventListener(kind, () => this.focusRow(id, { refocus: false, scroll: false }), { capture: true })
    }
    const head = { root, description, amount, account, note, why, more, status }
    const element = { ...head, chips, add, ask, confirm, confirmText, problem, problemText }
    this.elements.set(id, element)
    return element
  }

  #dismiss(id) {
    this.notices.delete(id)
    this.#renderRow(id)
  }

  #title(id, length = 60) {
    return clip(this.#description(id), length)
  }

  #description(id) {
    return this.rows.get(id).description.trim() || "(no description)"
  }

  #renderRow(id) {
    if (this.rows.has(id)) this.#drawRow(id)
    this.#renderBar()
  }

  #drawRow(id) {
    const row = this.rows.get(id)
    const view = this.#view(row)
    this.views.set(id, view)
    const element = this.#element(id)
    const here = this.focused === id
    const notice = this.notices.get(id)
    const failed = notice?.kind === "failed"
    const { root } = element

    setText(element.description, this.#description(id))
    setText(element.amount, row.amount)
    element.amount.classList.toggle("in", row.sign > 0)
    setText(element.account, row.account)
    setText(element.note, row.note)
    setText(element.why, row.why)
    root.classList.toggle("here", here)
    root.classList.toggle("confirmed", view.confirmed)
    root.tabIndex = here ? 0 : -1
    if (here) root.setAttribute("aria-current", "true")
    else root.removeAttribute("aria-current")

    const status = view.saving ? "saving" : notice?.kind === "saved" ? "saved" : ""
    if (element.status.dataset.status !== status) {
      element.status.dataset.status = status
      element.status.replaceChildren()
      if (status === "saving") element.status.append(make("span", "dot"), "saving…")
      if (status === "saved") element.status.append(icon("check"), "saved")
    }
    element.problem.hidden = !failed
    setText(element.problemText, failed ? `Not saved: ${notice.text}` : "")

    this.#renderChips(id, element, view)
    for (const control of [...element.chips.querySelectorAll("button"), element.confirm, element.more]) {
      control.tabIndex = here ? 0 : -1
    }
    const none = !view.chips.some((chip) => !chip.rejected)
    const waits = this.#waits(id)
    element.confirm.disabled = view.confirmed || waits
    const title = this.#title(id)
    const confirm = view.confirmed ? "Confirmed" : `Confirm ${none ? "no tag for " : ""}${title}`
    element.confirm.setAttribute("aria-label", confirm)
    element.add.setAttribute("aria-label", `Add a tag to ${title}`)
    element.ask.setAttribute("aria-label", `Why these tags for ${title}`)
    setText(element.confirmText, view.confirmed ? "Confirmed" : waits ? "Tagging…" : none ? "No tag" : "Confirm")
  }

  #renderChips(id, element, view) {
    const signature = JSON.stringify(view.chips)
    if (element.signature === signature) return
    element.signature = signature
    const old = new Map([...element.chips.querySelectorAll(".chip")].map((chip) => [chip.dataset.key, chip]))
    const inPlace = view.chips.map((chip) => {
      const node = old.get(String(chip.key)) ?? this.#makeChip(id, chip.key)
      drawChip(node, chip)
      return node
    })
    arrange(element.chips, [...inPlace, this.picker?.id === id ? this.picker.root : element.add, element.ask])
  }

  #makeChip(id, key) {
    const toggle = (event) => {
      const chip = this.views.get(id).chips.find((other) => String(other.key) === node.dataset.key)
      if (!chip) return
      this.toggle(id, chip)
      // After a tap the row has the keyboard, so that Enter confirms and does not toggle the chip back.
      if (event.detail > 0) this.elements.get(id).root.focus({ preventScroll: true })
    }
    const node = button("chip", toggle, make("span", "pill"))
    node.dataset.key = String(key)
    return node
  }

  #renderBar() {
    const rows = this.ids.length
    this.bar.hidden = rows === 0 && !this.pending.length
    this.end.hidden = rows === 0
    if (this.bar.hidden) return
    const confirmed = this.ids.filter((id) => this.#isConfirmed(id)).length
    const done = rows > 0 && confirmed === rows
    this.end.classList.toggle("done", done)
    const end = done ? `Page done: ${count(rows, "transaction")} confirmed` : `${rows - confirmed} of ${rows} on this page still open`
    if (this.end.dataset.text !== end) {
      this.end.dataset.text = end
      this.end.replaceChildren(...(done ? [icon("check")] : []), end)
    }

    const place = rows ? `${this.ids.indexOf(this.focused) + 1} of ${rows}` : ""
    setText(this.message, this.toast?.text ?? place)
    this.undoButton.hidden = !this.toast?.undo
    const parts = [`${confirmed} confirmed on this page`]
    if (this.toast && place) parts.unshift(place)
    const saving = this.attempt ? "still saving" : "saving"
    if (this.pending.length) parts.unshift(`${saving} ${this.pending.length}…`)
    setText(this.progress, parts.join(" · "))

    const view = this.views.get(this.focused)
    const none = view && !view.chips.some((chip) => !chip.rejected)
    this.barConfirm.hidden = rows === 0
    const waits = view && this.#waits(this.focused)
    this.barConfirm.disabled = done || waits
    const confirm = waits ? "Tagging…" : none ? "No tag" : "Confirm"
    setText(this.barConfirm, done ? "Done" : view?.confirmed ? "Next" : confirm)
  }

  // Nothing is suggested yet: confirming would say that no tag applies.
  #waits(id) {
    return this.rows.get(id).state === "waiting" && !this.views.get(id).chips.some((chip) => !chip.rejected)
  }

  #isConfirmed(id) {
    return this.views.get(id)?.confirmed ?? this.rows.get(id).state === "confirmed"
  }

  #measure() {
    for (const [id, { root, description, more }] of this.elements) {
      if (root.classList.contains("expanded")) continue
      const cut = description.scrollHeight > description.clientHeight + 2
      more.hidden = !cut
      if (cut) description.title = clip(this.rows.get(id).description, 1000)
      else description.removeAttribute("title")
    }
  }

  #say(message, { undo = false, lasting = false, operation = null } = {}) {
    clearTimeout(this.timers.toast)
    this.toast = { text: message, undo, operation }
    this.#renderBar()
    if (lasting) return
    this.timers.toast = setTimeout(() => {
      this.toast = null
      this.#renderBar()
    }, TOAST_MS)
  }

  #announce(message) {
    // An equal text is announced again only if the node was emptied in between.
    this.live.textContent = ""
    clearTimeout(this.timers.live)
    this.timers.live = setTimeout(() => setText(this.live, message), 50)
  }

  // ---- keyboard ----

  #onKey(event) {
    const target = event.composedPath()[0]
    if (target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return
    if (!this.rows.has(this.focused)) return
    const onButton = target instanceof HTMLButtonElement
    if (onButton && (event.key === "Enter" || event.key === " ")) return
    const id = this.focused
    const { chips } = this.views.get(id)
    const actions = {
      j: () => this.move(1),
      ArrowDown: () => this.move(1),
      k: () => this.move(-1),
      ArrowUp: () => this.move(-1),
      Home: () => this.move(-this.ids.length),
      End: () => this.move(this.ids.length),
      Enter: () => this.confirm(id, { refocus: true }),
      t: () => this.#openPicker(id),
      w: () => this.#explain(id),
      x: () => {
        const key = target.closest?.(".chip")?.dataset.key
        const chip = key === undefined ? chips.find((other) => !other.rejected) : chips.find((other) => String(other.key) === key)
        if (chip && !chip.rejected) this.toggle(id, chip)
      },
      u: () => this.undo(),
    }
    let action = Object.hasOwn(actions, event.key) ? actions[event.key] : null
    if (/^[1-9]$/.test(event.key) && !event.repeat) {
      const chip = chips[Number(event.key) - 1]
      if (chip) action = () => this.toggle(id, chip)
    }
    if (!action) return
    event.preventDefault()
    event.stopPropagation()
    action()
  }

  #explain(id) {
    this.setTriggerValue("why", id)
    addEventListener("keydown", this.onReturn, { capture: true })
  }

  // The panel with the answer leaves the keyboard to nobody when it closes; the next key belongs to the list again.
  onReturn = (event) => {
    if (document.activeElement !== document.body || document.querySelector("[role=dialog]")) return
    removeEventListener("keydown", this.onReturn, { capture: true })
    this.elements.get(this.focused)?.root.focus({ preventScroll: true })
    this.#onKey(event)
  }

  #openPicker(id) {
    this.picker?.close({ refocus: false })
    this.focusRow(id, { refocus: false })
    const element = this.elements.get(id)
    this.picker = new Picker({
      id,
      title: this.#title(id),
      labels: [...this.labels.values(), ...this.#unsavedLabels()],
      present: new Set(this.views.get(id).chips.filter((chip) => !chip.rejected).map((chip) => chip.key)),
      row: element.root,
      bar: this.bar,
      onPick: (key, name) => {
        if (name !== undefined) this.newNames.set(fold(name), name)
        this.judge(id, key, "yes", "Added")
      },
      onClose: ({ refocus }) => {
        this.picker.root.replaceWith(element.add)
        this.picker = null
        if (refocus) element.root.focus({ preventScroll: true })
      },
    })
    element.add.replaceWith(this.picker.root)
    this.picker.open()
  }

  #unsavedLabels() {
    const names = [...this.newNames].filter(([folded]) => !this.labelByName.has(folded))
    return names.map(([folded, name]) => ({ id: `new:${folded}`, name, color: "gray" }))
  }
}

class Picker {
  constructor({ id, title, labels, present, row, bar, onPick, onClose }) {
    Object.assign(this, { id, labels, present, row, bar, onPick, onClose })
    this.at = 0
    this.options = []
    this.input = describe(make("input", "picker-input"), {
      type: "text",
      role: "combobox",
      placeholder: "Find or create a tag",
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
      enterkeyhint: "done",
      maxlength: "200",
      "aria-label": `Add a tag to ${title}`,
      "aria-autocomplete": "list",
      "aria-expanded": "true",
      "aria-controls": `options-${id}`,
    })
    this.list = make("div", "options")
    describe(this.list, { id: `options-${id}`, role: "listbox", "aria-label": "Tags" })
    this.root = make("div", "picker", this.input, this.list)

    this.input.addEventListener("input", () => this.#search())
    this.input.addEventListener("keydown", (event) => this.#onKey(event))
    // The app's own shortcuts do not see that a key was typed into a field inside a shadow root.
    for (const kind of ["keydown", "keypress", "keyup"]) {
      this.root.addEventListener(kind, (event) => event.stopPropagation())
    }
    this.list.addEventListener("mousedown", (event) => event.preventDefault())
    this.input.addEventListener("blur", () => this.close({ refocus: false }))
    this.place = () => this.#place()
  }

  open() {
    this.#search()
    this.input.focus({ preventScroll: true })
    window.visualViewport?.addEventListener("resize", this.place)
    this.#place()
  }

  close({ refocus }) {
    if (this.closed) return
    this.closed = true
    window.visualViewport?.removeEventListener("resize", this.place)
    this.row.classList.remove("picking")
    this.onClose({ refocus })
  }

  #place() {
    this.row.classList.add("picking")
    this.row.scrollIntoView({ block: "nearest", behavior: "instant" })
    const field = this.input.getBoundingClientRect()
    const bottom = Math.min(window.visualViewport?.height ?? innerHeight, this.bar.getBoundingClientRect().top)
    const below = bottom - field.bottom - 12
    const above = field.top - 72
    const up = below < 180 && above > below
    this.list.classList.toggle("up", up)
    this.list.style.maxHeight = `${Math.max(132, Math.min(320, up ? above : below))}px`
    this.list.style.setProperty("--shift", `${this.row.getBoundingClientRect().left - this.root.getBoundingClientRect().left}px`)
  }

  #search() {
    const typed = this.input.value.replace(/\s+/g, " ").trim()
    const query = plain(typed)
    const rank = (label) => {
      const name = plain(label.name)
      const at = find(name, query)
      if (at < 0) return null
      if (fold(label.name) === fold(typed)) return EXACT
      const here = this.present.has(label.id)
      if (!beginsWord(name, at)) return here ? INNER_HERE : INNER
      return here ? HERE : at === 0 ? START : WORD
    }
    const matches = this.labels.map((label) => ({ ...label, rank: rank(label) })).filter(({ rank }) => rank !== null)
    if (typed && !matches.some(({ rank }) => rank === EXACT)) {
      matches.push({ id: `new:${fold(typed)}`, name: typed, rank: CREATE })
    }
    this.options = matches
      .sort((a, b) => a.rank - b.rank || a.name.localeCompare(b.name))
      .filter(({ rank }, index) => index < MOST_OPTIONS || rank === CREATE)
      .map(({ id, name, color, rank }) => ({ key: id, name, color, create: rank === CREATE, here: this.present.has(id) }))
    this.at = 0
    this.#draw(query)
  }

  #draw(query) {
    const nodes = this.options.map((option, index) => {
      const node = make("div", option.create ? "option create" : "option")
      describe(node, { id: `option-${this.id}-${index}`, role: "option" })
      if (option.create) {
        node.append(icon("plus"), make("bdi", "option-name", `Create “${option.name}”`))
      } else {
        node.append(paint(make("span", "swatch"), option.color), marked(option.name, query))
      }
      if (option.here) {
        node.setAttribute("aria-disabled", "true")
        node.append(make("span", "here-already", "on this row"))
      }
      node.addEventListener("click", () => this.#pick(index))
      return node
    })
    if (!nodes.length) nodes.push(make("div", "option none", "No tags yet. Type a name to create one."))
    this.list.replaceChildren(...nodes)
    this.list.scrollTop = 0
    this.#highlight()
  }

  #highlight() {
    ;[...this.list.children].forEach((node, index) => {
      node.classList.toggle("at", index === this.at)
      node.setAttribute("aria-selected", String(index === this.at))
    })
    const node = this.options.length ? this.list.children[this.at] : null
    if (node) this.input.setAttribute("aria-activedescendant", node.id)
    else this.input.removeAttribute("aria-activedescendant")
    if (!node) return
    if (node.offsetTop < this.list.scrollTop) this.list.scrollTop = node.offsetTop
    const under = node.offsetTop + node.offsetHeight - this.list.clientHeight
    if (under > this.list.scrollTop) this.list.scrollTop = under
  }

  #onKey(event) {
    if (event.isComposing) return
    const size = this.options.length
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault()
      if (!size) return
      this.at = (this.at + (event.key === "ArrowDown" ? 1 : size - 1)) % size
      this.#highlight()
    } else if (event.key === "Enter") {
      event.preventDefault()
      if (size) this.#pick(this.at)
    } else if (event.key === "Escape") {
      event.preventDefault()
      this.close({ refocus: true })
    }
  }

  #pick(index) {
    const option = this.options[index]
    this.close({ refocus: true })
    if (!option.here) this.onPick(option.key, option.create ? option.name : undefined)
  }
}

// ---- small parts ----

function drawChip(node, chip) {
  const { tag, rejected } = chip
  const kind = rejected ? "rejected" : tag.source
  node.className = `chip ${kind}`
  paint(node, chip.color)
  const pill = node.firstChild
  const clashes = tag.conflict && !rejected
  pill.replaceChildren(make("bdi", "name", chip.name), mark(tag, rejected), ...(clashes ? [clashSign()] : []))

  const why = {
    confirmed: "confirmed",
    remembered: tag.count ? `remembered from ${tag.count}` : "remembered",
    predicted: typeof tag.probability === "number" ? `predicted ${percent(tag.probability)} %` : "predicted",
    rejected: "rejected",
  }[kind]
  const clash = clashes ? ", equal descriptions disagree" : ""
  node.setAttribute("aria-label", `${rejected ? "Restore" : "Reject"} ${chip.name}, ${why}${clash}`)
  node.title = `${chip.name}: ${why}${clash}`
}

function mark(tag, rejected = false) {
  const node = make("span", "mark")
  if (tag.source === "confirmed") node.append(icon(rejected ? "cross" : "check"))
  else if (tag.source === "remembered") node.append(icon("again"), tag.count ?? "")
  else if (typeof tag.probability === "number") node.append(`${percent(tag.probability)}\u202f%`)
  return node
}

function clashSign() {
  return make("span", "clash", "!")
}

// What the marks mean, with samples instead of most of the words.
function makeLegend() {
  const samples = [
    ["confirmed", mark({ source: "confirmed" }), "filled, a tick", "confirmed"],
    ["remembered", mark({ source: "remembered", count: 4 }), "round arrow, 4", "remembered from 4 equal descriptions"],
    ["predicted", mark({ source: "predicted", probability: 0.93 }), "dashed outline, 93 %", "predicted probability"],
    ["conflict", clashSign(), "exclamation mark", "equal descriptions disagree"],
  ]
  const entries = samples.map(([kind, sign, words, meaning]) => {
    const pill = describe(make("span", "pill", sign), { role: "img", "aria-label": words })
    return make("div", "", paint(make("dt", kind, pill), "gray"), make("dd", "", meaning))
  })
  return describe(make("dl", "legend", ...entries), { "aria-label": "What the marks on the tags mean" })
}

// A prediction is never shown as certain: 99.6 % reads 99, 0.4 % reads 1.
function percent(probability) {
  return Math.min(99, Math.max(1, Math.round(probability * 100)))
}

function paint(node, color) {
  const name = COLORS.has(color) ? color : "gray"
  node.style.setProperty("--ink", `var(--st-${name}-text-color)`)
  node.style.setProperty("--tint", `var(--st-${name}-background-color)`)
  return node
}

function marked(name, query) {
  const at = query ? find(plain(name), query) : -1
  // Folding can change a name's length (ligatures, accents); then nothing is marked.
  if (at < 0 || plain(name).length !== name.length) return make("bdi", "option-name", name)
  const end = at + query.length
  return make("bdi", "option-name", name.slice(0, at), make("b", "", name.slice(at, end)), name.slice(end))
}

// Where a name contains the query: where a word begins with it if there is such a word, else anywhere.
function find(name, query) {
  let at = name.indexOf(query)
  while (at > 0 && !beginsWord(name, at)) at = name.indexOf(query, at + 1)
  return at < 0 ? name.indexOf(query) : at
}

function beginsWord(name, at) {
  return at === 0 || !/[\p{L}\p{N}]/u.test(name[at - 1])
}

function makeDay() {
  const rows = describe(make("div", "rows"), { role: "list" })
  return make("section", "day", make("h3", "day-title"), rows)
}

// Nodes that stay are not moved if possible: a moved node loses the keyboard focus.
function arrange(parent, children) {
  const kept = new Set(children)
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove()
  children.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null)
  })
}

function make(tag, className, ...children) {
  const node = document.createElement(tag)
  if (className) node.className = className
  node.append(...children)
  return node
}

function describe(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value)
  return node
}

function setText(node, content) {
  if (node.textContent !== content) node.textContent = content
}

function button(className, onClick, ...children) {
  const node = make("button", className, ...children)
  node.type = "button"
  node.addEventListener("click", onClick)
  return node
}

function icon(name) {
  const namespace = "http://www.w3.org/2000/svg"
  const path = describe(document.createElementNS(namespace, "path"), { d: ICONS[name] })
  const svg = document.createElementNS(namespace, "svg")
  svg.append(path)
  return describe(svg, { viewBox: "0 0 16 16", class: `icon icon-${name}`, "aria-hidden": "true" })
}

function fold(name) {
  return name.normalize("NFKC").replace(/\s+/g, " ").trim().toLowerCase()
}

function plain(name) {
  return fold(name).normalize("NFD").replace(/\p{M}/gu, "")
}

function clip(content, length) {
  return content.length > length ? `${content.slice(0, length - 1)}…` : content
}

function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`
}

function lowerFirst(content) {
  return content.charAt(0).toLowerCase() + content.slice(1)
}

// crypto.randomUUID is missing where the app is opened from a phone over plain http.
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = (bytes[6] & 0x0f) | 0x40
  bytes[8] = (bytes[8] & 0x3f) | 0x80
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")
}
