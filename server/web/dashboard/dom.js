// dom: elements made and changed so that text is only ever text, and nothing is touched that stays as it is.

/** el("td", { class: "num", "aria-label": "cost" }, "text", child, …) */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else setAttr(element, name, value);
  }
  element.append(...children);
  return element;
}

const texts = new WeakMap();

export function setText(element, text) {
  if (texts.get(element) === text) return;
  texts.set(element, text);
  element.textContent = text;
}

/** null takes it away. */
export function setAttr(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? "" : String(value));
}

/** Of its style. What was set before is known, since asking would cost as much as setting. */
export function setProperty(element, name, value) {
  const known = (element.setProperties ??= new Map());
  if (known.get(name) === value) return;
  known.set(name, value);
  element.style.setProperty(name, String(value));
}

export function show(element, isShown) {
  if (element.hidden === isShown) element.hidden = !isShown;
}

/** Keeps `parent`'s children as those of `items`, one each, by key; they are made once, then filled again and again. */
export function keyed(parent, items, keyOf, make, fill) {
  const known = (parent.keyedChildren ??= new Map());
  const wanted = new Set(items.map(keyOf));
  for (const [key, element] of known) {
    if (wanted.has(key)) continue;
    element.remove();
    known.delete(key);
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let element = known.get(key);
    if (element === undefined) known.set(key, (element = make(item)));
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
    fill(element, item);
  }
}
