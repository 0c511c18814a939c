// Links to other pages wait until what was done just before is stored. Streamlit drops what a page sent when another one
// is asked for before the server came to it, and what is sent after that calls the page back.

const LEAVE_MS = 1000; // so long a link waits

class Departure {
  /** `isOpen` says whether anything waits for an answer; `hurry` sends what was not sent yet; `leave` stops sending. */
  constructor({ isOpen, hurry = () => {}, leave = () => {} }) {
    Object.assign(this, { isOpen, hurry, leave });
    this.link = null; // the one that waits
    this.passed = null; // the one that waited, while it is followed
    this.timer = 0;
    addEventListener("click", this.onClick, { capture: true });
  }

  onClick = (event) => {
    const link = event.composedPath().find((element) => element.localName === "a");
    const opensHere = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || link.target === "_blank" || !opensHere || link === this.passed || !this.isOpen()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.link = link;
    this.hurry();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.follow(), LEAVE_MS);
  };

  /** Everything is stored. */
  allow() {
    if (this.link) setTimeout(() => this.follow());
  }

  /** Something could not be stored, which is to be seen. */
  stay() {
    this.link = null;
  }

  follow() {
    clearTimeout(this.timer);
    if (!this.link) return;
    this.leave();
    this.passed = this.link;
    this.link = null;
    this.passed.click();
    this.passed = null;
  }

  dispose() {
    clearTimeout(this.timer);
    removeEventListener("click", this.onClick, { capture: true });
  }
}
