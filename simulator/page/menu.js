// The account's menu at the foot of the conversation, with sub-menus that open upwards.

import { push } from "./acts.js";
import { button, h, icon, toast } from "./dom.js";
import { layer } from "./layers.js";
import { scanSheet, photoSheet, placeSheet } from "./sheets.js";

/** The menu bar of a phone: {node, reload(), nameOf(key)}. Hidden while the account has no menu. */
export function accountMenu(phone) {
  const node = h("nav", { class: "menu", test: `menu-${phone.person}`, "aria-label": "公众号菜单", hidden: true });
  const bar = { node, rows: [], reload, nameOf };
  let opened = null;

  function nameOf(key) {
    const all = bar.rows.flatMap((row) => [row, ...(row.sub_button || [])]);
    return all.find((row) => row.key === key || row.url === key)?.name || "";
  }

  async function reload() {
    try {
      bar.rows = (await phone.menuOf()).button || [];
    } catch {
      bar.rows = [];
    }
    opened?.close();
    node.hidden = bar.rows.length === 0;
    node.replaceChildren(...bar.rows.map(top));
  }

  function top(row) {
    const children = row.sub_button?.list || row.sub_button || [];
    const words = [children.length ? icon("lines", "icon menu__lines") : null, row.name];
    const one = button(words, {
      class: "menu__button", test: "menu-button", "data-name": row.name, "aria-haspopup": children.length ? "menu" : null, "aria-label": row.name,
      click: () => (children.length ? toggle(one, children) : act(row)),
    });
    return h("div", { class: "menu__cell" }, one);
  }

  function toggle(one, children) {
    const same = opened?.of === one;
    opened?.close();
    if (same) return;
    const list = h("div", { class: "menu__list", role: "menu" }, children.map((row) => button(row.name, {
      class: "menu__item", role: "menuitem", test: "menu-item", "data-name": row.name, click: () => { opened?.close(); act(row); } })));
    const outside = (event) => !node.contains(event.target) && opened?.close();
    document.addEventListener("pointerdown", outside, true);
    const entry = layer(one.parentElement, list, { trap: false, closed: () => {
      document.removeEventListener("pointerdown", outside, true);
      opened = null;
    } });
    opened = { of: one, close: entry.close };
  }

  function act(row) {
    const kinds = {
      click: () => phone.act({ click: row.key }),
      view: () => { push(phone.account, phone.person, { view: row.url }); phone.acts.open(row.url); },
      miniprogram: () => phone.acts.mini(row.appid, row.pagepath || ""),
      scancode_push: () => scanSheet(phone),
      scancode_waitmsg: () => scanSheet(phone),
      pic_sysphoto: () => photoSheet(phone),
      pic_photo_or_album: () => photoSheet(phone),
      pic_weixin: () => photoSheet(phone),
      location_select: () => placeSheet(phone),
    };
    if (kinds[row.type]) kinds[row.type]();
    else toast(`这里还不会点「${row.type}」类的菜单`, true);
  }

  reload();
  return bar;
}
