// form.js - the options, made from the server's schema: a choice of few becomes radio buttons, one of many a list, yes or no
// a tick box. What few need is folded away. The photo's own field is left to photo.js.
import { make } from "./dom.js";
import { has, t } from "./words.js";

export const PHOTO_FIELD = "image_url";
const PILLS_MAX = 3;
const FIRST = ["model", "operating_resolution"];
const here = ""; // of the list of models: whatever answers where no published weights are there

/** The input's schema within an OpenAPI document. */
export function inputSchema(document, endpoint) {
  let schema = document.paths[`/${endpoint}`].post.requestBody.content["application/json"].schema;
  if (schema.$ref) schema = schema.$ref.split("/").slice(1).reduce((part, name) => part[name], document);
  return schema;
}

function groups(schema) {
  const names = (schema["x-fal-order-properties"] ?? Object.keys(schema.properties)).filter((name) => name !== PHOTO_FIELD);
  const isExtra = (name) => Boolean(schema.properties[name]["x-birefnet-extra"]);
  return [[null, names.filter((name) => FIRST.includes(name))], ["shop", names.filter(isExtra)],
    ["more", names.filter((name) => !FIRST.includes(name) && !isExtra(name))]];
}

/** Build the fields into `container`. onChange is called after each change by the person. */
export function createForm(container, schema, onChange) {
  const fields = new Map();
  container.replaceChildren(...groups(schema).filter(([, names]) => names.length).map(([group, names]) => {
    for (const name of names) fields.set(name, createField(name, schema.properties[name]));
    const elements = names.map((name) => fields.get(name).element);
    return group ? make("details", { id: `group-${group}` }, make("summary", { textContent: t(`options.${group}`) }), ...elements)
      : make("div", {}, ...elements);
  }));
  const rules = []; // what follows from the present choices: run after each change, whoever made it
  const all = () => Object.fromEntries([...fields].map(([name, field]) => [name, field.get()]));
  const follow = () => rules.forEach((rule) => rule(all()));
  container.addEventListener("input", () => {
    follow();
    onChange();
  });
  return {
    /** What differs from the defaults; the server fills in the rest. */
    values() {
      const values = {};
      for (const [name, field] of fields) {
        const value = field.get();
        if (value !== schema.properties[name].default && value !== here) values[name] = value;
      }
      return values;
    },
    set(values) {
      for (const [name, field] of fields) field.set(values[name] ?? field.initial ?? schema.properties[name].default);
      follow();
    },
    /** Mark fields; one that is folded away is unfolded. */
    showProblems(problems) {
      for (const field of fields.values()) field.problem("");
      for (const { name, text } of problems) {
        const field = fields.get(name);
        if (!field) continue;
        field.problem(text);
        const fold = field.element.closest("details");
        if (fold) fold.open = true;
      }
    },
    /** Say something beside a field, as long as the choices call for it. words(choices): text, or nothing. */
    remark(name, words) {
      const field = fields.get(name);
      if (!field) return;
      rules.push((choices) => {
        field.note.textContent = words(choices) || "";
        field.note.hidden = !field.note.textContent;
      });
      follow();
    },
    /** Offer a choice of a field only while fits(choices); where it was chosen, the default is chosen instead. */
    limit(name, value, fits) {
      const field = fields.get(name);
      if (!field?.offer) return;
      rules.push((choices) => {
        const fitting = fits(choices);
        field.offer(value, fitting);
        if (!fitting && choices[name] === value) field.set(schema.properties[name].default);
      });
      follow();
    },
    /** Show a field only while it matters; where it does not, it has its default. */
    only(name, matters) {
      const field = fields.get(name);
      if (!field) return;
      rules.push((choices) => {
        field.element.hidden = !matters(choices);
        if (field.element.hidden) field.set(schema.properties[name].default);
      });
      follow();
    },
    /** Which weights there are: a list of {name, available, weights}. What is not here says so, and is not chosen first. */
    models(presets) {
      const field = fields.get("model");
      if (!field?.mark) return;
      for (const { name, available } of presets) field.mark(name, available ? name : t("model.absent", { name }));
      const first = presets.find(({ available }) => available), answers = presets[0]?.weights;
      if (!first && answers) field.add(here, t("model.here", { weights: answers }));
      field.initial = first ? (presets.find(({ name, available }) => available && name === schema.properties.model.default) ?? first).name : here;
      field.set(field.initial);
      follow();
    },
  };
}

function createField(name, schema) {
  const id = `field-${name}`, title = has(id.replace("-", ".")) ? t(`field.${name}`) : schema.title ?? name;
  const words = has(`field.${name}.help`) ? t(`field.${name}.help`) : (schema.description ?? "").replaceAll("`", "");
  const help = make("p", { className: "help", id: `${id}-help`, textContent: words });
  const problem = make("p", { className: "field-problem", id: `${id}-problem`, hidden: true });
  const kind = schema.type === "boolean" ? tick : !schema.enum ? text : schema.enum.length <= PILLS_MAX ? pills : list;
  const field = kind(id, name, title, schema);
  field.note = make("p", { className: "help note", id: `${id}-note`, hidden: true });
  field.element.append(field.note, help, problem);
  field.control.setAttribute("aria-describedby", `${field.note.id} ${help.id} ${problem.id}`);
  field.problem = (said) => {
    problem.textContent = said;
    problem.hidden = !said;
    if (said) field.control.setAttribute("aria-invalid", "true");
    else field.control.removeAttribute("aria-invalid");
  };
  field.set(schema.default);
  return field;
}

function tick(id, name, title) {
  const input = make("input", { type: "checkbox", id, name });
  return {
    element: make("div", { className: "field check" }, make("label", { htmlFor: id }, input, title)),
    control: input,
    get: () => input.checked,
    set: (value) => { input.checked = Boolean(value); },
  };
}

function text(id, name, title, schema) {
  const input = make("input", { type: "text", id, name, autocomplete: "off" });
  return {
    element: make("div", { className: "field" }, make("label", { htmlFor: id, textContent: title }), input),
    control: input,
    get: () => input.value.trim() || schema.default,
    set: (value) => { input.value = value ?? ""; },
  };
}

function pills(id, name, title, schema) {
  const inputs = schema.enum.map((value) => make("input", { type: "radio", name, value }));
  const labels = inputs.map((input) => make("label", {}, input, make("span", { textContent: input.value })));
  const group = make("fieldset", { className: "pills joined", id }, make("legend", { textContent: title }), ...labels);
  return {
    element: make("div", { className: "field" }, group),
    control: group,
    get: () => inputs.find((input) => input.checked)?.value,
    set: (value) => { for (const input of inputs) input.checked = input.value === value; },
    offer: (value, offered) => { for (const input of inputs) if (input.value === value) input.disabled = !offered; },
  };
}

function list(id, name, title, schema) {
  const options = schema.enum.map((value) => make("option", { value, textContent: value }));
  const select = make("select", { id, name }, ...options);
  const option = (value) => options.find((each) => each.value === value);
  return {
    element: make("div", { className: "field" }, make("label", { htmlFor: id, textContent: title }), select),
    control: select,
    get: () => select.value,
    set: (value) => { select.value = value; },
    offer: (value, offered) => { option(value).disabled = !offered; },
    mark: (value, words) => { if (option(value)) option(value).textContent = words; },
    add: (value, words) => select.prepend(make("option", { value, textContent: words })),
  };
}
