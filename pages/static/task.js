// One task: a decision, a disbursement, or the end of a call or visit.
"use strict";
(() => {
  const { api, patiently, once, sure, fen, toast } = tx;

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

  function refuse(message, field) {
    throw new tx.Refused(422, { error: { code: "form", message, field } });
  }

  const decide = form("decide", async (given, data) => {
    const decision = given.get("decision");
    if (!decision) refuse("请先选一个决定。", "decision");
    const voting = data.vote !== undefined;
    const reason = decision === "approve" && !voting ? "" : given.get("reason").trim();
    if (voting && reason.length < 2) refuse("请写明您的理由。", "reason");
    if (decision !== "approve" && reason.length < 4) refuse("请把原因写清楚一点，申请人要看得懂。", "reason");
    const return_fields = decision === "return" ? given.getAll("return_fields") : [];
    if (decision === "return" && !return_fields.length) refuse("请勾选要申请人重新填的内容。", "return_fields");
    if (decision === "reject" && !voting && !await sure("确定不通过吗？", "不通过以后，这份申请就结束了。申请人会看到您写的原因。", "不通过")) return;
    const key = `${data.key}-${decision}-${data.hash.slice(0, 16)}-${await digest(reason + return_fields)}`;
    try {
      await patiently(() => voting
        ? api("POST", `/api/v1/tasks/${data.key}/vote`, { key, body: { choice: decision, reason, return_fields, shown_hash: data.hash } })
        : api("POST", `/api/v1/tasks/${data.key}/decision`, { key, body: { decision, reason, return_fields, shown_hash: data.hash } }));
    } catch (error) {
      if (error.code === "stale") { toast(error.message); setTimeout(() => location.reload(), 2200); return; }
      throw error;
    }
    leave("办好了");
  });
  if (decide) decide.addEventListener("change", (event) => {
    if (event.target.name !== "decision") return;
    document.getElementById("why").hidden = event.target.value === "approve" && decide.dataset.vote === undefined;
    document.getElementById("again").hidden = event.target.value !== "return";
  });

  /** A short name of a text: the same decision sent twice has the same key, another reason another one. */
  async function digest(text) {
    let sum = 2166136261;
    for (const byte of new TextEncoder().encode(text)) sum = Math.imul(sum ^ byte, 16777619) >>> 0;
    return sum.toString(16);
  }

  const disburse = form("disburse", async (given, data) => {
    const amount_fen = fen(given.get("amount")), annual_rate_bp = fen(given.get("rate"));
    if (amount_fen === null || amount_fen === 0) refuse("放款金额请写数字，比如 30000。", "amount");
    if (annual_rate_bp === null) refuse("年利率请写数字，比如 4.35。", "rate");
    const term_months = Number(given.get("term_months"));
    if (!Number.isInteger(term_months) || term_months < 1) refuse("期限请写几个月，比如 12。", "term_months");
    const account = given.get("account").replace(/\s/g, ""), number = given.get("number").trim();
    if (!number) refuse("请填借据号。", "number");
    if (!/^\d{8,32}$/.test(account)) refuse("收款账号是8到32位数字，请核对。", "account");
    const method = given.get("method"), fixed_fen = method === "fixed" ? fen(given.get("fixed")) : 0;
    if (fixed_fen === null || (method === "fixed" && !fixed_fen)) refuse("每期还多少请写数字，比如 1000。", "fixed");
    const body = { number, amount_fen, disbursed_on: given.get("disbursed_on"), account, annual_rate_bp, term_months, method,
      settlement_cycle: method === "interest_only" ? given.get("settlement_cycle") : null, fixed_fen };
    if (!await sure("核对一下", `${tx.yuan(amount_fen)}，年利率${annual_rate_bp / 100}%，${term_months}个月，打到尾号${account.slice(-4)}。`, "登记")) return;
    await patiently(() => api("POST", `/api/v1/tasks/${data.key}/disbursement`, { key: `${data.key}-${number}-${nameOf(body)}`, body }));
    leave("已登记");
  });
  function nameOf(body) { return `${body.amount_fen}-${body.annual_rate_bp}-${body.term_months}-${body.method}-${body.fixed_fen}-${body.disbursed_on}-${body.account.slice(-4)}`; }
  if (disburse) disburse.elements.method.addEventListener("change", (event) => {
    document.getElementById("cycle").hidden = event.target.value !== "interest_only";
    document.getElementById("fixed").hidden = event.target.value !== "fixed";
    document.getElementById("method-means").textContent = event.target.selectedOptions[0].dataset.means;
  });

  form("close", async (given, data) => {
    const outcome = given.get("outcome");
    if (!outcome) refuse("请选一个结果。", "outcome");
    await patiently(() => api("POST", `/api/v1/tasks/${data.key}/close`, { body: { outcome, note: given.get("note").trim() } }));
    leave("办好了");
  });

  function leave(words) {
    toast(words);
    setTimeout(() => location.assign(`${tx.root}/tasks`), 900);
  }
})();
