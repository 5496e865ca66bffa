// progress.js - how far a request is, for eyes (bar, log) and for ears: the live region is told of each new step and of every
// quarter, not of each percent.

const $ = (id) => document.getElementById(id);
const STEP = 25;

export function createProgress() {
  let spoken = ""; // what the live region was last told, without its small steps
  let before = null; // what was said and shown when the connection was lost; null while there is one

  function say(text, identity = text) {
    if (identity === spoken) return;
    spoken = identity;
    $("status").textContent = text;
  }
  function bar(percent) {
    if (percent === null) $("progress-bar").removeAttribute("value");
    else $("progress-bar").value = percent;
  }

  return {
    start() {
      $("progress").hidden = false;
      $("progress-log").replaceChildren();
      bar(null);
    },
    /** Nothing is on its way; text says what came of it. */
    rest(text) {
      $("progress").hidden = true;
      before = null;
      say(text);
    },
    uploading(part) {
      const percent = Math.round(100 * part);
      bar(percent);
      say(`Uploading the photo: ${percent} %`, `upload ${Math.floor(percent / STEP)}`);
    },
    /** The server does not answer, and will be asked again. */
    lost() {
      before ??= { text: $("status").textContent, value: $("progress-bar").getAttribute("value") };
      bar(null);
      say("Connection lost, trying again…");
    },
    /** One status of the queue. */
    status(status) {
      if (before) {
        say(before.text);
        bar(before.value);
      }
      before = null;
      for (const line of status.logs ?? []) log(line.message);
      if (status.status === "IN_QUEUE") {
        const ahead = status.queue_position ?? 0;
        bar(null);
        say(ahead === 0 ? "Waiting: next in line" : `Waiting: ${ahead} ${ahead === 1 ? "request" : "requests"} ahead`);
      } else if (status.status === "IN_PROGRESS") {
        const last = status.logs?.at(-1);
        if (!last) return; // nothing new
        const percent = percentOf(last);
        if (percent !== null) bar(percent);
        say(last.message, `${stageOf(last)} ${percent === null ? "" : Math.floor(percent / STEP)}`);
      }
    },
  };
}

function log(message) {
  const line = Object.assign(document.createElement("li"), { textContent: message });
  $("progress-log").append(line);
  $("progress-log").scrollTop = $("progress-log").scrollHeight;
}

function percentOf(line) {
  const said = line.labels?.percent ?? /(\d+(?:\.\d+)?)\s*%/.exec(line.message)?.[1];
  const percent = Number(said);
  return said === undefined || Number.isNaN(percent) ? null : Math.max(0, Math.min(100, percent));
}

function stageOf(line) {
  return line.labels?.stage ?? line.message.replace(/[\d.]+\s*%?/g, "");
}
