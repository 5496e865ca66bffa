// stage.js - the picture of the result: photo before, cut-out after, mask, edge; and the slider between the first two.
import { createBackdrop } from "./backdrop.js";
import { $ } from "./dom.js";
import { t } from "./words.js";
import { createZoom } from "./zoom.js";

const TAG_PERCENT = 10; // a side narrower than this has no room for its label
const SAME_SHAPE = 0.01; // photo and result lie on each other if their shapes differ by less

/** Wire the stage's controls once. onView(name) is called before a view is shown and may return a promise; onGround() after
 * what lies behind has changed, or whether it is seen. */
export function createStage(onView, onGround) {
  const stage = $("stage"), slider = $("slider");
  const zoom = createZoom(), backdrop = createBackdrop(onGround);
  let opaque = false; // what is shown is the mask itself, and hides all that lies behind

  function moveSlider() {
    const percent = Number(slider.value);
    stage.style.setProperty("--split", `${percent}%`);
    stage.classList.toggle("no-before", percent < TAG_PERCENT);
    stage.classList.toggle("no-after", percent > 100 - TAG_PERCENT);
    slider.setAttribute("aria-valuetext", t("slider.text", { before: percent, after: 100 - percent }));
  }
  function slideTo(percent) {
    slider.value = percent;
    moveSlider();
  }
  async function showView() {
    const view = chosen();
    $("backgrounds").hidden = opaque || view === "mask" || view === "edge";
    await onView(view);
    if (chosen() === view) stage.dataset.view = view;
    onGround();
  }
  const option = (view) => document.querySelector(`#views input[value="${view}"]`);
  const chosen = () => document.querySelector("#views input:checked").value;

  slider.addEventListener("input", moveSlider);
  $("views").addEventListener("change", showView);
  // where the picture is moved by dragging, the line is moved by its handle
  document.querySelector(".handle").addEventListener("pointerdown", ({ target, pointerId }) => target.setPointerCapture(pointerId));
  document.querySelector(".handle").addEventListener("pointermove", ({ target, pointerId, clientX }) => {
    const { left, width } = stage.getBoundingClientRect();
    if (target.hasPointerCapture(pointerId)) slideTo(Math.round((100 * (clientX - left)) / width));
  });

  return {
    /** before: an address or null; onlyMask: `after` is the mask itself. */
    async show({ before, after, width, height, onlyMask }) {
      opaque = onlyMask;
      $("stage-after").src = after;
      $("stage-after").alt = t(onlyMask ? "stage.alt.mask" : "stage.alt.after");
      const shape = before && (await shapeOf(before));
      const comparable = Boolean(shape) && Math.abs(shape / (width / height) - 1) < SAME_SHAPE;
      if (comparable) $("stage-before").src = before;
      else $("stage-before").removeAttribute("src");
      $("stage-before").alt = t("stage.alt.before");
      $("stage-mask").removeAttribute("src");
      option("compare").parentElement.hidden = !comparable;
      option("cutout").parentElement.hidden = onlyMask && comparable;
      for (const view of ["mask", "edge"]) option(view).parentElement.hidden = onlyMask;
      option(comparable ? "compare" : "cutout").checked = true;
      zoom.show(width, height);
      backdrop.reset(shape && isReadable(before) ? before : null, comparable ? after : null);
      slideTo(50);
      await showView();
      stage.classList.remove("reveal");
      void stage.offsetWidth; // so that it begins anew
      stage.classList.add("reveal");
    },
    setMask(url, view) {
      $("stage-mask").src = url;
      $("stage-mask").alt = t(`stage.alt.${view}`);
    },
    /** What is seen behind the cut-out: {colour}, {image}, or null for nothing. */
    ground: () => (opaque ? null : backdrop.get()),
  };
}

/** Whether the page may read the pixels of a picture, and not only show it: one from elsewhere may not. */
const isReadable = (url) => ["blob:", "data:"].includes(new URL(url, location).protocol) || new URL(url, location).origin === location.origin;

// Width by height, or null where this browser cannot show it.
async function shapeOf(url) {
  const image = Object.assign(new Image(), { referrerPolicy: "no-referrer", src: url });
  return image.decode().then(() => image.naturalWidth / image.naturalHeight, () => null);
}
