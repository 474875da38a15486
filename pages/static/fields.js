// Questions of a form as controls. A control has: node, set(value), fault(words), and tells `changed(value)`.
"use strict";
tx.fields = (() => {
  const { el, yuan } = tx;
  const MANY = 12;

  /** WGS-84, as browsers tell it, to GCJ-02, as maps and WeChat in China use it. */
  function toMap(latitude, longitude) {
    if (longitude < 72 || longitude > 137.9 || latitude < 0.8 || latitude > 55.9) return [latitude, longitude];
    const a = 6378245, e = 0.006693421622965943, x = longitude - 105, y = latitude - 35, sin = Math.sin, pi = Math.PI;
    const wave = (t) => (20 * sin(6 * t * pi) + 20 * sin(2 * t * pi)) * 2 / 3;
    const north = -100 + 2 * x + 3 * y + .2 * y * y + .1 * x * y + .2 * Math.sqrt(Math.abs(x)) + wave(x)
      + (20 * sin(y * pi) + 40 * sin(y / 3 * pi)) * 2 / 3 + (160 * sin(y / 12 * pi) + 320 * sin(y * pi / 30)) * 2 / 3;
    const east = 300 + x + 2 * y + .1 * x * x + .1 * x * y + .1 * Math.sqrt(Math.abs(x)) + wave(x)
      + (20 * sin(x * pi) + 40 * sin(x / 3 * pi)) * 2 / 3 + (150 * sin(x / 12 * pi) + 300 * sin(x / 30 * pi)) * 2 / 3;
    const phi = latitude / 180 * pi, magic = 1 - e * sin(phi) ** 2, root = Math.sqrt(magic);
    return [latitude + north * 180 / (a * (1 - e) / (magic * root) * pi), longitude + east * 180 / (a / root * Math.cos(phi) * pi)];
  }

  /** Where the phone is now, for the map, with the error in metres. */
  function place() {
    return new Promise((found, failed) => {
      if (!navigator.geolocation) failed(new Error("这部手机不能定位。"));
      else navigator.geolocation.getCurrentPosition(({ coords }) => {
        const own = [coords.latitude, coords.longitude];
        const [latitude, longitude] = coords.system === "gcj02" ? own : toMap(...own); // the demo's phones stand on the map
        found({ latitude: Number(latitude.toFixed(6)), longitude: Number(longitude.toFixed(6)), accuracy_m: Math.round(coords.accuracy) });
      }, (error) => failed(new Error(error.code === 1 ? "没有允许定位。请在手机设置里打开微信的定位，再点一次。" : "没有定到位置，请到室外再试一次。")),
      { enableHighAccuracy: true, timeout: 20000, maximumAge: 30000 });
    });
  }

  function term(months) { return months % 12 === 0 ? `${months / 12}年` : `${months}个月`; }

  /** An answer for reading. */
  function show(field, value) {
    if (value === null || value === undefined) return "没有填";
    const label = (one) => (field.choices.find((choice) => choice.value === one) || { label: String(one) }).label;
    switch (field.kind) {
      case "money": return yuan(value);
      case "term": return term(value);
      case "rate": return `${value / 100}%`;
      case "int": return `${value}${field.unit}`;
      case "choice": return label(value);
      case "multi": return value.map(label).join("、") || "没有";
      case "yesno": return (field.choices.find((choice) => choice.value === (value ? "yes" : "no")) || { label: value ? "是" : "不是" }).label;
      case "photo": return `${value.length}张`;
      case "location": return value.label || "已记下";
      case "confirm": return "已同意";
      default: return field.sensitive && String(value).length > 8 ? `${String(value).slice(0, 3)}****${String(value).slice(-4)}` : String(value);
    }
  }

  /** The words of a question without what only makes sense in a chat. */
  function forPage(field) {
    const some = field.kind === "photo" && (field.minimum || 1) > 1 ? `至少${field.minimum}张，` : "";
    if (field.kind === "photo") return { ask: `请拍${field.title}`, help: `${some}最多${field.maximum || 9}张。拍清楚，不要用旧照片。` };
    if (field.kind === "location") return { ask: field.title, help: "请站在那个地方，再点下面的按钮。" };
    const sentences = (text) => text.match(/[^。？！；]+[。？！；]?/g) || [];
    const keep = (text) => sentences(text).filter((words) => !/回复|发数字|点右下角|发一下/.test(words)).join("");
    return { ask: keep(field.ask) || field.title, help: keep(field.help) };
  }

  function shell(field, ...inside) {
    const { ask, help } = forPage(field);
    const words = el("p", { class: "fault", role: "alert", hidden: true });
    const said = el("p", { class: "field__said", hidden: true });
    const head = el("span", { class: "field__ask", id: `ask-${field.key}` }, ask, field.optional ? "（可以不填）" : "");
    const node = el("section", { class: "field", "data-key": field.key }, head, help && el("p", { class: "field__help" }, help), ...inside, said, words);
    return {
      node, head,
      say(text) { said.textContent = text; said.hidden = !text; },
      fault(text) {
        words.textContent = text || "";
        words.hidden = !text;
        for (const control of node.querySelectorAll("input, textarea")) control.setAttribute("aria-invalid", text ? "true" : "false");
      },
    };
  }

  const MODES = { money: "decimal", int: "numeric", phone: "tel", rate: "decimal" };

  function textual(field, changed) {
    const long = field.kind === "text" && (field.maximum || 0) > 60;
    const attributes = { class: "input", id: `in-${field.key}`, "aria-labelledby": `ask-${field.key}`, autocomplete: "off",
      placeholder: field.example ? `比如：${field.example}` : "", inputmode: MODES[field.kind], maxlength: field.kind === "idcard" ? 20 : field.maximum > 60 ? field.maximum : 60 };
    const input = long ? el("textarea", { ...attributes, rows: 3 }) : el("input", { ...attributes, type: field.kind === "date" ? "date" : "text" });
    input.addEventListener("change", () => changed(input.value.trim() || null));
    const readsBack = field.kind === "money" || field.kind === "term" || field.kind === "rate";
    const chips = readsBack && field.choices.length ? el("div", { class: "chips" }, field.choices.map((choice) =>
      el("button", { type: "button", class: "chip", onclick: () => { input.value = choice.label; changed(choice.label); } }, choice.label))) : null;
    const frame = shell(field, input, chips);
    return { ...frame, set(value) {
      if (readsBack) frame.say(value === undefined || value === null ? "" : `记下了：${show(field, value)}`);
      if (document.activeElement === input) return;
      input.value = value === undefined || value === null ? "" : readsBack ? show(field, value) : String(value);
    } };
  }

  function radios(field, options, changed, pair) {
    const group = `pick-${field.key}`;
    const inputs = new Map();
    const box = el("div", { class: `picks${pair ? " picks_pair" : ""}`, role: "radiogroup", "aria-labelledby": `ask-${field.key}` }, options.map(([value, label]) => {
      const input = el("input", { type: "radio", name: group, onchange: () => changed(value) });
      inputs.set(value, input);
      return el("label", { class: "pick" }, input, el("span", {}, label));
    }));
    const frame = shell(field, box);
    return { ...frame, set(value) { for (const [own, input] of inputs) input.checked = own === value; } };
  }

  /** A long list: one types a few letters of the name and taps it. */
  function searched(field, changed) {
    const input = el("input", { class: "input", type: "search", id: `in-${field.key}`, "aria-labelledby": `ask-${field.key}`, autocomplete: "off", placeholder: field.example ? `比如：${field.example}` : "打几个字来找" });
    const found = el("div", { class: "picks found" });
    const frame = shell(field, input, found);
    let chosen = null;
    function list() {
      const words = input.value.trim();
      const fits = field.choices.filter((choice) => choice.label.includes(words));
      const shown = fits.slice(0, 30);
      found.replaceChildren(...shown.map((choice) => el("label", { class: "pick" },
        el("input", { type: "radio", name: `pick-${field.key}`, ...(choice.value === chosen ? { checked: true } : {}), onchange: () => { chosen = choice.value; changed(chosen); } }), el("span", {}, choice.label))),
      ...(fits.length > shown.length ? [el("p", { class: "field__help" }, `还有${fits.length - shown.length}个，请多打几个字`)] : []),
      ...(fits.length ? [] : [el("p", { class: "field__help" }, "没有找到，请换个字试试")]));
    }
    input.addEventListener("input", list);
    return { ...frame, set(value) { chosen = value; frame.say(value ? `选了：${show(field, value)}` : ""); list(); } };
  }

  function several(field, changed) {
    const inputs = field.choices.map((choice) => [choice.value, el("input", { type: "checkbox", onchange: tell })]);
    function tell() { changed(inputs.filter(([, input]) => input.checked).map(([value]) => value)); }
    const frame = shell(field, inputs.map(([value, input]) => el("label", { class: "tick" }, input, el("span", {}, field.choices.find((c) => c.value === value).label))));
    return { ...frame, set(values) { for (const [value, input] of inputs) input.checked = (values || []).includes(value); } };
  }

  /** Pictures from the camera. `keep(file)` gives the name a picture is kept under, `address(name)` shows it. */
  function photos(field, changed, { keep, address }) {
    let names = [];
    const shots = el("div", { class: "shots" });
    const input = el("input", { type: "file", accept: "image/*", capture: "environment", multiple: true, "aria-label": field.title });
    const words = el("span", {}, "拍照");
    const button = el("label", { class: "weui-btn weui-btn_default filebtn" }, words, input);
    const frame = shell(field, button, shots);
    input.addEventListener("change", async () => {
      const files = [...input.files].slice(0, (field.maximum || 9) - names.length);
      input.value = "";
      input.disabled = true;
      frame.fault("");
      try {
        for (const [at, file] of files.entries()) {
          words.textContent = `正在传第${at + 1}张，共${files.length}张…`;
          names = [...names, await keep(file)];
          draw();
        }
        if (files.length) changed(names);
      } catch (error) {
        frame.fault(error.message);
        if (names.length) changed(names);
      } finally {
        input.disabled = false;
        draw();
      }
    });
    function draw() {
      words.textContent = names.length ? "再拍一张" : "拍照";
      button.hidden = names.length >= (field.maximum || 9);
      shots.replaceChildren(...names.map((name, at) => el("div", { class: "shot" },
        el("img", { src: address(name), alt: `第${at + 1}张` }),
        el("button", { type: "button", "aria-label": `删掉第${at + 1}张`, onclick: () => { names = names.filter((one) => one !== name); draw(); changed(names.length ? names : null); } }))));
    }
    return { ...frame, set(value) { names = Array.isArray(value) ? value : []; draw(); } };
  }

  function located(field, changed) {
    const button = el("button", { type: "button", class: "weui-btn weui-btn_default" }, "用我现在的位置");
    const frame = shell(field, button);
    button.addEventListener("click", async () => {
      button.disabled = true;
      button.textContent = "正在定位…";
      frame.fault("");
      try { changed(await place()); } catch (error) { frame.fault(error.message); } finally { button.disabled = false; button.textContent = "重新定位"; }
    });
    return { ...frame, set(value) {
      frame.say(value ? `已记下位置${value.accuracy_m ? `，误差约${value.accuracy_m}米` : ""}` : "");
      button.textContent = value ? "重新定位" : "用我现在的位置";
    } };
  }

  function paper(field, changed) {
    const text = el("div", { class: "paper", tabindex: 0, role: "document", "aria-label": field.paper.title }, field.paper.text);
    const input = el("input", { type: "checkbox", onchange: () => changed(input.checked ? field.paper.sha256 : null) });
    const frame = shell({ ...field, ask: field.paper.title, help: "" }, text, el("label", { class: "tick" }, input, el("span", {}, "我看完了，同意")));
    return { ...frame, set(value) { input.checked = Boolean(value && value.sha256 === field.paper.sha256); } };
  }

  /** The control of one question. */
  function control(field, changed, files) {
    switch (field.kind) {
      case "choice":
        if (field.choices.length > MANY) return searched(field, changed);
        return radios(field, field.choices.map((choice) => [choice.value, choice.label]), changed);
      case "yesno": {
        const label = (value, words) => (field.choices.find((choice) => choice.value === value) || { label: words }).label;
        return radios(field, [[true, label("yes", "是")], [false, label("no", "不是")]], changed, true);
      }
      case "multi": return several(field, changed);
      case "photo": return photos(field, changed, files);
      case "location": return located(field, changed);
      case "confirm": return paper(field, changed);
      default: return textual(field, changed);
    }
  }

  return { control, show, place, toMap };
})();
