// app: puts the page together: which page the address names, who is signed in, colours.
import { setText, show } from "./dom.js";
import { ask, HubError } from "./hub.js";
import { showConnection } from "./connection.js";
import { ListPage } from "./list.js";
import { RequestPage } from "./request.js";
import { claims, currentToken, isSignedIn, onSession, signIn, signInReason, signOut } from "./session.js";
import { currentTheme, setTheme } from "./theme.js";

const byId = (id) => document.getElementById(id);
const main = byId("main");
const dialog = byId("sign-in");
let page = null;
let pagePath = null;
let pageUser = null;

// ---- pages ----

/** The request that the address names, or null for the list. */
function requestOf(hash) {
  const match = /^#\/requests\/([^/]+)$/.exec(hash);
  try {
    return match ? decodeURIComponent(match[1]) : null;
  } catch {
    return null;
  }
}

function closePage() {
  page?.close();
  page = pagePath = null;
  main.replaceChildren();
}

function openPage() {
  if (!isSignedIn() || pagePath === location.hash) return;
  const isFirst = page === null;
  closePage();
  const id = requestOf(location.hash);
  page = id === null ? new ListPage() : new RequestPage(id);
  pagePath = location.hash;
  pageUser = claims().sub;
  document.title = id === null ? "councilws" : `${id} · councilws`;
  main.append(page.element);
  if (!isFirst) main.focus({ preventScroll: true });
  scrollTo(0, 0);
}

// ---- signing in and out ----

function sessionChanged() {
  const { sub, exp } = claims();
  if (isSignedIn()) {
    if (sub !== pageUser) closePage(); // what one has seen is not for another
    if (dialog.open) dialog.close();
    openPage();
  } else {
    if (signInReason() === "") closePage(); // signed out; else it stays, and goes on afterwards
    askForToken();
  }
  setText(byId("user"), isSignedIn() && typeof sub === "string" ? sub : "");
  byId("user").title = exp > 0 ? `signed in until ${new Date(exp * 1000).toLocaleString("en-GB")}` : "";
  show(byId("sign-out"), isSignedIn());
}

function askForToken() {
  showConnection("signed-out");
  say(signInReason() === "" ? "" : `${signInReason()} Sign in again, and this page goes on where it was.`);
  if (!dialog.open) dialog.showModal();
  byId("sign-in-token").focus();
}

function say(text) {
  setText(byId("sign-in-reason"), text);
}

async function trySignIn() {
  const given = tokenOf(byId("sign-in-token").value);
  byId("sign-in-button").disabled = true;
  try {
    await ask("/requests?limit=1", { token: given });
    byId("sign-in-token").value = "";
    signIn(given);
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    say(error.status === 401 ? `The hub does not take this token: ${error.message}.` : `It could not be tried: ${error.message}.`);
    byId("sign-in-token").select();
  } finally {
    byId("sign-in-button").disabled = false;
  }
}

// A whole link will do, too, and a header's value.
function tokenOf(text) {
  const at = text.indexOf("#token=");
  return (at >= 0 ? text.slice(at + "#token=".length) : text).trim().replace(/^Bearer\s+/i, "").replace(/[^\x21-\x7e]/g, "");
}

// ---- the frame ----

byId("skip").addEventListener("click", () => main.focus());
byId("sign-out").addEventListener("click", signOut);
byId("theme").value = currentTheme();
byId("theme").addEventListener("change", (e) => setTheme(e.target.value));
dialog.addEventListener("cancel", (e) => e.preventDefault());
byId("sign-in-form").addEventListener("submit", (e) => {
  e.preventDefault();
  trySignIn();
});
addEventListener("hashchange", openPage);
onSession(sessionChanged);
if (currentToken() === null) byId("main").replaceChildren();
sessionChanged();
