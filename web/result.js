// result.js - the files of a result, brought into the page: shown, offered under a telling name, described.
import { here } from "./api.js";
import { $, make } from "./dom.js";
import { edgeOf, maskOf, readImage } from "./pixels.js";
import { createSave, offer } from "./save.js";
import { createStage } from "./stage.js";
import { t } from "./words.js";

async function load(file) {
  const response = await fetch(here(file.url));
  if (!response.ok) throw new Error(t("problem.gone"));
  const age = /max-age=(\d+)/.exec(response.headers.get("cache-control") ?? "");
  const blob = await response.blob();
  return { blob, url: URL.createObjectURL(blob), type: file.content_type ?? blob.type, keptS: age ? Number(age[1]) : null };
}

function showFacts(facts) {
  $("facts").replaceChildren(...facts.filter(([, value]) => value).map(([name, value]) =>
    make("div", {}, make("dt", { textContent: t(`fact.${name}`) }), make("dd", { textContent: value }))));
}

// The mask must lie on the photo pixel by pixel, and be had: not from a cut-out on a ground of its own.
async function canTouchUp({ photo, width, height }, { background }, onlyMask, mask) {
  if (!photo || onlyMask || (background && background !== "none" && !mask)) return false;
  return readImage(photo).then((image) => image.naturalWidth === width && image.naturalHeight === height, () => false);
}

/** The place where results are shown. */
export function createResult() {
  let image = null, mask = null, edge = null, before = null, onlyMask = false, stem = "photo", now = null;
  const made = (blob) => ({ blob, url: URL.createObjectURL(blob), type: "image/png" });

  const stage = createStage(async (view) => {
    if (!image || (view !== "mask" && view !== "edge")) return;
    if (view === "edge") edge ??= made(await edgeOf(image.blob));
    else if (!mask) {
      mask = made(await maskOf(image.blob));
      offerMask();
    }
    stage.setMask((view === "edge" ? edge : mask).url, view);
  }, () => save.update());
  const save = createSave(() => stage.ground());

  function offerMask() {
    $("download-mask").hidden = !mask || onlyMask;
    if (mask) offer($("download-mask"), mask, `${stem}-mask`, t("download.mask"));
  }

  return {
    /** shown: {id, output, input, before, name, weights, saw, seconds}; before is an address, a file, or null. Resolves to
     * {url, keptS} of the image. */
    async show(shown) {
      const [nextImage, nextMask] = await Promise.all([load(shown.output.image),
        shown.output.mask_image ? load(shown.output.mask_image) : null]);
      for (const old of [image, mask, edge, before]) if (old) URL.revokeObjectURL(old.url);
      [image, mask, edge] = [nextImage, nextMask, null];
      // an address of its own: the photo may be chosen away while its result is looked at
      before = shown.before instanceof Blob ? { url: URL.createObjectURL(shown.before) } : null;
      onlyMask = Boolean(shown.input.mask_only);
      stem = shown.name.replace(/\.[^.]*$/, "") || "photo";
      const { width, height } = shown.output.image;
      now = { photo: before?.url ?? shown.before, width, height };
      await stage.show({ before: now.photo, after: image.url, width, height, onlyMask });
      $("touch-up").hidden = !(await canTouchUp(now, shown.input, onlyMask, mask));
      await save.show({ image, name: `${stem}-${onlyMask ? "mask" : "cutout"}`, width, height });
      offerMask();
      showFacts([["size", `${width} × ${height}`], ["saw", shown.saw], ["took", shown.seconds ? `${shown.seconds.toFixed(1)} s` : ""],
        ["weights", shown.weights], ["request", shown.id]]);
      return { url: image.url, keptS: image.keptS };
    },
    /** What a touch-up begins with. */
    async sources() {
      return { ...now, mask: mask?.blob ?? (await maskOf(image.blob)) };
    },
  };
}
