// virtual: a list of any length of which only the rows in sight are in the page. Rows are of one height, but for those that were
// given more. It knows nothing of what stands in them.
import { setProperty } from "./dom.js";

const OVERSCAN = 3; // rows beyond the edges
const MADE_A_DRAW_MAX = 12; // rows: styles and layout of new ones are what takes longest of all

/** Offsets of rows of one height, some of them with extra pixels. Pure. */
export class Heights {
  count = 0;
  row = 1;
  #extras = []; // [index, px], by index

  setExtras(extras) {
    this.#extras = [...extras].sort((a, b) => a[0] - b[0]);
  }

  top(index) {
    let px = index * this.row;
    for (const [at, extra] of this.#extras) {
      if (at >= index) break;
      px += extra;
    }
    return px;
  }

  get total() {
    return this.top(this.count);
  }

  /** The row that covers the pixel. */
  indexAt(px) {
    let before = 0;
    for (const [at, extra] of this.#extras) {
      if (px < at * this.row + before) break;
      if (px < (at + 1) * this.row + before + extra) return Math.min(at, this.count - 1);
      before += extra;
    }
    return Math.min(Math.max(0, Math.floor((px - before) / this.row)), Math.max(0, this.count - 1));
  }
}

export class VirtualList {
  heights = new Heights();
  isAtEnd = true;
  #scroller;
  #list;
  #make;
  #fill;
  #rows = new Map(); // index → element
  #spare = [];
  #scrollTop = 0;
  #total = 0;
  #height = 0; // what is left for rows below a header that stays
  #observer;
  #onChange;
  #isStale = true;
  #hasToScroll = false;

  /** make() gives a row, fill(row, index) says what stands in it; onChange: something is to be drawn again. */
  constructor(scroller, list, { make, fill, onChange, rowHeight }) {
    this.#scroller = scroller;
    this.#list = list;
    this.#make = make;
    this.#fill = fill;
    this.#onChange = onChange;
    this.rowHeight = rowHeight; // (width) → px
    scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    this.#observer = new ResizeObserver(() => this.#onResize());
    this.#observer.observe(scroller);
  }

  close() {
    this.#observer.disconnect();
  }

  /** What stands in the rows has changed. */
  invalidate() {
    this.#isStale = true;
  }

  /** Draws what is in sight; scroll() follows. `sticks`: stays at the end if it was there. */
  draw(count, { sticks = false } = {}) {
    const h = this.heights;
    h.count = count;
    const total = Math.round(h.total);
    const bottom = Math.max(0, total - this.#height);
    const moves = ((sticks && this.isAtEnd) || this.#scrollTop > bottom) && this.#scrollTop !== bottom;
    if (moves) this.#scrollTop = bottom;
    if (this.#total !== total) {
      this.#total = total;
      this.#list.style.height = total + "px";
    }
    this.#place();
    this.#isStale = false;
    this.#hasToScroll ||= moves;
  }

  /** To where draw() has put its rows. It makes the browser lay the page out, so it comes behind all that is drawn. */
  scroll() {
    if (!this.#hasToScroll) return;
    this.#hasToScroll = false;
    this.#scroller.scrollTop = this.#scrollTop;
  }

  /** Brings the row into sight and gives it the focus. */
  focusRow(index) {
    const top = this.heights.top(index);
    const bottom = this.heights.top(index + 1);
    if (top < this.#scrollTop) this.#scrollTo(top);
    else if (bottom > this.#scrollTop + this.#height) this.#scrollTo(Math.max(0, Math.min(top, bottom - this.#height)));
    this.#onScroll();
    this.#onChange();
    this.#place(index);
    return this.#rows.get(index);
  }

  scrollToEnd() {
    this.isAtEnd = true;
    this.#scrollTo(Math.max(0, this.heights.total - this.#height));
    this.#onChange();
  }

  get pageRows() {
    return Math.max(1, Math.floor(this.#height / this.heights.row) - 1);
  }

  get rowElements() {
    return this.#rows;
  }

  #heightNow() {
    return Math.max(0, this.#scroller.clientHeight - this.#list.offsetTop);
  }

  #scrollTo(px) {
    this.#scrollTop = px;
    this.#scroller.scrollTop = px;
  }

  #onScroll() {
    const before = this.#scrollTop;
    const wasAtEnd = this.isAtEnd;
    this.#scrollTop = this.#scroller.scrollTop;
    if (this.#height !== this.#heightNow()) return; // it moved because its size has changed: onResize follows
    this.isAtEnd = this.#scrollTop >= this.heights.total - this.#height - this.heights.row;
    if (Math.abs(this.#scrollTop - before) >= 1 || this.isAtEnd !== wasAtEnd) this.#onChange(); // else it is where draw() has put it
  }

  #onResize() {
    this.#height = this.#heightNow();
    this.#scrollTop = this.#scroller.scrollTop;
    this.heights.row = this.rowHeight(this.#scroller.clientWidth);
    setProperty(this.#scroller, "--row", this.heights.row + "px");
    this.invalidate();
    this.#onChange();
  }

  // The row with the focus stays, wherever it is: it is where keys go on from.
  #focused() {
    const active = document.activeElement;
    if (!this.#list.contains(active)) return -1;
    for (const [index, row] of this.#rows) if (row.contains(active)) return index;
    return -1;
  }

  #wanted(also) {
    const { count } = this.heights;
    if (count === 0) return [];
    const first = Math.max(0, this.heights.indexAt(this.#scrollTop) - OVERSCAN);
    const last = Math.min(count - 1, this.heights.indexAt(this.#scrollTop + this.#height) + OVERSCAN);
    const wanted = [];
    for (let i = first; i <= last; i++) wanted.push(i);
    for (const i of [also, this.#focused()]) {
      if (i >= 0 && i < count && (i < first || i > last) && !wanted.includes(i)) wanted.push(i);
    }
    return wanted.sort((a, b) => a - b);
  }

  #place(also = -1) {
    const wanted = this.#wanted(also);
    if (wanted.some((index) => this.#rows.has(index))) this.#takeAway(new Set(wanted));
    else this.#renumber(wanted);
    let room = MADE_A_DRAW_MAX;
    let before = null;
    for (const index of wanted) {
      const isThere = this.#rows.has(index) || this.#spare.length > 0;
      if (isThere || index === also || room-- > 0) before = this.#placeRow(index, before);
    }
    if (room < 0) this.#onChange(); // the others follow
  }

  #takeAway(keep) {
    for (const [index, row] of this.#rows) {
      if (!keep.has(index)) this.#putBy(index, row);
    }
  }

  // All of them are other rows now: they stay in the page where they are, and only what stands in them changes.
  #renumber(wanted) {
    const rows = [...this.#rows].sort(([a], [b]) => a - b);
    this.#rows.clear();
    rows.forEach(([index, row], i) => (i < wanted.length ? this.#rows.set(wanted[i], row) : this.#putBy(index, row)));
  }

  #putBy(index, row) {
    row.remove();
    row.holds = null;
    this.#rows.delete(index);
    this.#spare.push(row);
  }

  #placeRow(index, before) {
    let row = this.#rows.get(index);
    if (row === undefined) {
      row = this.#spare.pop() ?? this.#make();
      this.#rows.set(index, row);
      this.#list.insertBefore(row, before === null ? this.#list.firstChild : before.nextSibling);
    }
    if (row.holds !== index || this.#isStale) this.#fill(row, index);
    row.holds = index;
    const top = this.heights.top(index);
    if (row.placedAt !== top) {
      row.placedAt = top;
      row.style.transform = `translateY(${top}px)`;
    }
    return row;
  }
}
