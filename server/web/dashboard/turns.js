// turns: work in pieces, so that nothing keeps the page for long: what is not done now is done in the next frame. The clock is handed in. Pure.

/** Whether `ms` are over by the clock, asked now and again. */
export function until(clock, ms) {
  const end = clock() + ms;
  return () => clock() >= end;
}

/** Pieces of work that take turns: who was asked for first is done first, so none waits for ever. */
export class Turns {
  #pieces;
  #due = new Set(); // in the order in which they were asked for

  /** pieces: functions, each given what take() was given. */
  constructor(pieces) {
    this.#pieces = pieces;
  }

  /** All of them are to be done, once, whether they are waiting already or not. */
  ask() {
    for (const piece of this.#pieces) this.#due.add(piece);
  }

  /** Whether none waits. */
  get isDone() {
    return this.#due.size === 0;
  }

  /** Does one piece, and others until isOver() says so. True where none waits any more; what is asked for meanwhile waits. */
  take(isOver, ...args) {
    for (const piece of [...this.#due]) {
      this.#due.delete(piece);
      piece(...args);
      if (isOver()) break;
    }
    return this.isDone;
  }
}
