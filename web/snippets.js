// snippets.js - the present call as text for cURL, JavaScript and Python. Pure: input in, text out. What is written here can be
// pasted and runs; a photo that is still on the person's disk is named by its file name.
import { ENDPOINT } from "./api.js";

/** Within single quotes of a POSIX shell. */
function shellQuote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** JSON inside a here-document that expands $( ): what the shell would read is escaped. */
function hereText(text) {
  return text.replace(/[\\`$]/g, "\\$&");
}

function indent(text, spaces) {
  return text.replaceAll("\n", "\n" + " ".repeat(spaces));
}

/** call: {base, input, fileName or null, fileType, wantsKey, touched: the body of a touch-up, where that was the last, or null}. */
export function curl({ base, input, fileName, fileType, wantsKey, touched }) {
  const lines = ["curl --fail-with-body", shellQuote(touched ? `${base}/touchup` : `${base}/run/${ENDPOINT}`)];
  if (wantsKey) lines.push('-H "Authorization: Key $FAL_KEY"');
  lines.push("-H 'Content-Type: application/json'");
  if (touched || !fileName) return `${[...lines, `--data ${shellQuote(JSON.stringify(touched ?? input, null, 2))}`].join(" \\\n  ")}\n`;
  // the file goes along as a data URI; tr, because base64 breaks lines and options against that differ
  const { image_url: _, ...rest } = input;
  const members = Object.entries(rest).map(([name, value]) => `,\n  ${hereText(JSON.stringify(name))}: ${hereText(JSON.stringify(value))}`);
  const data = `data:${fileType};base64,$(base64 < ${shellQuote(fileName)} | tr -d '\\n')`;
  return `${[...lines, "--data-binary @- <<JSON"].join(" \\\n  ")}\n{\n  "image_url": "${data}"${members.join("")}\n}\nJSON\n`;
}

// The clients know the endpoint only.
const javascriptOfTouchUp = (base, touched, wantsKey) => `const response = await fetch(${JSON.stringify(`${base}/touchup`)}, {
  method: "POST",
  headers: { "Content-Type": "application/json"${wantsKey ? ", Authorization: `Key ${process.env.FAL_KEY}`" : ""} },
  body: JSON.stringify(${indent(JSON.stringify(touched, null, 2), 2)}),
});
if (!response.ok) throw new Error(await response.text());
console.log((await response.json()).image.url);
`;

export function javascript({ base, input, fileName, fileType, wantsKey, touched }) {
  if (touched) return javascriptOfTouchUp(base, touched, wantsKey);
  const { image_url: url, ...rest } = input;
  const photo = fileName
    ? `new Blob([await readFile(${JSON.stringify(fileName)})], { type: ${JSON.stringify(fileType)} })`
    : JSON.stringify(url);
  const members = [`image_url: ${photo}`, ...Object.entries(rest).map(([name, value]) => `${name}: ${JSON.stringify(value)}`)];
  return `// npm install @fal-ai/client${wantsKey ? "; the environment variable FAL_KEY holds the key" : ""}
import { fal } from "@fal-ai/client";
${fileName ? 'import { readFile } from "node:fs/promises";\n' : ""}
const server = ${JSON.stringify(base)};
fal.config({
  requestMiddleware: async (request) => ({
    ...request,
    url: request.url
      .replace("https://fal.run", \`\${server}/run\`)
      .replace("https://queue.fal.run", \`\${server}/queue\`)
      .replace("https://rest.fal.ai", \`\${server}/rest\`),
  }),
});

const result = await fal.subscribe(${JSON.stringify(ENDPOINT)}, {
  input: {
    ${members.join(",\n    ")},
  },
  logs: true,
  onQueueUpdate: (update) => {
    if (update.status === "IN_PROGRESS") update.logs.map((log) => log.message).forEach((message) => console.log(message));
  },
});
console.log(result.data.image.url);
`;
}

function pythonValue(value) {
  if (typeof value === "boolean") return value ? "True" : "False";
  return JSON.stringify(value);
}

const pythonOfTouchUp = (base, touched, wantsKey) => `import json
${wantsKey ? "import os\n" : ""}import urllib.request

fields = {
    ${Object.entries(touched).map(([name, value]) => `"${name}": ${pythonValue(value)}`).join(",\n    ")},
}
headers = {"Content-Type": "application/json"${wantsKey ? ', "Authorization": "Key " + os.environ["FAL_KEY"]' : ""}}
request = urllib.request.Request(${JSON.stringify(`${base}/touchup`)}, json.dumps(fields).encode(), headers)
with urllib.request.urlopen(request) as answer:
    print(json.load(answer)["image"]["url"])
`;

export function python({ base, input, fileName, wantsKey, touched }) {
  if (touched) return pythonOfTouchUp(base, touched, wantsKey);
  const { image_url: url, ...rest } = input;
  const photo = fileName ? `fal_client.upload_file(${JSON.stringify(fileName)})` : JSON.stringify(url);
  const members = [`"image_url": ${photo}`, ...Object.entries(rest).map(([name, value]) => `"${name}": ${pythonValue(value)}`)];
  return `# pip install fal-client${wantsKey ? "; the environment variable FAL_KEY holds the key" : ""}
${wantsKey ? "" : 'import os\n\nos.environ.setdefault("FAL_KEY", "none:needed")  # the client wants one, this server does not\n'}import fal_client
import fal_client.client as fal

server = ${JSON.stringify(base)}
fal.RUN_URL_FORMAT = f"{server}/run/"
fal.QUEUE_URL_FORMAT = f"{server}/queue/"
fal.REST_URL = f"{server}/rest"
fal.CDN_URL = f"{server}/cdn"

result = fal_client.subscribe(
    ${JSON.stringify(ENDPOINT)},
    arguments={
        ${indent(members.join(",\n"), 8)},
    },
    with_logs=True,
)
print(result["image"]["url"])
`;
}
