// Loans in danger: decide what to do about one, report what is abnormal, look a village over, submit a month.
"use strict";
(() => {
  const { api, patiently, once, sure, toast } = tx;

  function form(node, work) {
    if (!node) return;
    const fault = node.querySelector(".fault"), button = node.querySelector("[type=submit]");
    node.addEventListener("submit", (event) => {
      event.preventDefault();
      once(button, fault, () => work(new FormData(node), node.dataset, node));
    });
  }

  function refuse(message, field) {
    throw new tx.Refused(422, { error: { code: "form", message, field } });
  }

  form(document.getElementById("disposal"), async (given, data) => {
    const asked = { cause: "请选为什么没还。", ability: "请选还得起吗。", willingness: "请选愿意还吗。", way: "请选怎么办。", responsible: "请选谁来办。", by_on: "请选哪天前办完。" };
    for (const [field, words] of Object.entries(asked)) if (!given.get(field)) refuse(words, field);
    const body = Object.fromEntries([...Object.keys(asked), "remark"].map((field) => [field, (given.get(field) || "").trim()]));
    if (body.ability === "able" && body.willingness === "unwilling"
      && !await sure("列入失信名单？", "还得起又不愿意还，会列入失信名单，并移交法律程序。", "列入")) return;
    await patiently(() => api("POST", `/api/v1/disposals/${data.key}/decision`, { body }));
    leave("定下来了", `${tx.root}/tasks`);
  });

  for (const node of document.querySelectorAll("form.finding")) {
    form(node, async (given, data) => {
      const findings = given.getAll("findings");
      if (!findings.length) refuse("请先勾是哪种情况。", "findings");
      await patiently(() => api("POST", `/api/v1/loans/${data.key}/findings`, { body: { findings, remark: given.get("remark").trim() } }));
      node.closest("details").open = false;
      toast("报上去了");
    });
  }

  form(document.getElementById("watch"), async (_given, data) => {
    await patiently(() => api("POST", `/api/v1/tasks/${data.key}/watch`, {}));
    leave("辛苦了", `${tx.root}/tasks`);
  });

  for (const kind of ["filing", "subsidy"]) {
    const list = kind === "filing" ? "filings" : "subsidies";
    form(document.getElementById(kind), async (_given, data) => {
      if (!await sure("提交吗？", `一共${data.lines}笔。提交以后不能再改。`, "提交")) return;
      try {
        await patiently(() => api("POST", `/api/v1/${list}/${data.key}/submission`, { body: { sha256: data.hash } }));
      } catch (error) {
        if (error.code === "stale") { toast(error.message); setTimeout(() => location.reload(), 2200); return; }
        throw error;
      }
      leave("交上去了", `${tx.root}/${list}`);
    });
  }

  form(document.getElementById("subsidy-check"), async (given, data) => {
    const correct = given.get("correct") === "yes", reason = (given.get("reason") || "").trim();
    if (!given.get("correct")) refuse("请先选对还是不对。", "correct");
    if (!correct && reason.length < 2) refuse("请写明退回的原因。", "reason");
    await patiently(() => api("POST", `/api/v1/subsidies/${data.key}/check`, { body: { correct, reason } }));
    leave(correct ? "交给财政了" : "退回去了", `${tx.root}/subsidies`);
  });

  form(document.getElementById("subsidy-pay"), async (given, data) => {
    if (!given.get("paid_on")) refuse("请选拨付的日子。", "paid_on");
    if (!await sure("都拨到户了吗？", `一共${data.lines}笔。登记以后，每户都会收到通知。`, "都拨了")) return;
    await patiently(() => api("POST", `/api/v1/subsidies/${data.key}/payment`, { body: { paid_on: given.get("paid_on") } }));
    leave("登记好了", `${tx.root}/subsidies`);
  });

  form(document.getElementById("misuse"), async (given, data) => {
    const remark = (given.get("remark") || "").trim();
    if (!given.get("pay_by_on")) refuse("请选哪天前还上。", "pay_by_on");
    if (remark.length < 2) refuse("请写明钱用到哪里去了。", "remark");
    if (!await sure("登记吗？", "登记以后不再给他放款，贴息也停，县、镇、村和银行会一起去收。", "登记")) return;
    const body = { falsified: given.get("falsified") === "yes", pay_by_on: given.get("pay_by_on"), remark };
    await patiently(() => api("POST", `/api/v1/loans/${data.key}/misuse`, { body }));
    toast("登记好了");
    setTimeout(() => location.reload(), 900);
  });

  form(document.getElementById("misuse-end"), async (given, data) => {
    const reason = (given.get("reason") || "").trim();
    if (!given.get("withdrawn")) refuse("请先选怎么了结的。", "withdrawn");
    if (reason.length < 2) refuse("请写明原因。", "reason");
    const body = { withdrawn: given.get("withdrawn") === "yes", reason };
    await patiently(() => api("POST", `/api/v1/misuse/${data.key}/end`, { body }));
    toast("了结了");
    setTimeout(() => location.reload(), 900);
  });

  function leave(words, where) {
    toast(words);
    setTimeout(() => location.assign(where), 900);
  }
})();
