// database.mjs - where BN_TEST_STORE names a PostgreSQL (scripts/services.sh run postgres ...), each data folder has a
// database of its own there, for as long as it lives.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";

const shared = process.env.BN_TEST_STORE;

const nameOf = (data) => "c_" + createHash("sha256").update(data).digest("hex").slice(0, 20);

function sql(words, database = shared) {
  const run = spawnSync("psql", ["-X", "-q", "-d", database, "-v", "ON_ERROR_STOP=1", "-c", words], { encoding: "utf8" });
  return run.status === 0 ? "" : run.stderr || String(run.error);
}

function addressOf(data) {
  const url = new URL(shared);
  url.pathname = "/" + nameOf(data);
  return url.href;
}

/** What the server of a data folder has in its environment: its store, whose tables are there. */
export function databaseOf(data) {
  if (!shared) return {};
  const fault = sql(`CREATE DATABASE ${nameOf(data)}`);
  if (fault && !fault.includes("already exists")) throw new Error(fault); // a server is started again
  const made = spawnSync(process.env.BIREFNET, ["migrate", "-q", "--store", addressOf(data)], { encoding: "utf8" });
  if (made.status !== 0) throw new Error(made.stderr);
  return { BIREFNET_STORE: addressOf(data) };
}

/** As somebody who runs words in a data folder's database by hand. */
export function inDatabaseOf(data, words) {
  const fault = sql(words, addressOf(data));
  if (fault) throw new Error(fault);
}

export function dropDatabaseOf(data) {
  if (shared) sql(`DROP DATABASE IF EXISTS ${nameOf(data)} WITH (FORCE)`);
}
