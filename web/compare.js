// compare.js - the stage: photo before, cut-out after, mask; the slider between them and what lies behind the cut-out.
import { readImage } from "./compose.js";

const $ = (id) => document.getElementById(id);
const TAG_PERCENT = 10; // a side narrower than this has no room for its label

/** Wire the stage's controls once. onView(name) is called before a view is shown and may return a promise; onGround() after
 * what lies behind has changed, or whether it is seen. */
export function createStage(onView, onGround) {
  const stage = $("stage"), slider = $("slider");
  let backdrop = null, opaque = false; // opaque: what is shown is the mask itself, and hides all that lies behind

  function moveSlider() {
    const percent = Number(slider.value);
    stage.style.setProperty("--split", `${percent}%`);
    stage.classList.toggle("no-before", percent < TAG_PERCENT);
    stage.classList.toggle("no-after", percent > 100 - TAG_PERCENT);
    slider.setAttribute("aria-valuetext", `${percent} percent before, ${100 - percent} percent after`);
  }
  function paintGround() {
    const kind = chosen("background"), lacks = kind === "image" && !backdrop;
    stage.dataset.background = lacks ? "checker" : kind;
    $("colour-pick").hidden = kind !== "colour";
    $("image-pick").hidden = kind !== "image";
    stage.style.backgroundColor = kind === "colour" ? $("colour").value : "";
    stage.style.backgroundImage = kind === "image" && backdrop ? `url("${backdrop.src}")` : "";
    sayBackdrop(lacks ? "Choose an image to lie behind the cut-out." : "");
    onGround();
  }
  async function showView() {
    const view = chosen("view");
    $("backgrounds").hidden = opaque || view === "mask";
    await onView(view);
    if (chosen("view") === view) stage.dataset.view = view;
    onGround();
  }
  async function setBackdrop(file) {
    const url = URL.createObjectURL(file);
    const next = await readImage(url).catch(() => null);
    if (!next) {
      URL.revokeObjectURL(url);
      return sayBackdrop(`This browser cannot show ${file.name}. Choose another image.`);
    }
    if (backdrop) URL.revokeObjectURL(backdrop.src);
    backdrop = next;
    paintGround();
  }

  slider.addEventListener("input", moveSlider);
  $("views").addEventListener("change", showView);
  $("backgrounds").addEventListener("change", (event) => event.target.name === "background" && paintGround());
  $("colour").addEventListener("input", paintGround);
  $("backdrop").addEventListener("change", (event) => {
    const file = event.target.files[0];
    if (file) setBackdrop(file);
  });
  moveSlider();

  return {
    /** before may be null; onlyMask: `after` is the mask itself. */
    show({ before, after, width, height, onlyMask }) {
      opaque = onlyMask;
      stage.style.setProperty("--ratio", String(width / height));
      $("stage-after").src = after;
      $("stage-after").alt = onlyMask ? "The mask: white is kept, black goes" : "The photo without its background";
      stage.dataset.before = before ? "some" : "none";
      $("stage-note").hidden = Boolean(before);
      $("stage-note").textContent = before ? "" : "This browser cannot show the photo before, so there is nothing to compare with.";
      if (before) $("stage-before").src = before;
      else $("stage-before").removeAttribute("src");
      $("stage-mask").removeAttribute("src");
      document.querySelector('#views input[value="cutout"]').parentElement.hidden = onlyMask;
      choose("view", "compare");
      slider.value = 50;
      moveSlider();
      paintGround();
      return showView();
    },
    setMask(url) {
      $("stage-mask").src = url;
    },
    /** What is seen behind the cut-out: {colour}, {image}, or null for nothing of its own. */
    ground() {
      if (chosen("view") === "mask") return null;
      const kind = chosen("background");
      if (kind === "colour") return { colour: $("colour").value };
      return kind === "image" && backdrop ? { image: backdrop } : null;
    },
  };
}

function sayBackdrop(text) {
  $("backdrop-note").textContent = text;
}

function chosen(name) {
  return document.querySelector(`input[name="${name}"]:checked`).value;
}

function choose(name, value) {
  document.querySelector(`input[name="${name}"][value="${value}"]`).checked = true;
}
