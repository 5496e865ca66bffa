// result.js - the files of a result, brought into the page: shown, offered under a telling name, described.
import { here } from "./api.js";
import { $, make } from "./dom.js";
import { edgeOf, maskOf } from "./pixels.js";
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

/** The place where results are shown. */
export function createResult() {
  let image = null, mask = null, edge = null, before = null, onlyMask = false, stem = "photo";
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
      await stage.show({ before: before?.url ?? shown.before, after: image.url, width, height, onlyMask });
      await save.show({ image, name: `${stem}-${onlyMask ? "mask" : "cutout"}`, width, height });
      offerMask();
      showFacts([["size", `${width} × ${height}`], ["saw", shown.saw], ["took", shown.seconds ? `${shown.seconds.toFixed(1)} s` : ""],
        ["weights", shown.weights], ["request", shown.id]]);
      return { url: image.url, keptS: image.keptS };
    },
  };
}
