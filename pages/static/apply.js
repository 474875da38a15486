// The loan application: one group of questions at a time, every answer kept as soon as it is given.
"use strict";
(async () => {
  const { api, patiently, Refused, el, toast, strip, once } = tx;
  const root = document.getElementById("apply");
  const subject = root.dataset.subject;
  const again = root.dataset.again.split(" ").filter(Boolean);
  const GROUPS = { again: "要补的", project: "想办什么", conditions: "四个条件", person: "借款人", operator: "经营主体", debts: "别的贷款", photos: "照片和位置", review: "看一遍", papers: "看完再签" };
  const kept = el("p", { class: "kept", role: "status" });
  const notes = `tianxin-unsaved-${subject}`;
  let form, draft, at = "", running = null;
  const unsaved = new Map();
  const controls = new Map();

  // ---- keeping answers

  function remember() {
    const open = [...unsaved].filter(([key]) => !form.fields.find((field) => field.key === key).sensitive);
    try { if (open.length) localStorage.setItem(notes, JSON.stringify(open)); else localStorage.removeItem(notes); } catch { /* no room or not allowed: it stays in memory */ }
  }

  function change(key, value) {
    unsaved.set(key, value);
    remember();
    return flush();
  }

  function flush() {
    running ||= send().finally(() => { running = null; });
    return running;
  }

  /** Send what is not kept yet; a refused answer is told at its question and the others go on. */
  async function send() {
    while (unsaved.size) {
      const sent = new Map(unsaved);
      kept.textContent = "正在保存…";
      try {
        const found = await api("PATCH", `/api/v1/drafts/${draft.key}`, { version: draft.version, body: { answers: Object.fromEntries(sent) } });
        done(sent);
        take(found);
        strip("");
        kept.textContent = "已保存";
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (error.code === "draft_version") { take(error.body.draft); continue; }
        if (error.body.errors) { refuse(error.body.errors, sent); continue; }
        kept.textContent = "";
        if (error.passing) {
          strip("没有信号，填的先记在这部手机里，有信号时自动保存。");
          setTimeout(flush, 5000);
        } else strip(error.message);
        return;
      }
    }
  }

  /** These are kept, unless they were changed again meanwhile. */
  function done(sent) {
    for (const [key, value] of sent) if (unsaved.get(key) === value) unsaved.delete(key);
    remember();
  }

  function refuse(errors, sent) {
    kept.textContent = "";
    for (const [key, words] of Object.entries(errors)) {
      const control = controls.get(key);
      if (control) control.fault(words);
    }
    done(new Map([...sent].filter(([key]) => key in errors)));
  }

  function take(found) {
    draft = found;
    for (const [key, control] of controls) {
      control.node.hidden = !draft.applies.includes(key);
      if (!unsaved.has(key)) control.set(draft.answers[key]);
    }
    for (const key of found.dropped) {
      const field = form.fields.find((each) => each.key === key);
      if (field) toast(`“${field.title}”要重新填`);
    }
  }

  // ---- showing one group

  /** The steps there are now. Who answers a return is asked only what is to be answered again. */
  function groups() {
    const papers = form.fields.some((field) => field.page === "papers" && draft.applies.includes(field.key));
    if (again.length) return ["again", "review", ...(papers ? ["papers"] : [])];
    return Object.keys(GROUPS).filter((name) => name === "review" || form.fields.some((field) => field.page === name && draft.applies.includes(field.key)));
  }

  function open(group, coming) {
    if (!coming && location.hash !== `#${group}`) history[at ? "pushState" : "replaceState"](null, "", `#${group}`);
    at = group;
    controls.clear();
    const all = groups().includes(group) ? groups() : [group, "review"], number = all.indexOf(group) + 1;
    const head = el("div", { class: "progress" }, el("span", {}, `第${number}步，共${all.length}步`), el("progress", { max: all.length, value: number, "aria-label": "填到哪一步" }));
    const body = el("section", { class: "card" }, el("h2", {}, GROUPS[group]), group === "review" ? review() : questions(group));
    root.replaceChildren(head, body, kept, pager(all, number));
    scrollTo(0, 0);
  }

  function questions(group) {
    const files = {
      keep: async (file) => (await patiently(() => api("POST", `/api/v1/files?purpose=photo`, { file, key: keyOf(file) }))).key,
      address: (key) => `/api/v1/files/${key}`,
    };
    const asked = (field) => (group === "again" ? again.includes(field.key) : field.page === group);
    return form.fields.filter(asked).map((field) => {
      const control = tx.fields.control(field, (value) => {
        control.fault("");
        change(field.key, field.kind === "location" && value ? { latitude: value.latitude, longitude: value.longitude } : value);
      }, files);
      controls.set(field.key, control);
      control.node.hidden = !draft.applies.includes(field.key);
      control.set(unsaved.has(field.key) ? unsaved.get(field.key) : draft.answers[field.key]);
      return control.node;
    });
  }

  const names = new WeakMap();
  function keyOf(file) {
    if (!names.has(file)) names.set(file, tx.randomKey());
    return names.get(file);
  }

  function review() {
    const rows = form.fields.filter((field) => field.kind !== "confirm" && draft.applies.includes(field.key)).map((field) => el("div", {},
      el("dt", {}, field.title),
      el("dd", {}, tx.fields.show(field, draft.answers[field.key]), draft.problems[field.key] ? el("p", { class: "fault" }, draft.problems[field.key]) : null),
      el("button", { type: "button", "aria-label": `改${field.title}`, onclick: () => go(again.includes(field.key) ? "again" : field.page, field.key) }, "改")));
    return el("dl", { class: "facts answers" }, rows);
  }

  function pager(all, number) {
    const back = number > 1 ? el("button", { type: "button", class: "weui-btn weui-btn_default", onclick: () => go(all[number - 2]) }, "上一步") : null;
    const last = number === all.length;
    const next = el("button", { type: "button", class: "weui-btn weui-btn_primary" }, last ? (again.length ? "重新交上去" : at === "papers" ? "同意并提交" : "交上去，请他确认") : "下一步");
    next.addEventListener("click", () => once(next, null, () => (last ? handIn() : forward())));
    return el("div", { class: "pager" }, back, next);
  }

  async function go(group, key) {
    await settle();
    open(group);
    const control = key && controls.get(key);
    if (control) control.node.scrollIntoView({ block: "center" });
  }

  /** Wait until what is being typed is kept, or cannot be for now. */
  async function settle() {
    if (document.activeElement) document.activeElement.blur();
    if (unsaved.size) await flush();
  }

  /** Show what is open in this group; true when nothing is. */
  function complete(keys) {
    const wrong = keys.filter((key) => controls.has(key) && !controls.get(key).node.hidden && (draft.problems[key] || unsaved.has(key)));
    for (const key of wrong) controls.get(key).fault(draft.problems[key] || "还没有保存，请等有信号再试。");
    const shown = [...controls.values()].find((control) => !control.node.hidden && control.node.querySelector(".fault:not([hidden])"));
    if (shown) shown.node.scrollIntoView({ block: "center" });
    return !shown;
  }

  async function forward() {
    await settle();
    if (at === "review") {
      const wrong = Object.keys(draft.problems).map((key) => form.fields.find((field) => field.key === key)).find((field) => field && field.kind !== "confirm");
      if (wrong) { await go(again.includes(wrong.key) ? "again" : wrong.page, wrong.key); complete([wrong.key]); return; }
    } else if (!complete([...controls.keys()])) return;
    const all = groups();
    open(all.includes(at) ? all[all.indexOf(at) + 1] : "review");
  }

  async function handIn() {
    await settle();
    if (!complete([...controls.keys()])) return;
    const path = `/api/v1/drafts/${draft.key}/submit`, key = `${draft.key}-${draft.version}`;
    try {
      const filed = await patiently(() => api("POST", path, { key, body: { version: draft.version } }));
      try { localStorage.removeItem(notes); } catch { /* nothing kept */ }
      finished(filed);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.code === "prove_identity") { toast(error.message); setTimeout(() => location.assign("/m/identity"), 1500); return; }
      if (error.code === "draft_version") { take(error.body.draft); open("review"); toast("刚在别处改过，请再看一遍"); return; }
      const field = form.fields.find((each) => each.key === error.field);
      if (field) { open(again.includes(field.key) ? "again" : field.page); controls.get(field.key).fault(error.message); controls.get(field.key).node.scrollIntoView({ block: "center" }); return; }
      throw error;
    }
  }

  function finished(filed) {
    for (const card of document.querySelectorAll("main > .card")) card.remove();
    const words = filed.own ? `现在由${filed.now_with.join("、")}办理。有进展会通知您。` : "还要本人确认才算数：请本人在自己的微信里确认，或者填短信里的确认码。";
    root.replaceChildren(
      el("section", { class: "card said" }, el("p", { class: "mark mark_good", "aria-hidden": "true" }, "✓"), el("p", { class: "big" }, "交上去了！"), el("p", {}, `申请编号 ${filed.number}`), el("p", {}, words)),
      el("p", { class: "act" }, el("a", { class: "weui-btn weui-btn_primary", href: `/m/applications/${filed.key}` }, "看进度")));
    scrollTo(0, 0);
  }

  // ---- beginning

  function firstOpen() {
    const wanted = location.hash.slice(1);
    if (groups().includes(wanted)) return wanted;
    if (again.length) return "again";
    const first = form.fields.find((field) => draft.problems[field.key]);
    return first ? (first.kind === "confirm" ? "review" : first.page) : "review";
  }

  try {
    [form, draft] = await Promise.all([api("GET", "/api/v1/forms/loan_application"), api("POST", "/api/v1/drafts", { body: { form: "loan_application", subject } })]);
    try { for (const [key, value] of JSON.parse(localStorage.getItem(notes) || "[]")) unsaved.set(key, value); } catch { /* nothing kept */ }
    open(firstOpen());
    if (unsaved.size) flush();
    addEventListener("online", flush);
    addEventListener("popstate", () => { const group = location.hash.slice(1); if (group in GROUPS) settle().then(() => open(group, true)); });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    root.replaceChildren(el("section", { class: "card said" }, el("p", {}, error.message)), el("p", { class: "act" }, el("a", { class: "weui-btn weui-btn_primary", href: "/m/applications" }, "看我的申请")));
  }
})();
