// dom.js - elements by id, and new ones in one line.

export const $ = (id) => document.getElementById(id);

/** make("li", {className: "x", "aria-label": "y"}, child...): names with a dash are attributes, others properties. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** One of the icons that index.html defines. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(Object.assign(document.createElementNS("http://www.w3.org/2000/svg", "use")));
  svg.firstChild.setAttribute("href", `#i-${name}`);
  return svg;
}
