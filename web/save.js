// save.js - a result as a file: which format, how large, with how many bytes, which are counted before anybody asks for them;
// and the ways to take it elsewhere: copied, shared.
import { $, icon, make } from "./dom.js";
import { compose } from "./pixels.js";
import { bytes, t } from "./words.js";

const EXTENSIONS = { "image/png": "png", "image/webp": "webp", "image/gif": "gif", "image/jpeg": "jpg" };
const OFFERED = ["image/png", "image/webp", "image/jpeg"];
const SIDES_PX = [2048, 1024, 512];

export const extensionOf = (type) => EXTENSIONS[type] ?? "bin";

/** A link that gives `file` ({url, blob, type}) under a name, and says how much it is. */
export function offer(link, file, name, words, size) {
  const extension = extensionOf(file.type);
  link.href = file.url;
  link.download = `${name}.${extension}`;
  const facts = [extension.toUpperCase(), size, bytes(file.blob.size)].filter(Boolean).join(" · ");
  link.replaceChildren(icon("down"), make("span", { textContent: words }), make("small", { textContent: facts }));
}

function choices(place, name, entries, chosen) {
  const legend = place.querySelector("legend");
  place.replaceChildren(legend, ...entries.map(([value, words]) => make("label", {},
    make("input", { type: "radio", name, value, checked: value === chosen }), make("span", { textContent: words }))));
  place.hidden = entries.length < 2;
}
const chosen = (place) => place.querySelector("input:checked").value;

/** ground(): what lies behind, or null. */
export function createSave(ground) {
  let made = null, file = null, turn = 0; // made: the result; file: what the button gives now; turn: the latest wish

  // The server's own file, wherever it is what is wished for: it keeps 16 bits, colours, and camera data.
  async function wished() {
    const type = chosen($("formats")), width = Number(chosen($("sizes"))), behind = ground();
    if (type === made.image.type && width === made.width && !behind) return made.image;
    const blob = await compose(made.image.url, { ground: behind, width, type });
    return { blob, url: URL.createObjectURL(blob), type: blob.type };
  }
  async function update() {
    if (!made) return;
    const mine = ++turn;
    $("download").setAttribute("aria-busy", "true");
    const note = chosen($("formats")) === "image/jpeg" && !ground() ? t("jpeg.white") : "";
    try {
      const next = await wished();
      if (mine !== turn) return next !== made.image && URL.revokeObjectURL(next.url);
      if (file && file !== made.image) URL.revokeObjectURL(file.url);
      file = next;
      const width = Number(chosen($("sizes"))), height = Math.max(1, Math.round((made.height * width) / made.width));
      offer($("download"), file, made.name, t("download"), `${width} × ${height}`);
      $("download-note").textContent = note;
    } catch (error) {
      if (mine === turn) $("download-note").textContent = error.message;
    }
    if (mine !== turn) return;
    $("download").removeAttribute("aria-busy");
    $("share").hidden = !file || !navigator.canShare?.({ files: toShare() });
  }
  const toShare = () => [new File([file.blob], $("download").download, { type: file.type })];
  $("saving").addEventListener("change", ({ target }) => ["format", "size"].includes(target.name) && update());

  async function copy() {
    const words = $("copy-image").lastElementChild;
    try {
      const png = file.type === "image/png" ? file.blob
        : compose(made.image.url, { ground: ground(), width: Number(chosen($("sizes"))), type: "image/png" });
      await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
      words.textContent = t("copied");
    } catch {
      words.textContent = t("copy.failed");
    }
    setTimeout(() => { words.textContent = t("copy.image"); }, 2000);
  }
  $("copy-image").addEventListener("click", copy);
  $("share").addEventListener("click", () => navigator.share({ files: toShare() }).catch(() => {})); // the person changed their mind

  return {
    update,
    /** result: {image, name, width, height}; image is {blob, url, type}. */
    async show(result) {
      made = result;
      file = null;
      const types = [result.image.type, ...OFFERED.filter((type) => type !== result.image.type)];
      choices($("formats"), "format", types.map((type) => [type, extensionOf(type).toUpperCase()]), types[0]);
      const longer = Math.max(result.width, result.height);
      const widths = SIDES_PX.filter((side) => side < longer).map((side) => [Math.round((result.width * side) / longer), side]);
      choices($("sizes"), "size", [[result.width, t("size.full")], ...widths].map(([width, words]) => [String(width), String(words)]), String(result.width));
      await update();
      $("copy-image").hidden = !globalThis.ClipboardItem || !navigator.clipboard?.write;
    },
  };
}
