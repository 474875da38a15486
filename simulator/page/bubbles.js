// One entry of a conversation as the phone shows it.

import { mounted } from "./api.js";
import { avatar, button, h, icon } from "./dom.js";
import { richText } from "./richtext.js";

const EVENTS = {
  subscribe: "关注了公众号", unsubscribe: "取消了关注", SCAN: "扫了二维码", CLICK: "点了菜单", VIEW: "打开了菜单链接",
  user_enter_tempsession: "进入了客服会话", LOCATION: "上报了位置",
};

/** The address of a picture or a voice: of this simulator, or of elsewhere when it is absolute. */
function media(url) {
  return /^https?:/i.test(url) ? url : mounted(url).href;
}

function text(entry, acts) {
  return h("div", { class: "bubble" }, richText(entry.text || "", acts));
}

function image(entry, acts) {
  const alt = entry.from === "user" ? "发出的照片" : "收到的图片";
  if (!entry.url) return h("div", { class: "bubble bubble_dim" }, `[图片 ${entry.media_id}]`);
  const picture = h("img", { class: "picture__img", src: media(entry.url), alt, loading: "lazy", on: { load: acts.grown } });
  return button(picture, { class: "picture", test: "picture", label: "看大图", click: () => acts.enlarge(media(entry.url)) });
}

function voice(entry) {
  const seconds = Math.min(60, Math.max(2, Math.round((entry.text || "").length / 4)));
  const line = h("div", { class: "bubble voice" }, icon("waves"), h("span", {}, `${seconds}″`));
  return [line, entry.text ? h("div", { class: "heard" }, entry.text) : null];
}

function video(entry) {
  const body = entry.url
    ? h("video", { class: "picture__img", src: media(entry.url), controls: true, preload: "metadata" })
    : h("span", { class: "video__empty" }, icon("play"), "视频");
  return h("div", { class: "picture picture_video" }, body);
}

function location(entry) {
  return h("div", { class: "card place" },
    h("div", { class: "place__label" }, entry.label || "位置"),
    h("div", { class: "place__at" }, `${Number(entry.lat).toFixed(5)}, ${Number(entry.lng).toFixed(5)}`),
    h("div", { class: "place__map", "aria-hidden": "true" }, icon("place", "icon place__pin")));
}

function linkCard(entry, acts) {
  return button([h("span", { class: "card__title" }, entry.title || entry.url), h("span", { class: "card__text" }, entry.description || "")],
    { class: "card card_link", test: "link", "data-url": entry.url, click: () => acts.open(entry.url) });
}

function templateCard(entry, acts) {
  const rows = (entry.rows || []).map((row) => h("div", { class: "notice__row" },
    h("dt", {}, row.label), h("dd", {}, row.value)));
  const mini = entry.miniprogram?.appid ? entry.miniprogram : entry.page ? { appid: "", pagepath: entry.page } : null;
  const act = mini ? () => acts.mini(mini.appid, mini.pagepath || "") : entry.url ? () => acts.open(entry.url) : null;
  const more = act && h("span", { class: "notice__more" }, mini ? "进入小程序" : "查看详情", icon("next"));
  const inside = [h("span", { class: "notice__title" }, entry.title || "通知"), h("dl", { class: "notice__rows" }, rows), more];
  if (!act) return h("div", { class: "notice" }, inside);
  return h("div", { class: "notice notice_open", role: "link", tabindex: "0", test: "card-detail", data: { url: entry.url || mini.pagepath || "" },
    on: { click: act, keydown: (event) => event.key === "Enter" && act() } }, inside);
}

function news(entry, acts) {
  return h("div", { class: "news" }, (entry.articles || []).map((article) => button([
    article.picurl ? h("img", { class: "news__img", src: media(article.picurl), alt: "" }) : null,
    h("span", { class: "card__title" }, article.title), h("span", { class: "card__text" }, article.description || "")],
  { class: "card card_link", test: "link", "data-url": article.url, click: () => acts.open(article.url) })));
}

function choices(entry, acts) {
  const item = (one) => h("button", { type: "button", class: "msgmenu__item", test: "choice", data: { menuId: one.id },
    on: { click: () => acts.choose(one.id, one.content) } }, one.content);
  return h("div", { class: "bubble msgmenu" },
    entry.head ? h("div", { class: "msgmenu__head" }, richText(entry.head, acts)) : null,
    h("div", { class: "msgmenu__list" }, (entry.items || []).map(item)),
    entry.tail ? h("div", { class: "msgmenu__tail" }, richText(entry.tail, acts)) : null);
}

function miniCard(entry, acts) {
  return button([h("span", { class: "card__text" }, icon("mini"), "小程序"), h("span", { class: "card__title" }, entry.title || ""),
    entry.url ? h("img", { class: "news__img", src: media(entry.url), alt: "" }) : null],
  { class: "card card_link", test: "link", click: () => acts.mini(entry.appid, entry.pagepath) });
}

const KINDS = { text, image, voice, video, shortvideo: video, location, link: linkCard, news, msgmenu: choices, miniprogrampage: miniCard, music: linkCard };

/** The list item of an entry. Cards and system lines stand in the middle, the rest beside an avatar. */
export function bubble(entry, names, acts) {
  const mine = entry.from === "user";
  const data = { from: mine ? "me" : "account", kind: entry.type, via: entry.via, id: entry.id };
  const item = (className, ...children) => h("div", { class: `item ${className}`, test: "bubble", data }, ...children);
  if (entry.type === "event") return item("item_line", h("span", { class: "line" }, eventWords(entry, acts)));
  if (entry.type === "notice") return item("item_line", h("span", { class: "line line_bad" }, entry.text));
  if (entry.type === "template") return item("item_card", templateCard(entry, acts));
  const render = KINDS[entry.type];
  const body = render ? render(entry, acts) : h("div", { class: "bubble bubble_dim" }, `[${entry.type}]`);
  const face = mine ? avatar(names.person) : avatar(names.account, { account: true });
  return item(mine ? "item_mine" : "item_theirs", face, h("div", { class: "item__body" }, body));
}

function eventWords(entry, acts) {
  const words = EVENTS[entry.event] || entry.event;
  const name = entry.key ? acts.menuName(entry.key) : "";
  return name ? `${words}「${name}」` : words;
}
