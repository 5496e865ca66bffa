// backdrop.js - what lies behind the cut-out: nothing, a colour, an image, the photo itself out of focus.
import { $, icon, make } from "./dom.js";
import { blurred, readImage } from "./pixels.js";
import { t } from "./words.js";

const COLOURS = { white: "#ffffff", black: "#000000", sand: "#efe6d8", sky: "#d7e7f7" };

/** onChange() is called whenever what lies behind has changed. */
export function createBackdrop(onChange) {
  const ground = $("ground");
  let image = null, photo = null, cutout = null, soft = null; // photo, cutout: their addresses, or null; soft: the same, blurred, once it was asked for

  const swatch = (value, inside, name) => make("label", { className: "swatch", "data-ground": value, title: t(`ground.${name ?? value}`) },
    make("input", { type: "radio", name: "background", value, "aria-label": t(`ground.${name ?? value}`) }), make("span", {}, ...inside));
  const colour = make("input", { type: "color", id: "colour", value: "#7c5cff", "aria-label": t("ground.colour") });
  $("swatches").replaceChildren(swatch("checker", []), ...Object.keys(COLOURS).map((name) => swatch(name, [])),
    make("span", { className: "own" }, swatch("colour", [icon("drop")]), colour), swatch("image", [icon("image")]), swatch("blur", []));
  for (const [name, value] of Object.entries(COLOURS)) document.querySelector(`[data-ground="${name}"] span`).style.background = value;
  const radio = (value) => document.querySelector(`input[name="background"][value="${value}"]`);
  const chosen = () => document.querySelector('input[name="background"]:checked').value;
  radio("checker").checked = true;

  /** {colour}, {image}, or null for nothing. */
  function get() {
    const kind = chosen();
    if (COLOURS[kind]) return { colour: COLOURS[kind] };
    if (kind === "colour") return { colour: colour.value };
    const picture = kind === "image" ? image : kind === "blur" ? soft : null;
    return picture && { image: picture };
  }
  function paint() {
    const what = get();
    ground.style.backgroundColor = what?.colour ?? "";
    ground.style.backgroundImage = what?.image ? `url("${what.image.src}")` : "";
    ground.classList.toggle("checker", !what);
    say(chosen() === "image" && !image ? t("ground.choose") : "");
    onChange();
  }
  const say = (text) => { $("backdrop-note").textContent = text; };

  async function setImage(file) {
    const url = URL.createObjectURL(file);
    const next = await readImage(url).catch(() => null);
    if (!next) {
      URL.revokeObjectURL(url);
      return say(t("ground.cannot", { name: file.name }));
    }
    if (image) URL.revokeObjectURL(image.src);
    image = next;
    paint();
  }
  async function soften() {
    const of = photo;
    if (soft || !of) return;
    const url = await blurred(of, cutout).catch(() => null);
    const picture = url && (await readImage(url).catch(() => null));
    if (of === photo) soft = picture;
  }

  $("backgrounds").addEventListener("change", async ({ target }) => {
    if (target.name !== "background") return;
    if (target.value === "blur") await soften();
    paint();
  });
  // a click on what is chosen already chooses another image; arrows along the swatches open nothing
  $("swatches").addEventListener("click", (event) => {
    if (event.target === radio("image") && event.detail !== 0) $("backdrop").click();
  });
  radio("image").addEventListener("keydown", (event) => event.key === "Enter" && $("backdrop").click());
  colour.addEventListener("input", () => {
    radio("colour").checked = true;
    paint();
  });
  $("backdrop").addEventListener("change", ({ target }) => target.files[0] && setImage(target.files[0]));

  return {
    get,
    /** Another photo: its address, or null where this browser cannot show or read it; and its cut-out's, if that lies on it. */
    reset(url, cutoutUrl) {
      if (soft) URL.revokeObjectURL(soft.src);
      photo = url;
      cutout = cutoutUrl;
      soft = null;
      radio("blur").closest("label").hidden = !photo;
      if (photo) radio("blur").nextElementSibling.style.backgroundImage = `url("${photo}")`;
      if (chosen() === "blur") radio("checker").checked = true;
      paint();
    },
  };
}
