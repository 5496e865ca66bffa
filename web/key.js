// key.js - the key of this server: asked for in a dialog, kept for this tab only.
import { useKey } from "./api.js";
import { $ } from "./dom.js";
import { t } from "./words.js";

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
    $("key-open").textContent = t(key ? "key.set" : "key");
  }
  function open(reason) {
    $("key-text").value = key;
    $("key-why").textContent = reason || t("key.why");
    $("key-why").classList.toggle("field-problem", Boolean(reason));
    if (reason && key) $("key-text").setAttribute("aria-invalid", "true");
    else $("key-text").removeAttribute("aria-invalid");
    if (!$("key-dialog").open) $("key-dialog").showModal();
    $("key-text").focus();
  }

  $("key-open").addEventListener("click", () => open());
  $("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    set($("key-text").value);
  });
  $("key-forget").addEventListener("click", () => set(""));
  $("key-close").addEventListener("click", () => $("key-dialog").close());
  apply();
  return {
    /** reason: why a key is asked for, or nothing where the person asks. */
    open,
    isSet: () => Boolean(key),
  };
}
