// contrast.mjs - run inside the page: how much every visible text differs from its ground, and every control's border from
// what is around it, by WCAG 2's formula.
export function contrasts() {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, ground) => ({ r: top.r * top.a + ground.r * (1 - top.a), g: top.g * top.a + ground.g * (1 - top.a),
    b: top.b * top.a + ground.b * (1 - top.a), a: 1 });
  const light = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ratio = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  // what lies behind an element; on a picture, the worst that it could be for pale text: white
  const ground = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      if (each.id === "stage") return layers.reduceRight((below, layer) => over(layer, below), { r: 255, g: 255, b: 255, a: 1 });
      const colour = parse(getComputedStyle(each).backgroundColor);
      layers.push(colour);
      if (colour.a === 1) break;
    }
    return layers.reduceRight((below, layer) => over(layer, below), { r: 255, g: 255, b: 255, a: 1 });
  };
  const isSeen = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) &&
    !element.closest(".unseen, .skip, option");
  const name = (element) => `${element.tagName} ${element.id} ${element.textContent.trim().slice(0, 40)}`;

  const texts = [], borders = [];
  const dialog = document.querySelector("dialog[open]");
  const walker = document.createTreeWalker(dialog ?? document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !isSeen(element) || ["SCRIPT", "NOSCRIPT"].includes(element.tagName)) continue;
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    texts.push({ name: name(element), ratio: ratio(over(parse(style.color), ground(element)), ground(element)), needed: large ? 3 : 4.5 });
  }
  for (const element of document.querySelectorAll("input, select, .button, .pills label > span")) {
    const style = getComputedStyle(element);
    if (!isSeen(element) || parseFloat(style.borderTopWidth) === 0 || style.opacity === "0" || element.matches("[type=checkbox]")) continue;
    if (parse(style.borderTopColor).a === 0) continue; // none is to be seen: its words or its icon say what it is
    borders.push({ name: name(element), ratio: ratio(parse(style.borderTopColor), ground(element.parentElement)) });
  }
  return { texts, borders };
}
