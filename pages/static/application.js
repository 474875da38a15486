// One application: withdraw it, or confirm what somebody else filled in.
"use strict";
(() => {
  const { api, patiently, sure, once } = tx;
  const withdraw = document.getElementById("withdraw");
  if (withdraw) withdraw.addEventListener("click", async () => {
    if (!await sure("要撤回吗？", `撤回申请${withdraw.dataset.number}以后，要办得重新申请。`, "撤回", "不撤")) return;
    await once(withdraw, null, async () => {
      await patiently(() => api("POST", `/api/v1/applications/${withdraw.dataset.key}/withdraw`, { body: {}, key: `withdraw-${withdraw.dataset.key}` }));
      location.reload();
    });
  });

  const box = document.getElementById("confirm");
  if (!box) return;
  const path = `/api/v1/applications/${box.dataset.key}/confirm`;
  for (const control of box.querySelectorAll("[data-act]")) {
    const act = control.dataset.act;
    control.addEventListener(act === "signature" ? "change" : "click", () => once(control, null, async () => {
      const ticks = [...box.querySelectorAll("[data-paper]")], open = ticks.find((each) => !each.checked);
      if (open) {
        open.closest("label").previousElementSibling.open = true;
        open.scrollIntoView({ block: "center" });
        control.value = "";
        throw new tx.Refused(422, { error: { code: "incomplete", message: "三份文书都看完、打上勾，才能确认。", field: "consents" } });
      }
      const body = { consents: Object.fromEntries(ticks.map((each) => [each.dataset.paper, each.value])) };
      if (act === "code") body.code = box.querySelector("[name=code]").value.trim();
      if (act === "signature") {
        const file = control.files[0];
        if (!file) return;
        body.signature_file = (await patiently(() => api("POST", "/api/v1/files?purpose=signature", { file }))).key;
      }
      await api("POST", path, { body });
      location.reload();
    }));
  }
})();
