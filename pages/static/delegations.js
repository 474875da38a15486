// While somebody is away a colleague does his tasks: given for some days, taken back.
"use strict";
(() => {
  const { api, once, sure, Refused } = tx;
  const stop = (words, field) => { throw new Refused(422, { error: { code: "incomplete", message: words, field } }); };
  const form = document.getElementById("delegate");
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    once(form.querySelector("[type=submit]"), form.querySelector(".fault"), async () => {
      const given = new FormData(form), body = {};
      for (const name of ["to_person", "from_on", "to_on", "reason"]) body[name] = (given.get(name) || "").trim();
      if (!body.from_on) stop("请选从哪天开始。", "from_on");
      if (!body.to_on) stop("请选到哪天为止。", "to_on");
      if (!body.reason) stop("请写为什么，几个字就行。", "reason");
      if (given.get("post")) body.post = Number(given.get("post"));
      await api("POST", "/api/v1/delegations", { body });
      location.reload();
    });
  });
  for (const button of document.querySelectorAll("[data-revoke]")) {
    button.addEventListener("click", () => once(button, null, async () => {
      if (!await sure("收回代办", "收回后，这个岗位的事马上由您自己办。", "收回")) return;
      await api("POST", `/api/v1/delegations/${button.dataset.revoke}/revoke`, { body: {} });
      location.reload();
    }));
  }
})();
