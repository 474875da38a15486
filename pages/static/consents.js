// Taking a consent back, after its consequences were told; asking for correction or deletion.
"use strict";
(() => {
  const { api, patiently, sure, once, toast } = tx;
  for (const button of document.querySelectorAll("[data-withdraw]")) {
    const { withdraw: id, title, consequence } = button.dataset;
    button.addEventListener("click", async () => {
      if (!await sure(`收回“${title}”？`, consequence, "收回", "不收回")) return;
      await once(button, null, async () => {
        await patiently(() => api("POST", `/api/v1/consents/${id}/withdrawal`, { key: `withdraw-consent-${id}` }));
        location.reload();
      });
    });
  }
  const form = document.getElementById("request");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    once(form.querySelector("button"), form.querySelector(".fault"), async () => {
      const given = new FormData(form);
      const body = { kind: given.get("kind"), words: given.get("words").trim(), phone: given.get("phone").trim() };
      if (!body.words) throw new tx.Refused(422, { error: { code: "words", message: "请写清楚哪里不对，或者要删什么。", field: "words" } });
      await api("POST", "/api/v1/me/requests", { body });
      toast("收到了，会答复您");
      setTimeout(() => location.reload(), 1200);
    });
  });
})();
