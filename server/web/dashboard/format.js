// format: numbers, times and data as people read them. Pure.

// Bytes that act on whoever shows them, and characters that turn the direction of writing, are shown as escapes.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const HIDDEN_INLINE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const escaped = (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0");

/** Text of several lines. Joiners stay: emoji are made with them. */
export const visible = (text) => text.replace(/\r\n/g, "\n").replace(HIDDEN, (c) => (c === "\u200c" || c === "\u200d" ? c : escaped(c)));
/** The same in one line. */
export const inline = (text) => text.replace(/\s+/g, " ").replace(HIDDEN_INLINE, escaped);

export function cost(value) {
  if (!(value > 0)) return "0";
  if (value < 1000) return value.toFixed(4);
  return value < 99_999 ? value.toFixed(2) : value.toExponential(1);
}

export function count(value) {
  return value.toLocaleString("en-US");
}

export function short(value) {
  const units = ["", "k", "M", "G", "T", "P", "E"];
  let unit = 0;
  for (; value >= 999.5 && unit + 1 < units.length; unit++) value /= 1000;
  return unit === 0 ? String(Math.round(value)) : value.toFixed(value < 99.95 ? 1 : 0) + units[unit];
}

export function bytes(value) {
  return value < 1000 ? `${value} B` : short(value) + "B";
}

/** "2:13", "1:02:13", "4d 05h" */
export function clock(ms) {
  const s = Math.floor(Math.max(0, ms) / 1000);
  const two = (n) => String(n).padStart(2, "0");
  if (s < 3600) return `${Math.floor(s / 60)}:${two(s % 60)}`;
  if (s < 100 * 3600) return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return `${Math.floor(s / 86_400)}d ${two(Math.floor(s / 3600) % 24)}h`;
}

/** "2.1s", "45s", "2m13s", "1h02m", "4d" */
export function span(seconds) {
  const s = Math.floor(seconds);
  const two = (n) => String(n).padStart(2, "0");
  if (seconds < 10) return seconds.toFixed(1) + "s";
  if (s < 100) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${two(s % 60)}s`;
  return s < 86_400 ? `${Math.floor(s / 3600)}h${two(Math.floor(s / 60) % 60)}m` : `${Math.floor(s / 86_400)}d`;
}

/** How long ago, in one unit. */
export function age(ms) {
  const s = Math.floor(Math.max(0, ms) / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 2 * 86_400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}

export function confidence(value) {
  if (value >= 0 && value <= 1) return value.toFixed(2);
  return value > 1 && value < 1000 ? `${Math.round(value)}%` : "";
}

/** The time of day of an event, in the time zone of whoever looks. */
export function timeOfDay(ms) {
  const date = new Date(ms);
  return Number.isFinite(date.getTime()) && ms > 0 ? date.toLocaleTimeString("en-GB") : "";
}

export function dateTime(ms) {
  const date = new Date(ms);
  return Number.isFinite(date.getTime()) ? date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" }) : "";
}

// ---- an event in one line ----

const LEADING = ["subtaskId", "stage", "status", "message"]; // what says most, without names
const KNOWN = ["agent", "modelId", "progress", "confidence", "cost", "tokens", "executionTime", "success", "totalCost"]; // then these
const FIELDS_MAX = 8;
const VALUE_CHARS = 300;

function valueText(value) {
  const text = typeof value === "string" ? value.slice(0, 4 * VALUE_CHARS) : typeof value === "object" && value !== null ? bounded(value) : String(value);
  const line = inline(text);
  return line.length > VALUE_CHARS ? line.slice(0, VALUE_CHARS) + "…" : line;
}

// Enough of the JSON for one line, however large the value is.
function bounded(value) {
  let room = 40;
  return JSON.stringify(value, (key, inner) => {
    if (--room < 0) return undefined;
    if (Array.isArray(inner)) return inner.slice(0, 40);
    return typeof inner === "string" ? inner.slice(0, VALUE_CHARS) : inner;
  });
}

/** [{ name, value }]: as text, in the order in which they say most; those without a name come first. It ends after about `charsMax` characters. */
export function eventLine(data, charsMax = Infinity) {
  return upTo(charsMax, fields(data));
}

// An element for what nobody can see costs as much as one for what everybody sees.
function upTo(charsMax, line) {
  let room = charsMax;
  const end = line.findIndex(({ name, value }) => (room -= name.length + value.length + 2) < 0);
  if (end < 0) return line;
  const { name, value } = line[end];
  const cut = value.slice(0, Math.max(0, value.length + room)).replace(/[\ud800-\udbff]$/, "");
  return [...line.slice(0, end), { name, value: cut + "…" }];
}

function fields(data) {
  if (data === null || typeof data !== "object" || Array.isArray(data)) return [{ name: "", value: valueText(data) }];
  const names = Object.keys(data);
  const others = names.filter((name) => !LEADING.includes(name) && !KNOWN.includes(name));
  const present = (list) => list.filter((name) => Object.hasOwn(data, name));
  return [...present(LEADING), ...present(KNOWN), ...others]
    .slice(0, FIELDS_MAX)
    .map((name) => ({ name: LEADING.includes(name) ? "" : inline(name.slice(0, VALUE_CHARS)), value: valueText(data[name]) }));
}
