// hub: questions to the hub over HTTP, with the session's token, and questions that are asked again and again while somebody looks.
import { currentToken, refuseToken, tokenWhenThere } from "./session.js";

/** Where the hub is: above this file's folder, so a proxy may serve it under any path. */
export const BASE = new URL("..", import.meta.url).href.replace(/\/$/, "");

export class HubError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status; // 0: no answer
    this.code = code;
  }
}

/** GET, as JSON, or with `accept` as text. */
export async function ask(path, { signal, accept, token = currentToken() } = {}) {
  let response;
  try {
    const headers = { Accept: accept ?? "application/json", Authorization: "Bearer " + token };
    response = await fetch(BASE + "/api/v1" + path, { headers, signal, cache: "no-store", credentials: "omit" });
  } catch (error) {
    throw error.name === "AbortError" ? error : new HubError(0, "no_answer", "the hub does not answer");
  }
  if (response.ok) return accept ? response.text() : response.json();
  const body = await response.json().catch(() => null);
  const error = new HubError(response.status, body?.error?.code ?? "unknown", body?.error?.message ?? `HTTP status ${response.status}`);
  if (response.status === 401) refuseToken(token, reasonOf(error.code));
  throw error;
}

export function reasonOf(code) {
  return code === "token_expired" ? "The token has expired." : "The hub does not take this token.";
}

const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 30_000;

/** Asks every `everyMs` while the page is seen; onAnswer(answer), onTrouble(error, retryInMs). */
export class Poller {
  #timer = null;
  #abort = null;
  #failures = 0;
  #isClosed = false;
  #look = () => !document.hidden && this.now();

  constructor(path, everyMs, onAnswer, onTrouble) {
    Object.assign(this, { path, everyMs, onAnswer, onTrouble });
    document.addEventListener("visibilitychange", this.#look);
    addEventListener("online", this.#look);
    this.now();
  }

  /** Not to wait for the next turn; what was asked before and is not answered yet counts no more. */
  now() {
    this.#abort?.abort();
    clearTimeout(this.#timer);
    this.#ask(new AbortController());
  }

  close() {
    this.#isClosed = true;
    this.#abort?.abort();
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#look);
    removeEventListener("online", this.#look);
  }

  async #ask(abort) {
    this.#abort = abort;
    await tokenWhenThere();
    if (this.#isClosed || abort.signal.aborted) return;
    let next = this.everyMs;
    try {
      const answer = await ask(typeof this.path === "function" ? this.path() : this.path, { signal: abort.signal });
      if (this.#abort !== abort) return;
      this.#failures = 0;
      this.onAnswer(answer);
    } catch (error) {
      if (this.#isClosed || abort.signal.aborted) return;
      if (!(error instanceof HubError)) throw error;
      next = error.status === 401 ? 1 : Math.random() * Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** this.#failures++) + 200;
      this.onTrouble(error, next);
    }
    if (!document.hidden) this.#timer = setTimeout(() => this.now(), next);
  }
}
