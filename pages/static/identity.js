// Whose WeChat this is: a claim, its code, or the cadre; and the centre's corrections.
"use strict";
(() => {
  const { api, patiently, once, sure } = tx;

  function form(id, work) {
    const node = document.getElementById(id);
    if (!node) return;
    node.addEventListener("submit", (event) => {
      event.preventDefault();
      once(node.querySelector("[type=submit]"), node.querySelector(".fault"), () => work(new FormData(node)));
    });
  }
  const said = (given, name) => (given.get(name) || "").trim();
  const stop = (words, field) => { throw new tx.Refused(422, { error: { code: "incomplete", message: words, field } }); };
  const number = (text) => text.toUpperCase().replace(/\s/g, "");

  form("claim", async (given) => {
    const name = said(given, "name"), id_number = number(said(given, "id_number"));
    if (!name) stop("请填姓名。", "name");
    if (!/^\d{17}[\dX]$/.test(id_number)) stop("身份证号要18位，请对着证件再填一次。", "id_number");
    await api("POST", "/api/v1/identity-claims", { body: { name, id_number } });
    location.reload();
  });

  form("code", async (given) => {
    const code = said(given, "code");
    if (!/^\d{6}$/.test(code)) stop("请填短信里的六位数字。", "code");
    const key = document.getElementById("by-code").dataset.key;
    await api("POST", `/api/v1/identity-claims/${key}/binding`, { body: { code } });
    location.reload();
  });

  for (const button of document.querySelectorAll("[data-act=send], [data-act=cadre]")) {
    button.addEventListener("click", () => once(button, null, async () => {
      const key = button.closest("[data-key]").dataset.key;
      const what = button.dataset.act === "send" ? "code" : "check";
      await patiently(() => api("POST", `/api/v1/identity-claims/${key}/${what}`, { body: {} }));
      location.reload();
    }));
  }

  form("change", async (given) => {
    const id_number = number(said(given, "id_number")), to_id_number = number(said(given, "to_id_number")), reason = said(given, "reason");
    if (!/^\d{17}[\dX]$/.test(id_number)) stop("身份证号要18位，请对着证件再填一次。", "id_number");
    if (reason.length < 4) stop("请写明为什么要更正。", "reason");
    if (!await sure("提更正", to_id_number ? "把微信转给另一个人，要第二位同事确认。" : "解除这个人的微信，要第二位同事确认。", "提更正")) return;
    await api("POST", "/api/v1/binding-changes", { body: { id_number, to_id_number, reason } });
    location.reload();
  });
})();
