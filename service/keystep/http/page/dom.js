// Elements are made here and nowhere else: whatever comes from a rollout is a text node, never markup.

/** An element. attributes: on* are listeners, null and false are left out. children: elements and texts. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export const byId = (id) => document.getElementById(id);

/** A number for people: null is "undecided", never a zero. */
export function told(value, digits = 2) {
  if (value === null || value === undefined) return "–";
  return value.toFixed(digits).replace("-", "−");
}

/** A message at the foot of the page, for a moment. */
export function say(message) {
  const place = byId("said");
  place.textContent = message;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (place.textContent = ""), 2500);
}

/** Dark or light: the reader's choice where there is one, else the system's. */
export function theming(button) {
  const wanted = () => localStorage.getItem("keystep-theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const show = () => {
    document.documentElement.dataset.theme = wanted();
    button.textContent = wanted() === "dark" ? "Light" : "Dark";
  };
  const turn = () => {
    localStorage.setItem("keystep-theme", wanted() === "dark" ? "light" : "dark");
    show();
  };
  button.addEventListener("click", turn);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
  return turn;
}
