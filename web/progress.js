// progress.js - how far a request is, for eyes (card, bar, log) and for ears: the live region is told of each new step and of
// the place in the queue, not of each percent.
import { $, make } from "./dom.js";
import { locale, t } from "./words.js";

// What the server's log says, as a stage of the page; the line itself stands in the log.
const STAGES = [[/^Fetching/, "fetch"], [/^Decoded/, "decoded"], [/^Opening the weights/, "open"], [/^Network/, "network"],
  [/encoding/, "encoding"]];
const TELL_FROM_PERCENT = 25, TELL_FROM_MS = 700; // before that a guess of the time left is worth little

export function createProgress() {
  let spoken = "", lost = null; // lost: what was said and shown when the connection was lost; null while there is one
  let began = 0; // when the network began, by this page's clock in ms; 0 before that

  function say(text) {
    if (text === spoken) return;
    spoken = text;
    $("status").textContent = text;
  }
  function bar(percent) {
    if (percent === null) $("progress-bar").removeAttribute("value");
    else $("progress-bar").value = percent;
    $("progress-left").textContent = percent === null ? "" : left(percent);
  }
  function left(percent) {
    const spent = performance.now() - began;
    if (!began || percent < TELL_FROM_PERCENT || percent >= 100 || spent < TELL_FROM_MS) return "";
    return t("left", { n: Math.max(1, Math.round((spent * (100 - percent)) / percent / 1000)) });
  }

  return {
    start() {
      $("progress").hidden = false;
      $("progress-log").replaceChildren();
      began = 0;
      bar(null);
    },
    /** Nothing is on its way; text says what came of it. */
    rest(text) {
      $("progress").hidden = true;
      lost = null;
      say(text);
    },
    uploading(part) {
      bar(100 * part);
      say(t("stage.upload"));
    },
    /** The server does not answer, and will be asked again. */
    lost() {
      lost ??= { text: $("status").textContent, value: $("progress-bar").getAttribute("value") };
      bar(null);
      say(t("stage.lost"));
    },
    /** One status of the queue. */
    status(status) {
      if (lost) {
        say(lost.text);
        bar(lost.value === null ? null : Number(lost.value));
      }
      lost = null;
      for (const { message } of status.logs ?? []) log(message);
      if (status.status === "IN_QUEUE") {
        const n = status.queue_position ?? 0;
        bar(null);
        say(n === 0 ? t("stage.next") : t("stage.ahead", { n }));
      } else if (status.status === "IN_PROGRESS") {
        for (const line of status.logs ?? []) step(line.message);
      }
    },
  };

  function step(message) {
    const stage = STAGES.find(([pattern]) => pattern.test(message))?.[1];
    if (stage === "network" && !began) began = performance.now();
    const percent = /(\d+(?:\.\d+)?)\s*%/.exec(message)?.[1];
    if (percent !== undefined) bar(Math.min(100, Number(percent)));
    if (stage) say(t(`stage.${stage}`));
  }
}

function log(message) {
  $("progress-log").append(make("li", { textContent: message }));
  $("progress-log").scrollTop = $("progress-log").scrollHeight;
}

/** When something was, as a time of the day. */
export const timeOf = (ms) => new Date(ms).toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit" });
