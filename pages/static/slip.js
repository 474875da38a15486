// Repayment slips: the borrower hands one in on the page of his loan, the bank's officer decides on it.
"use strict";
(() => {
  const { api, patiently, once, sure, fen, yuan, toast, el } = tx;

  function refuse(message, field) {
    throw new tx.Refused(422, { error: { code: "form", message, field } });
  }

  function form(id, work) {
    const node = document.getElementById(id);
    if (!node) return null;
    const fault = node.querySelector(".fault"), button = node.querySelector("[type=submit]");
    node.addEventListener("submit", (event) => {
      event.preventDefault();
      once(button, fault, () => work(new FormData(node), node.dataset));
    });
    return node;
  }

  // ---- the borrower

  let photo = null;
  let key = tx.randomKey();
  const report = form("slip", async (given, data) => {
    const words = given.get("amount").trim(), amount_fen = words ? fen(words) : null;
    if (words && !amount_fen) refuse("还了多少请写数字，比如 500；不记得可以不填。", "amount");
    if (!photo && !await sure("没有单据照片？", "有照片银行查得快。没有也可以交，银行按您说的去查。", "没有，直接交")) return;
    const body = { amount_fen, paid_on: given.get("paid_on") || null, photo: photo && photo.key };
    const made = await patiently(() => api("POST", `/api/v1/loans/${data.key}/repayment-slips`, { key, body }));
    toast(made.repeated ? "这张已经交过了，银行正在核对" : "交给银行了，有结果会告诉您");
    setTimeout(() => location.reload(), 1500);
  });
  if (report) {
    const shots = document.getElementById("slip-shots"), words = document.getElementById("slip-photo-words");
    report.addEventListener("input", () => { key = tx.randomKey(); });
    report.elements.photo.addEventListener("change", (event) => {
      const file = event.target.files[0];
      event.target.value = "";
      if (file) once(report.querySelector("[type=submit]"), report.querySelector(".fault"), async () => {
        words.textContent = "正在传…";
        try { photo = await patiently(() => api("POST", "/api/v1/files?purpose=repayment_slip", { file })); } finally { words.textContent = photo ? "换一张" : "拍单据或选照片"; }
        shots.replaceChildren(el("div", { class: "shot" }, el("img", { src: URL.createObjectURL(file), alt: "还款单据" })));
      });
    });
  }

  // ---- the bank

  const check = form("slip-check", async (given, data) => {
    const outcome = given.get("outcome");
    if (!outcome) refuse("请先选一个结果。", "outcome");
    const body = { outcome };
    if (outcome !== "not_found") {
      body.serial = given.get("serial").trim();
      if (!body.serial) refuse("请填银行流水号。", "serial");
    }
    if (outcome === "found") {
      body.amount_fen = fen(given.get("amount"));
      body.received_on = given.get("received_on");
      if (!body.amount_fen) refuse("到账金额请写数字，比如 500。", "amount");
      if (!body.received_on) refuse("请选到账日期。", "received_on");
      if (!await sure("核对一下", `${body.received_on}收到${yuan(body.amount_fen)}，流水号 ${body.serial}。登记后借款人和担保公司都会知道。`, "登记")) return;
    }
    if (outcome === "not_found") {
      body.reason = given.get("reason").trim();
      if (body.reason.length < 4) refuse("请把原因写清楚一点，借款人要看得懂。", "reason");
    }
    await patiently(() => api("POST", `/api/v1/tasks/${data.key}/slip`, { body }));
    toast("办好了");
    setTimeout(() => location.assign(`${tx.root}/tasks`), 900);
  });
  if (check) {
    check.addEventListener("change", (event) => {
      if (event.target.name !== "outcome") return;
      for (const part of check.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(event.target.value);
    });
    for (const chip of check.querySelectorAll("[data-serial]")) chip.addEventListener("click", () => { check.elements.serial.value = chip.dataset.serial; });
  }
})();
