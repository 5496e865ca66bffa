// form.js - the options, made from the server's schema: a choice of few becomes radio buttons, one of many a list, yes or no
// a tick box. The photo's own field is left to photo.js.

export const PHOTO_FIELD = "image_url";
const PILLS_MAX = 4;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** The input's schema within an OpenAPI document. */
export function inputSchema(document, endpoint) {
  let schema = document.paths[`/${endpoint}`].post.requestBody.content["application/json"].schema;
  if (schema.$ref) schema = schema.$ref.split("/").slice(1).reduce((part, name) => part[name], document);
  return schema;
}

/** Build the fields into `container`. onChange is called after each change by the person. */
export function createForm(container, schema, onChange) {
  const names = (schema["x-fal-order-properties"] ?? Object.keys(schema.properties)).filter((name) => name !== PHOTO_FIELD &&
    !schema.properties[name]["x-birefnet-extra"]); // those are for programs
  const fields = new Map(names.map((name) => [name, createField(name, schema.properties[name])]));
  container.replaceChildren(...[...fields.values()].map((field) => field.element));
  const rules = []; // what follows from the present choices: run after each change, whoever made it
  const all = () => Object.fromEntries([...fields].map(([name, field]) => [name, field.get()]));
  const follow = () => rules.forEach((rule) => rule(all()));
  container.addEventListener("change", () => {
    follow();
    onChange();
  });
  return {
    /** What differs from the defaults; the server fills in the rest. */
    values() {
      const values = {};
      for (const [name, field] of fields)
        if (field.get() !== schema.properties[name].default) values[name] = field.get();
      return values;
    },
    set(values) {
      for (const [name, field] of fields) field.set(values[name] ?? schema.properties[name].default);
      follow();
    },
    /** Mark fields; returns the names that are not fields of this form. */
    showProblems(problems) {
      for (const field of fields.values()) field.problem("");
      return problems.filter(({ name, text }) => !fields.get(name)?.problem(text));
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
  };
}

/** A description; what stands between backticks is code. */
function description(text) {
  return text.split("`").map((part, index) => (index % 2 ? make("code", { textContent: part }) : part));
}

function createField(name, schema) {
  const id = `field-${name}`;
  const help = make("p", { className: "help", id: `${id}-help` }, ...description(schema.description ?? ""));
  const problem = make("p", { className: "field-problem", id: `${id}-problem`, hidden: true });
  const field = schema.type === "boolean" ? tick(id, name, schema)
    : !schema.enum ? text(id, name, schema)
    : schema.enum.length <= PILLS_MAX ? pills(id, name, schema)
    : list(id, name, schema);
  field.note = make("p", { className: "help note", id: `${id}-note`, hidden: true });
  field.element.append(field.note, help, problem);
  for (const control of field.controls) control.setAttribute("aria-describedby", `${field.note.id} ${help.id} ${problem.id}`);
  field.problem = (words) => {
    problem.textContent = words;
    problem.hidden = !words;
    for (const control of field.controls) {
      if (words) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
    return true;
  };
  field.set(schema.default);
  return field;
}

function tick(id, name, schema) {
  const input = make("input", { type: "checkbox", id, name });
  return {
    element: make("div", { className: "field check" }, make("label", { htmlFor: id }, input, schema.title ?? name)),
    controls: [input],
    get: () => input.checked,
    set: (value) => { input.checked = Boolean(value); },
  };
}

function text(id, name, schema) {
  const input = make("input", { type: "text", id, name });
  return {
    element: make("div", { className: "field" }, make("label", { htmlFor: id, textContent: schema.title ?? name }), input),
    controls: [input],
    get: () => input.value || schema.default,
    set: (value) => { input.value = value ?? ""; },
  };
}

function pills(id, name, schema) {
  const inputs = schema.enum.map((value) => make("input", { type: "radio", name, value }));
  const labels = inputs.map((input) => make("label", {}, input, make("span", { textContent: input.value })));
  const group = make("fieldset", { className: "pills", id }, make("legend", { textContent: schema.title ?? name }), ...labels);
  return {
    element: make("div", { className: "field" }, group),
    controls: [group],
    get: () => inputs.find((input) => input.checked)?.value,
    set: (value) => { for (const input of inputs) input.checked = input.value === value; },
    offer: (value, offered) => { for (const input of inputs) if (input.value === value) input.disabled = !offered; },
  };
}

function list(id, name, schema) {
  const options = schema.enum.map((value) => make("option", { value, textContent: value }));
  const select = make("select", { id, name }, ...options);
  return {
    element: make("div", { className: "field" }, make("label", { htmlFor: id, textContent: schema.title ?? name }), select),
    controls: [select],
    get: () => select.value,
    set: (value) => { select.value = value; },
    offer: (value, offered) => { for (const option of options) if (option.value === value) option.disabled = !offered; },
  };
}
