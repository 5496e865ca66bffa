// key.js - the key of this server: asked for in a dialog, kept for this tab only.
import { useKey } from "./api.js";

const $ = (id) => document.getElementById(id);
const STORE = "birefnet.key";

/** onChange is called whenever a key is set or forgotten. */
export function createKey(onChange) {
  let key = "";
  try {
    key = sessionStorage.getItem(STORE) ?? "";
  } catch {
    // storage is off: the key lives as long as the page
  }

  function set(text) {
    key = text.trim();
    try {
      if (key) sessionStorage.setItem(STORE, key);
      else sessionStorage.removeItem(STORE);
    } catch {
      // as above
    }
    apply();
    $("key-dialog").close();
    onChange();
  }
  function apply() {
    useKey(key);
    $("key-open").textContent = key ? "Key: set" : "Key…";
  }
  function open() {
    $("key-text").value = key;
    if (!$("key-dialog").open) $("key-dialog").showModal();
    $("key-text").focus();
  }

  $("key-open").addEventListener("click", open);
  $("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    set($("key-text").value);
  });
  $("key-forget").addEventListener("click", () => set(""));
  $("key-close").addEventListener("click", () => $("key-dialog").close());
  apply();
  return { open, isSet: () => Boolean(key) };
}
