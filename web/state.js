// state.js - where the page stands, in words. Everything it says when no request is on its way follows from one state: the
// photo that is chosen, and what the last request or the list of recent results came to.
import { t } from "./words.js";

/** What came of a request: {kind: "shown", name, opened}, {kind: "cancelled"} or {kind: "failed"}; null for nothing. */
export function statusOf({ photo, outcome }) {
  if (outcome?.kind === "failed") return t("status.failed");
  if (outcome?.kind === "cancelled") return t("status.cancelled");
  if (outcome?.kind === "shown") return outcome.opened ? t("status.opened", { name: outcome.name }) : t("status.done");
  if (!photo) return "";
  return photo.preview ? t("status.ready") : t("photo.unseen");
}

/** What is to be seen: the first visit, a photo at work, or many. */
export const pageOf = ({ many, photo, outcome, running }) => (many ? "many" : photo || outcome || running ? "work" : "empty");

/** Whether there is something to press the main button for: no result yet, or one of other options. */
export function wantsRun({ photo, outcome, running, made }, values) {
  if (running || !photo) return false;
  if (outcome?.kind !== "shown" || !made) return true;
  const { image_url: _, ...rest } = made.input;
  return JSON.stringify(rest) !== JSON.stringify(values);
}
