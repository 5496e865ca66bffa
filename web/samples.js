// samples.js - four photos of our own, for those who have none at hand. Whose they are: samples/README.md.
import { $, make } from "./dom.js";
import { t } from "./words.js";

const SAMPLES = ["cat", "dress", "jacket", "shirt"];

/** onFile gets the sample that is picked, as a file like any other. */
export function showSamples(onFile, onFailure) {
  $("samples").replaceChildren(...SAMPLES.map((name) => {
    const button = make("button", { type: "button", "aria-label": t(`sample.${name}`) },
      make("img", { src: `samples/${name}.jpg`, alt: "", width: 88, height: 88 }));
    button.addEventListener("click", async () => {
      try {
        const response = await fetch(`samples/${name}.jpg`);
        onFile(new File([await response.blob()], `${name}.jpg`, { type: "image/jpeg" }));
      } catch (error) {
        onFailure(error);
      }
    });
    return make("li", {}, button);
  }));
}
