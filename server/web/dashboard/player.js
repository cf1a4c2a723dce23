// player: which moment of a run is shown: always the newest (live), one that stays (paused), or one that moves on at the events'
// own pace, times a speed (playing). Times are handed in. Pure.

export const SPEEDS = [0.5, 1, 2, 4, 10, 100];
const WAIT_MAX_MS = 5000; // between two events, however long it was

export class Player {
  mode = "live"; // live, paused, playing
  position = 0; // how many entries are shown, unless live
  speed = 1;
  #dueMs = 0; // when the next one is

  want(length) {
    return this.mode === "live" ? length : Math.min(this.position, length);
  }

  goLive() {
    this.mode = "live";
  }

  pauseAt(position) {
    this.mode = "paused";
    this.position = Math.max(0, position);
  }

  /** From `position`; at the end, from the beginning. */
  play(position, entries, nowMs) {
    this.mode = "playing";
    this.position = position >= entries.length ? 0 : position;
    this.#dueMs = nowMs + (this.position > 0 ? this.#waitBefore(entries, this.position) : 0);
  }

  setSpeed(speed, entries, nowMs) {
    const left = Math.max(0, this.#dueMs - nowMs) * this.speed;
    this.speed = speed;
    this.#dueMs = nowMs + Math.min(WAIT_MAX_MS, left / speed);
  }

  /** Moves on to where it should be by now; what it plays may still be growing: at its end it is live again. */
  tick(entries, nowMs) {
    if (this.mode !== "playing") return;
    while (this.position < entries.length && this.#dueMs <= nowMs) {
      this.position++;
      if (this.position < entries.length) this.#dueMs += this.#waitBefore(entries, this.position);
    }
    if (this.position >= entries.length) this.goLive();
  }

  #waitBefore(entries, index) {
    const ms = entries[index].ms - entries[index - 1].ms;
    return Math.min(WAIT_MAX_MS, Math.max(0, ms) / this.speed);
  }
}
