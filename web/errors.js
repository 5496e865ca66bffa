// errors.js - what went wrong, in words for the person in front of the page, and what can be done about it.
import { ApiError } from "./api.js";
import { has, t } from "./words.js";

const UNREADABLE = ["NotReadableError", "NotFoundError"]; // what reading a file throws

const wordsOf = (entry) => (has(`problem.${entry.type}`) ? t(`problem.${entry.type}`) : entry.msg);

/** {text, fields: [{name, text}], needsKey, technical} of anything that was thrown. */
export function explain(error) {
  if (!(error instanceof ApiError)) return explainLocal(error);
  const detail = error.body?.detail;
  const entries = Array.isArray(detail) ? detail : [];
  const fields = entries.filter((entry) => entry.loc?.[0] === "body" && typeof entry.loc[1] === "string")
    .map((entry) => ({ name: entry.loc[1], text: wordsOf(entry) }));
  const said = entries.map(wordsOf).join(" ") || (typeof detail === "string" ? detail : "");
  const text = entries.length ? said
    : error.status === 401 && error.hadKey ? t("problem.key")
    : has(`problem.${error.status}`) ? t(`problem.${error.status}`) : said || t("problem.server");
  const technical = [`HTTP ${error.status}`, ...entries.map((entry) => entry.type), error.requestId && `request ${error.requestId}`,
    !entries.length && said !== text && said].filter(Boolean).join(" · ");
  return { text, fields, needsKey: error.status === 401, technical };
}

function explainLocal(error) {
  const nothing = { fields: [], needsKey: false, technical: "" };
  if (error instanceof TypeError) return { ...nothing, text: t("problem.offline"), technical: error.message };
  if (UNREADABLE.includes(error?.name)) return { ...nothing, text: t("problem.file") };
  return { ...nothing, text: error?.message || t("problem.page") };
}
