// Visits kept in this phone until they are uploaded. The id of a visit is made here, so sending it twice is sending it once.
"use strict";
tx.visits = (() => {
  const { api, el, strip } = tx;
  const wait = (request) => new Promise((done, failed) => { request.onsuccess = () => done(request.result); request.onerror = () => failed(request.error); });
  let opened = null;

  function store(mode) {
    opened ||= (() => {
      const request = indexedDB.open("tianxin", 1);
      request.onupgradeneeded = () => request.result.createObjectStore("visits", { keyPath: "task" });
      return wait(request);
    })();
    return opened.then((base) => base.transaction("visits", mode).objectStore("visits"));
  }

  const load = async (task) => wait((await store("readonly")).get(task));
  const save = async (visit) => wait((await store("readwrite")).put(visit));
  const drop = async (task) => wait((await store("readwrite")).delete(task));
  const all = async () => wait((await store("readonly")).getAll());

  /** Send one finished visit: each picture once, then the report. What is sent already is not sent again. */
  async function upload(visit) {
    for (const [at, photo] of visit.photos.entries()) {
      if (photo.key) continue;
      const sent = await api("POST", "/api/v1/files?purpose=visit_photo", { file: photo.blob, key: `${visit.client_id}-${photo.id}`, stay: true });
      visit.photos[at] = { ...photo, key: sent.key };
      await save(visit);
    }
    const { place, lives_there, project_real, findings, remark, result } = visit.answers;
    const body = { task: visit.task, client_id: visit.client_id, device_at: visit.device_at, result, remark: remark || "",
      findings: { lives_there, project_real, seen: findings || [] }, photos: visit.photos.map((photo) => photo.key) };
    if (place) Object.assign(body, { latitude: place.latitude, longitude: place.longitude, accuracy_m: place.accuracy_m || null });
    await api("POST", "/api/v1/visits", { body, key: `${visit.client_id}-${visit.tries || 0}`, stay: true });
    await drop(visit.task);
  }

  let running = null;
  /** Send every finished visit; what is refused keeps its words for the person. */
  function flush() {
    running ||= (async () => {
      for (const visit of (await all()).filter((each) => each.finished)) {
        try { await upload(visit); } catch (error) {
          if (!(error instanceof tx.Refused)) throw error;
          if (error.status === 401 || error.passing) break;
          await save({ ...visit, finished: false, tries: (visit.tries || 0) + 1, refused: error.message });
        }
      }
      await tell();
    })().finally(() => { running = null; });
    return running;
  }

  /** Say on the list of tasks what still waits in this phone. */
  async function tell() {
    const waiting = await all(), box = document.getElementById("waiting-visits");
    const ready = waiting.filter((visit) => visit.finished).length;
    strip(ready ? `有${ready}份走访记录等着上传，有信号时自己传。` : "");
    if (!box) return;
    box.replaceChildren(...waiting.filter((visit) => visit.refused).map((visit) => el("a", { class: "card card_warn row", href: `/m/visit/${visit.task}` },
      el("span", { class: "row__main" }, el("b", {}, "有一份走访没交成")), el("span", { class: "row__note" }, visit.refused))));
  }

  addEventListener("online", flush);
  setInterval(() => { if (navigator.onLine) flush().catch(() => {}); }, 30000);
  flush().catch(() => {});
  return { load, save, drop, all, flush };
})();
