// shelf.js - what must outlive a reload of the page: photos that are still to be sent, ids of those that are. IndexedDB, or
// nothing where that is off.

const NAME = "birefnet", STORE = "many";

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

export const shelf = {
  all: () => using("readonly", (store) => store.getAll(), []),
  put: (item) => using("readwrite", (store) => store.put(item)),
  clear: () => using("readwrite", (store) => store.clear()),
};
