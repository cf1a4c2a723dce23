// pace: how often what changes is drawn. Times are handed in, in ms. Pure.

const EVERY_MS = 50; // what comes in a stream: nobody reads faster, and raster takes the processor, too
const BEHIND_EVERY_MS = 150; // what is on the way to another picture

export class Pace {
  #isAsked = true;
  #begunMs = -Infinity;
  #begunVersion = null;

  /** More than an event has changed: it is drawn in the next frame, unless it is on the way to another picture. */
  ask() {
    this.#isAsked = true;
  }

  /** How long until a drawing may begin, 0 or below: now; Infinity: there is nothing new to draw. */
  restMs(version, nowMs, isBehind) {
    if (!this.#isAsked && this.#begunVersion === version) return Infinity;
    const everyMs = isBehind ? BEHIND_EVERY_MS : this.#isAsked ? 0 : EVERY_MS;
    return this.#begunMs + everyMs - nowMs;
  }

  /** Whether one begins now, which is then the last one. */
  begins(version, nowMs, isBehind) {
    if (this.restMs(version, nowMs, isBehind) > 0) return false;
    this.#isAsked = false;
    this.#begunMs = nowMs;
    this.#begunVersion = version;
    return true;
  }
}
