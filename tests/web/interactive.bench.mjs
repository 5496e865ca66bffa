// interactive.bench.mjs - how long a first visit takes until photos are taken, in ms since the navigation began, and how many
// bytes it loads, pictures aside:
//   tests/web/run.sh build/release/bin/birefnet /tmp/page-bench interactive.bench.mjs
import { begin } from "./browser.mjs";

const VISITS = 15;
const own = await begin();
const times = [];
let bytes = 0;
for (let visit = 0; visit < VISITS; visit++) {
  const page = await (await own.browser.newContext()).newPage(); // nothing is in its cache
  const bodies = [];
  page.on("response", (response) => bodies.push(response));
  await page.goto(own.server.url);
  await page.waitForFunction(() => performance.getEntriesByName("interactive").length);
  times.push(await page.evaluate(() => performance.getEntriesByName("interactive")[0].startTime));
  await page.waitForLoadState("networkidle");
  const code = bodies.filter((response) => !/\/samples\/|\.json$/.test(response.url()));
  bytes = (await Promise.all(code.map(async (response) => (await response.body()).length))).reduce((sum, size) => sum + size, 0);
  await page.context().close();
}
times.sort((a, b) => a - b);
console.log(`interactive after ${times[VISITS >> 1].toFixed(0)} ms (median of ${VISITS}; ${times[0].toFixed(0)} to ${times.at(-1).toFixed(0)}), ${bytes} bytes`);
await own.end();
