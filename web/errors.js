// errors.js - what went wrong, in words for the person in front of the page, and what can be done about it.
import { ApiError } from "./api.js";

const BY_TYPE = {
  file_download_error: "The server could not fetch the photo from that address. Check that it opens in a browser; " +
    "addresses inside private networks are refused unless the server was started to allow them.",
  image_load_error: "The server could not read this file as a photo. It may be damaged, or not a photo at all.",
  unsupported_image_format: "This kind of image is not supported. JPEG, PNG, WebP, GIF, AVIF, TIFF, HEIC, JPEG XL and BMP work.",
  image_too_large: "This photo has more pixels than the server allows.",
  image_too_small: "This photo is too small.",
  file_too_large: "This file is larger than the server allows.",
  missing: "Choose a photo first.",
};

const UNKNOWN_KEY = "The server does not know this key. Check it, or ask who runs the server for another.";
const BY_STATUS = {
  401: "This server wants a key. Enter one with the Key button at the top.",
  413: "This file is larger than the server allows.",
  429: "The server has too much to do just now. Try again in a little while.",
  499: "The request was cancelled.",
  502: "The server cannot be reached just now. Try again in a little while.",
  503: "The server cannot take requests just now. Try again in a little while.",
  504: "This took longer than is allowed. Try a smaller operating resolution.",
};

/** {text, fields: [{name, text}], needsKey, technical} of anything that was thrown. */
export function explain(error) {
  if (!(error instanceof ApiError)) return explainLocal(error);
  const detail = error.body?.detail;
  const entries = Array.isArray(detail) ? detail : [];
  const fields = entries.filter((entry) => entry.loc?.[0] === "body" && typeof entry.loc[1] === "string")
    .map((entry) => ({ name: entry.loc[1], text: BY_TYPE[entry.type] ?? entry.msg }));
  const said = entries.map((entry) => BY_TYPE[entry.type] ?? entry.msg).join(" ") ||
    (typeof detail === "string" ? detail : "");
  const text = entries.length ? said
    : error.status === 401 && error.hadKey ? UNKNOWN_KEY
    : BY_STATUS[error.status] ?? (said || "The server answered with an error.");
  const technical = [`HTTP ${error.status}`, ...entries.map((entry) => entry.type), error.requestId && `request ${error.requestId}`,
    !entries.length && said !== text && said].filter(Boolean).join(" · ");
  return { text, fields, needsKey: error.status === 401, technical };
}

function explainLocal(error) {
  const nothing = { fields: [], needsKey: false, technical: "" };
  if (error?.name === "AbortError") return { ...nothing, text: "Cancelled." };
  if (error instanceof TypeError)
    return { ...nothing, text: "The server cannot be reached. Check that it runs and that you are connected.", technical: error.message };
  return { ...nothing, text: error?.message || "Something went wrong in this page.", technical: "" };
}
