// calls.js - the tabs that show the present call in three languages, and the button that copies it.
import { $ } from "./dom.js";
import { curl, javascript, python } from "./snippets.js";
import { t } from "./words.js";

const LANGUAGES = [["tab-curl", curl], ["tab-javascript", javascript], ["tab-python", python]];

export function createCalls() {
  let call = null, shown = 0;

  function show() {
    LANGUAGES.forEach(([id], index) => {
      $(id).setAttribute("aria-selected", String(index === shown));
      $(id).tabIndex = index === shown ? 0 : -1;
    });
    $("call").setAttribute("aria-labelledby", LANGUAGES[shown][0]);
    $("call-text").firstElementChild.textContent = call ? LANGUAGES[shown][1](call) : "";
    $("call-copied").textContent = "";
  }

  LANGUAGES.forEach(([id], index) => $(id).addEventListener("click", () => {
    shown = index;
    show();
  }));
  // one tab stop for the whole row; the arrow keys go along it
  $("tabs").addEventListener("keydown", (event) => {
    const last = LANGUAGES.length - 1;
    const next = { ArrowRight: shown === last ? 0 : shown + 1, ArrowLeft: shown === 0 ? last : shown - 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    shown = next;
    show();
    $(LANGUAGES[shown][0]).focus();
  });
  $("call-copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText($("call-text").textContent);
      $("call-copied").textContent = t("copied");
    } catch {
      getSelection().selectAllChildren($("call-text"));
      $("call-copied").textContent = t("copy.selected");
    }
  });

  return {
    update(next) {
      call = next;
      show();
    },
  };
}
