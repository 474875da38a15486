// A desk's picture that a phone scans: shown, asked about, followed.
"use strict";
(() => {
  const box = document.getElementById("scan"), csrf = document.querySelector("meta[name=csrf]").content;
  const [picture, digits, said, begin, demo] = ["picture", "digits", "said", "begin", "demo"].map((id) => document.getElementById(id));
  box.hidden = false;
  const ask = (path) => fetch(path, { method: "POST", headers: { "X-CSRF-Token": csrf, Accept: "application/json" }, credentials: "same-origin" })
    .then(async (answer) => (answer.ok ? answer.json() : Promise.reject(new Error((await answer.json().catch(() => null))?.error?.message || "没有办成，请刷新页面再试。"))));

  function over(words) {
    picture.hidden = digits.hidden = demo.hidden = true;
    begin.hidden = false;
    begin.textContent = "换一个二维码";
    said.textContent = words;
  }

  async function wait(key, until) {
    while (Date.now() < until) {
      await new Promise((go) => setTimeout(go, 1500));
      const { state } = await ask(`/console/scan/${key}`);
      if (state === "confirmed") { location.assign(document.querySelector("[name=to]").value); return; }
      if (state === "refused") { over("手机上选了“不是我”，没有登录。"); return; }
      if (state === "used") break;
    }
    over("二维码过期了，请换一个再扫。");
  }

  begin.addEventListener("click", async () => {
    try {
      const made = await ask("/console/scan");
      picture.src = made.picture;
      digits.querySelector("b").textContent = made.shown;
      if (made.address) demo.textContent = `演示：在手机上打开 ${made.address}`;
      picture.hidden = digits.hidden = false;
      demo.hidden = !made.address;
      begin.hidden = true;
      said.textContent = "用微信“扫一扫”，在手机上填上面的数字。";
      await wait(made.key, Date.now() + made.seconds * 1000);
    } catch (error) { over(error instanceof TypeError ? "网络断了，请检查后再试。" : error.message); }
  });
})();
