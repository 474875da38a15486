// 走访确认 on the spot: everything stays in the phone until it is sent, with or without a signal.
"use strict";
(async () => {
  const { api, el, once, toast } = tx;
  const root = document.getElementById("visit"), task = root.dataset.key, name = root.dataset.form;
  const fault = el("p", { class: "fault", role: "alert", hidden: true });
  const shown = new Map();

  const form = await description();
  if (!form) {
    root.replaceChildren(el("section", { class: "card said" }, el("p", {}, "第一次打开要有信号。请到信号好的地方再打开一次，之后没有信号也能用。")));
    return;
  }
  const visit = (await tx.visits.load(task)) || { task, client_id: tx.randomKey(), answers: {}, photos: [], finished: false };
  const sending = el("button", { type: "button", class: "weui-btn weui-btn_primary" }, "交走访记录");
  const controls = new Map();
  sending.addEventListener("click", () => once(sending, fault, hand));
  draw();

  /** The questions, from the server or as they were last time. */
  async function description() {
    try {
      const found = await api("GET", `/api/v1/forms/${name}`);
      localStorage.setItem(`tianxin-form-${name}`, JSON.stringify(found));
      return found;
    } catch {
      return JSON.parse(localStorage.getItem(`tianxin-form-${name}`) || "null");
    }
  }

  function draw() {
    const files = { keep: keepPhoto, address };
    const nodes = form.fields.map((field) => {
      const control = tx.fields.control(field, (value) => { control.fault(""); answer(field, value, control); }, files);
      controls.set(field.key, control);
      control.set(field.kind === "photo" ? visit.photos.map((photo) => photo.id) : visit.answers[field.key]);
      return control.node;
    });
    const refused = visit.refused ? el("section", { class: "card card_warn" }, el("h2", {}, "上次没交成"), el("p", {}, visit.refused)) : "";
    const drop = visit.refused && el("button", { type: "button", class: "weui-btn weui-btn_default", onclick: away }, "删掉");
    root.replaceChildren(refused, el("section", { class: "card" }, nodes), fault, el("div", { class: "pager" }, drop || "", sending));
  }

  async function away() {
    if (!await tx.sure("删掉这份记录吗？", "照片和填的内容都会从这部手机里删掉。", "删掉", "留着")) return;
    await tx.visits.drop(task);
    location.assign("/m/tasks");
  }

  async function keepPhoto(file) {
    if (file.size > 10 * 1024 * 1024) throw new Error("照片太大了，不能超过10兆。请把相机的像素调低一点再拍。");
    const photo = { id: tx.randomKey().slice(0, 12), blob: file };
    visit.photos.push(photo);
    await tx.visits.save(visit);
    return photo.id;
  }

  function address(id) {
    if (!shown.has(id)) {
      const photo = visit.photos.find((each) => each.id === id);
      shown.set(id, photo ? URL.createObjectURL(photo.blob) : "");
    }
    return shown.get(id);
  }

  async function answer(field, value, control) {
    if (field.kind === "photo") visit.photos = visit.photos.filter((photo) => (value || []).includes(photo.id));
    else if (value === null) delete visit.answers[field.key];
    else visit.answers[field.key] = value;
    if (field.kind !== "photo") control.set(visit.answers[field.key]);
    await tx.visits.save(visit);
  }

  function missing() {
    for (const field of form.fields) {
      const words = wrong(field);
      if (words) { controls.get(field.key).fault(words); controls.get(field.key).node.scrollIntoView({ block: "center" }); return true; }
    }
    return false;
  }

  function wrong(field) {
    const value = visit.answers[field.key];
    if (field.kind === "photo") return visit.photos.length < (field.minimum || 1) ? `请至少拍${field.minimum || 1}张照片。` : "";
    if (field.kind === "multi" || field.optional) return "";
    if (value === undefined || value === "") return field.kind === "location" ? "请先定位。" : "请选一个。";
    const seen = (visit.answers.findings || []).length > 0;
    if (name === "post_loan_visit" && field.key === "result" && (value === "abnormal") !== seen) return "勾了异常情况，就选“有异常”；没有异常，前面就不要勾。";
    const untrue = visit.answers.lives_there === false || visit.answers.project_real === false;
    return field.key === "result" && value === "confirmed" && untrue ? "前面说人不住这里或者项目不真，这里就不能选“属实”。" : "";
  }

  async function hand() {
    if (missing()) return;
    Object.assign(visit, { finished: true, refused: "", device_at: visit.device_at || tx.now().toISOString() });
    await tx.visits.save(visit);
    await tx.visits.flush();
    const left = await tx.visits.load(task);
    if (!left) return end("✓", "交上去了！", "镇里和县里会看到您的走访结果。");
    if (left.finished) return end("✓", "记在手机里了", "现在没有信号。等有信号时打开这个页面或“任务”，会自己上传。");
    Object.assign(visit, left);
    draw();
    toast(left.refused);
  }

  function end(mark, title, words) {
    root.replaceChildren(el("section", { class: "card said" }, el("p", { class: "mark mark_good", "aria-hidden": "true" }, mark), el("p", { class: "big" }, title), el("p", {}, words)),
      el("p", { class: "act" }, el("a", { class: "weui-btn weui-btn_primary", href: "/m/tasks" }, "回到任务")));
    scrollTo(0, 0);
  }
})();
