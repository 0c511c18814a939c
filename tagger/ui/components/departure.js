// Links to other pages wait until what was done just before is stored. Streamlit drops what a page sent when another one
// is asked for before the server came to it, and what is sent after that calls the page back.

const TELL_MS = 1000; // a link that waits longer says so
const NOTE = "Not stored yet. The page opens as soon as it is; choose it again to leave now.";
const NOTE_STYLE = `position: fixed; z-index: 1000000; bottom: 1rem; left: 50%; translate: -50%; width: max-content;
  max-width: calc(100vw - 2rem); padding: 0.6rem 1rem; border: 1px solid #ffffff40; border-radius: 0.5rem;
  background: #262730; color: #fff; box-shadow: 0 2px 8px #0004;`;

class Departure {
  /** `isOpen` says whether anything waits for an answer; `hurry` sends what was not sent yet; `leave` stops sending. */
  constructor({ isOpen, hurry = () => {}, leave = () => {} }) {
    Object.assign(this, { isOpen, hurry, leave });
    this.link = null; // the one that waits
    this.passed = null; // the one that waited, while it is followed
    this.timer = 0;
    this.note = null; // what is said while a link waits
    addEventListener("click", this.onClick, { capture: true });
  }

  onClick = (event) => {
    const link = event.composedPath().find((element) => element.localName === "a");
    const opensHere = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || link.target === "_blank" || !opensHere || link === this.passed || !this.isOpen()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.link = link;
    if (this.note) {
      this.follow();
      return;
    }
    this.hurry();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.tell(), TELL_MS);
  };

  tell() {
    this.note = document.createElement("div");
    this.note.setAttribute("role", "status");
    this.note.style.cssText = NOTE_STYLE;
    document.body.append(this.note);
    this.note.textContent = NOTE;
  }

  hush() {
    clearTimeout(this.timer);
    this.note?.remove();
    this.note = null;
  }

  /** Everything is stored. */
  allow() {
    if (this.link) setTimeout(() => this.follow());
  }

  /** Something could not be stored, which is to be seen. */
  stay() {
    this.hush();
    this.link = null;
  }

  follow() {
    this.hush();
    if (!this.link) return;
    this.leave();
    this.passed = this.link;
    this.link = null;
    this.passed.click();
    this.passed = null;
  }

  dispose() {
    this.hush();
    removeEventListener("click", this.onClick, { capture: true });
  }
}
