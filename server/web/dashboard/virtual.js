// virtual: a list of any length of which only the rows in sight are in the page. Rows are of one height, but for those that were
// given more. It knows nothing of what stands in them.

const OVERSCAN = 6; // rows beyond the edges

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

  /** Draws what is in sight. `sticks`: stays at the end if it was there. */
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
    if (moves) this.#scroller.scrollTop = bottom; // last: it makes the browser lay the page out
  }

  /** Brings the row into sight and gives it the focus. */
  focusRow(index) {
    const top = this.heights.top(index);
    const bottom = this.heights.top(index + 1);
    if (top < this.#scrollTop) this.#scrollTo(top);
    else if (bottom > this.#scrollTop + this.#height) this.#scrollTo(Math.max(0, Math.min(top, bottom - this.#height)));
    this.#onScroll();
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
    this.#scrollTop = this.#scroller.scrollTop;
    if (this.#height !== this.#heightNow()) return; // it moved because its size has changed: onResize follows
    this.isAtEnd = this.#scrollTop >= this.heights.total - this.#height - this.heights.row;
    this.#onChange();
  }

  #onResize() {
    this.#height = this.#heightNow();
    this.#scrollTop = this.#scroller.scrollTop;
    this.heights.row = this.rowHeight(this.#scroller.clientWidth);
    this.#scroller.style.setProperty("--row", this.heights.row + "px");
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
    const keep = new Set(wanted);
    for (const [index, row] of this.#rows) {
      if (keep.has(index)) continue;
      row.remove();
      this.#rows.delete(index);
      this.#spare.push(row);
    }
    let before = null;
    for (const index of wanted) before = this.#placeRow(index, before);
  }

  #placeRow(index, before) {
    let row = this.#rows.get(index);
    const isNew = row === undefined;
    if (isNew) {
      row = this.#spare.pop() ?? this.#make();
      this.#rows.set(index, row);
      this.#list.insertBefore(row, before === null ? this.#list.firstChild : before.nextSibling);
    }
    if (isNew || this.#isStale) this.#fill(row, index);
    const top = this.heights.top(index);
    if (row.placedAt !== top) {
      row.placedAt = top;
      row.style.transform = `translateY(${top}px)`;
    }
    return row;
  }
}
