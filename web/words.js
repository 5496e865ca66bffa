// words.js - every word that the page itself says, from one table a language. English is always there; another table is
// fetched where it is asked for, and what it lacks is English.
import english from "./words-en.js";

const OTHERS = { de: () => import("./words-de.js"), ar: () => import("./words-ar.js") };
const STORE = "birefnet.language";
const RIGHT_TO_LEFT = ["ar"];

let language = "en", words = english, plural = new Intl.PluralRules("en");

/** The words of `key`, with {name} filled in from `values`. Where values.n counts something, the table's plural form. */
export function t(key, values = {}) {
  const form = "n" in values ? `.${plural.select(values.n)}` : "";
  const found = words[key + form] ?? words[`${key}.other`] ?? words[key] ?? english[key + form] ?? english[`${key}.other`] ?? english[key];
  return (found ?? "").replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** Whether the table has words of its own for this. */
export const has = (key) => key in english;

export const locale = () => language;

/** 1234567 as "1.2 MB", in the language's own digits and marks. */
export function bytes(count) {
  const [value, unit] = count < 1000 ? [count, "byte"] : count < 1e6 ? [Math.round(count / 1e3), "kilobyte"]
    : [Math.round(count / 1e5) / 10, "megabyte"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: unit === "byte" ? "long" : "short" }).format(value);
}

/** Put the words into all that names one: data-t is its text, data-t-label its name, data-t-hint its placeholder. */
function fill() {
  document.documentElement.lang = language;
  document.documentElement.dir = RIGHT_TO_LEFT.includes(language) ? "rtl" : "ltr";
  document.title = t(document.documentElement.dataset.title ?? "title");
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-t-label]")) element.setAttribute("aria-label", t(element.dataset.tLabel));
  for (const element of document.querySelectorAll("[data-t-hint]")) element.placeholder = t(element.dataset.tHint);
  for (const element of document.querySelectorAll("[data-t-title]")) element.title = t(element.dataset.tTitle);
}

async function speak(wanted, more) {
  const name = wanted in OTHERS ? wanted : "en", tables = [name in OTHERS ? OTHERS[name]() : { default: english }, more?.(name)];
  words = Object.assign({}, ...(await Promise.all(tables)).map((table) => table?.default));
  language = name;
  plural = new Intl.PluralRules(language);
  fill();
}

function remembered() {
  try {
    return localStorage.getItem(STORE);
  } catch {
    return null; // storage is off
  }
}

/** The person's language, as chosen here before or as the browser says; `select` changes it by loading the page anew. more(language):
 * a module with further words, of a page that has some of its own. */
export async function startWords(select, more) {
  const wanted = [remembered(), ...navigator.languages].filter(Boolean).map((each) => each.split("-")[0]);
  await speak(wanted.find((each) => each === "en" || each in OTHERS) ?? "en", more).catch(() => speak("en", more));
  select.value = language;
  select.addEventListener("change", () => {
    try {
      localStorage.setItem(STORE, select.value);
    } catch {
      // storage is off: for this time only
    }
    location.reload();
  });
}
