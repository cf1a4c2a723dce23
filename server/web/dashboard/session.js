// session: who is signed in. It is the first script that runs: a token that came in the address (#token=…) is taken out of it before anything
// else, also out of the history. It stays in this tab's sessionStorage; no URL, log or other tab sees it.

const KEY = "councilws.token";
const MARK = "#token=";

let token = null;
let reason = ""; // why one has to sign in
let waiting = []; // for a token
const listeners = new Set();

takeFromAddress("");
token ??= stored();
addEventListener("hashchange", (e) => takeFromAddress(new URL(e.oldURL).hash) && changed());

// What was behind the # before comes back.
function takeFromAddress(before) {
  if (!location.hash.startsWith(MARK)) return false;
  const given = location.hash.slice(MARK.length);
  history.replaceState(null, "", location.pathname + location.search + before);
  keep(given);
  return true;
}

function keep(given) {
  token = given;
  reason = "";
  try {
    if (given === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, given);
  } catch {
    // where there is no storage it lasts as long as the page
  }
}

function stored() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function changed() {
  if (token !== null) {
    for (const resolve of waiting.splice(0)) resolve(token);
  }
  for (const listener of listeners) listener();
}

/** Called after each sign-in, sign-out and expiry; what it returns ends that. */
export function onSession(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const isSignedIn = () => token !== null;
export const currentToken = () => token;
export const signInReason = () => reason;

export function signIn(given) {
  keep(given);
  changed();
}

export function signOut() {
  keep(null);
  reason = "";
  changed();
}

/** The hub has refused `refused`; another may be there already. */
export function refuseToken(refused, why) {
  if (refused !== token) return;
  keep(null);
  reason = why;
  changed();
}

/** The token, as soon as there is one. */
export function tokenWhenThere() {
  return token !== null ? Promise.resolve(token) : new Promise((resolve) => waiting.push(resolve));
}

/** What the token says of itself; only the hub can say whether it is true. */
export function claims() {
  try {
    const payload = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(payload), (c) => c.charCodeAt(0))));
  } catch {
    return {};
  }
}
