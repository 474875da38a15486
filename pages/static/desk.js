// The phone says whether its owner sits at the desk whose picture it scanned.
"use strict";
(() => {
  const { api, once, Refused } = tx;
  const card = document.getElementById("desk"), form = document.getElementById("yes"), no = document.getElementById("no");
  const send = (body, words) => api("POST", `/api/v1/desk-logins/${card.dataset.key}`, { body }).then(() => {
    const done = document.getElementById("done");
    done.lastElementChild.textContent = words;
    card.hidden = true;
    done.hidden = false;
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    once(form.querySelector("[type=submit]"), form.querySelector(".fault"), async () => {
      const shown = form.shown.value.trim();
      if (!/^\d{2}$/.test(shown)) throw new Refused(422, { error: { code: "incomplete", message: "请填电脑上的两位数字。", field: "shown" } });
      await send({ yes: true, shown }, "电脑上已经登录，可以去用了。");
    });
  });
  no.addEventListener("click", () => once(no, form.querySelector(".fault"), () => send({ yes: false }, "没有登录。如果不是您自己操作的，请告诉安全管理员。")));
})();
