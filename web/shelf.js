// shelf.js - what must outlive a reload of the page: photos that are still to be sent, ids of those that are. IndexedDB, or
// nothing where that is off. Each tab has a shelf of its own and holds a lock of its name while it lives; what lies on a
// shelf that no tab holds was left behind, by a reload or a closed window, and the next page takes it over.

const NAME = "birefnet", STORE = "many";
const GOING_MS = 1000; // so long may a page that is being left still hold its shelf

const own = `${Date.now()} ${Math.random()}`; // sorts by time
const held = new Set();
let count = 0;

const shelfOf = (key) => (Array.isArray(key) ? key[0] : "a number alone, as versions before had it");

function finished(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

let opened = null;
function open() {
  opened ??= (async () => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "n" });
    return finished(request);
  })();
  return opened;
}

async function using(mode, work, otherwise) {
  try {
    return await finished(work((await open()).transaction(STORE, mode).objectStore(STORE)));
  } catch {
    return otherwise; // storage is off or full: the page works on, and forgets
  }
}

const keys = () => using("readonly", (store) => store.getAllKeys(), []);

/** Whether a shelf is this tab's, now and until it goes. Browsers have locks at https and this machine's addresses only. */
function take(name) {
  if (!navigator.locks || held.has(name)) return true;
  return new Promise((resolve) => {
    const granted = () => {
      held.add(name);
      resolve(true);
      return new Promise(() => {});
    };
    navigator.locks.request(`birefnet ${name}`, { signal: AbortSignal.timeout(GOING_MS) }, granted).catch(() => resolve(false));
  });
}

async function taken() {
  const names = [...new Set((await keys()).map(shelfOf))], mine = await Promise.all(names.map(take));
  return new Set(names.filter((_, i) => mine[i]));
}

export const shelf = {
  /** Where one more item lies: its `n`. */
  place: () => [own, count++],
  /** What lies on this tab's shelf, and what no tab has. */
  async all() {
    const mine = await taken();
    return (await using("readonly", (store) => store.getAll(), [])).filter(({ n }) => mine.has(shelfOf(n)));
  },
  async put(item) {
    await take(own);
    await using("readwrite", (store) => store.put(item));
  },
  async clear() {
    const mine = await taken(), gone = (await keys()).filter((key) => mine.has(shelfOf(key)));
    if (gone.length) await using("readwrite", (store) => gone.map((key) => store.delete(key)).at(-1));
  },
};
