// state.js - where the page stands, in words. Everything it says when no request is on its way follows from one state: the
// photo that is chosen, and what the last request or the list of recent results came to.

const NOTHING = "Nothing here yet. Choose a photo to begin.";
const READY = "The photo is ready. Choose options, then remove the background.";
const UNSEEN = "The photo is chosen. This browser cannot show it; the server may still be able to read it.";

/** What came of a request: {kind: "shown", photo, name, opened}, {kind: "cancelled"} or {kind: "failed"}; null for nothing. */
export function statusOf({ photo, outcome }) {
  if (outcome?.kind === "failed") return "No result.";
  if (outcome?.kind === "cancelled") return photo ? "Cancelled. The photo is still chosen." : "Cancelled.";
  if (outcome?.kind === "shown") {
    if (photo && photo !== outcome.photo) return `Done. This is the result of ${outcome.name}, not of the photo that is chosen now.`;
    return outcome.opened ? `The result of ${outcome.name} is shown.` : "Done.";
  }
  if (!photo) return NOTHING;
  return photo.preview ? READY : UNSEEN;
}

/** What stays true of `state` when another photo is chosen, or none: a result of the one before goes with it. */
export function withPhoto(state, photo) {
  return { ...state, photo, problem: null, outcome: null };
}

/** The same for other options: a result stays, a refusal may not hold any more. */
export function withOptions(state) {
  return { ...state, problem: null, outcome: state.outcome?.kind === "shown" ? state.outcome : null };
}
