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
    leave("定下来了", "/m/tasks");
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
    leave("辛苦了", "/m/tasks");
  });

  form(document.getElementById("filing"), async (_given, data) => {
    if (!await sure("提交吗？", `一共${data.lines}笔。提交以后不能再改。`, "提交")) return;
    try {
      await patiently(() => api("POST", `/api/v1/filings/${data.key}/submission`, { body: { sha256: data.hash } }));
    } catch (error) {
      if (error.code === "stale") { toast(error.message); setTimeout(() => location.reload(), 2200); return; }
      throw error;
    }
    leave("交上去了", "/m/filings");
  });

  function leave(words, where) {
    toast(words);
    setTimeout(() => location.assign(where), 900);
  }
})();
