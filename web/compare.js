// compare.js - the stage: photo before, cut-out after, mask; the slider between them and what lies behind the cut-out.

const $ = (id) => document.getElementById(id);

/** Wire the stage's controls once. onView(name) is called before a view is shown and may return a promise. */
export function createStage(onView) {
  const stage = $("stage"), slider = $("slider");
  let backdrop = null;

  function moveSlider() {
    stage.style.setProperty("--split", `${slider.value}%`);
    slider.setAttribute("aria-valuetext", `${slider.value} percent before, ${100 - slider.value} percent after`);
  }
  function paintGround() {
    const kind = chosen("background");
    stage.dataset.background = kind;
    $("colour-pick").hidden = kind !== "colour";
    $("image-pick").hidden = kind !== "image";
    stage.style.backgroundColor = kind === "colour" ? $("colour").value : "";
    stage.style.backgroundImage = kind === "image" && backdrop ? `url("${backdrop}")` : "";
  }
  async function showView() {
    const view = chosen("view");
    $("backgrounds").hidden = view === "mask";
    await onView(view);
    if (chosen("view") === view) stage.dataset.view = view;
  }

  slider.addEventListener("input", moveSlider);
  $("views").addEventListener("change", showView);
  $("backgrounds").addEventListener("change", paintGround);
  $("colour").addEventListener("input", paintGround);
  $("backdrop").addEventListener("change", (event) => {
    const file = event.target.files[0];
    if (!file) return;
    if (backdrop) URL.revokeObjectURL(backdrop);
    backdrop = URL.createObjectURL(file);
    paintGround();
  });
  moveSlider();

  return {
    /** before may be null; onlyMask: `after` is the mask itself. */
    show({ before, after, width, height, onlyMask }) {
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
  };
}

function chosen(name) {
  return document.querySelector(`input[name="${name}"]:checked`).value;
}

function choose(name, value) {
  document.querySelector(`input[name="${name}"][value="${value}"]`).checked = true;
}
