// Handing in a file at the desk: sent with the session's token, with a bar while it goes up.
"use strict";
(() => {
  const form = document.getElementById("hand-in");
  const meta = (name) => document.querySelector(`meta[name=${name}]`)?.content || "";
  const [bar, button, said] = [form.querySelector("progress"), form.querySelector("button"), document.getElementById("said")];

  function fault(words) {
    const line = document.createElement("p");
    line.className = "fault";
    line.setAttribute("role", "alert");
    line.textContent = words;
    said.replaceChildren(line);
    bar.hidden = true;
    button.disabled = false;
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = form.elements.file.files[0];
    if (!file || button.disabled) return;
    const asked = new URLSearchParams({ kind: form.elements.kind.value, name: file.name });
    const request = new XMLHttpRequest();
    request.open("POST", `${meta("api")}/api/v1/imports?${asked}`);
    request.setRequestHeader("X-CSRF-Token", meta("csrf"));
    request.setRequestHeader("Idempotency-Key", [...crypto.getRandomValues(new Uint8Array(12))].map((each) => each.toString(16).padStart(2, "0")).join(""));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", ({ loaded, total }) => { bar.value = (loaded * 100) / (total || 1); });
    request.addEventListener("error", () => fault("没有传上去，网络断了。请再交一次。"));
    request.addEventListener("load", () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* said below */ }
      if (request.status === 401) { location.reload(); return; }
      if (request.status >= 300) { fault(answer.error?.message || "没有交成，请过一会儿再试。"); return; }
      location.assign(`${form.dataset.to}/${answer.key}`);
    });
    [bar.hidden, bar.value, button.disabled] = [false, 0, true];
    request.send(file);
  });
})();
