// Pictures to send: drawn ones, no two alike, and files made as small as WeChat makes them.

import { placeNow } from "./places.js";
import { now, personName } from "./state.js";
import { clockFace } from "./when.js";

const LONG_SIDE = 1600;
export const SAMPLES = [
  { name: "cattle", words: "牛棚" },
  { name: "field", words: "庄稼" },
  { name: "house", words: "住房" },
  { name: "paper", words: "单据" },
];

/** A file of the person as base64 JPEG, at most 1600 pixels long. Throws when it is no picture. */
export async function readPicture(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error("这个文件不是照片，请选 JPG 或 PNG");
  }
  const scale = Math.min(1, LONG_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.85).split(",")[1];
}

/** A fresh picture of a camera: time and place stand on it, and the light is never the same, as outside. */
export async function takePhoto(phone) {
  const { name } = SAMPLES[Math.floor(Math.random() * (SAMPLES.length - 1))];
  const canvas = drawSample(name, phone);
  const pen = canvas.getContext("2d");
  for (let number = 0; number < 8; number += 1) {
    oval(pen, number % 2 ? "rgba(0,0,0,.28)" : "rgba(255,255,255,.32)", Math.random() * 800, Math.random() * 520, 60 + Math.random() * 160, 50 + Math.random() * 120);
  }
  watermark(pen, phone);
  return canvas.toDataURL("image/jpeg", 0.85).split(",")[1];
}

/** Draw a sample picture. Small things lie elsewhere each time, so that two pictures never have the same bytes. */
export function drawSample(name, phone) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 800, height: 600 });
  const pen = canvas.getContext("2d");
  ({ cattle, field, house, paper })[name](pen, (from, to) => from + Math.random() * (to - from));
  watermark(pen, phone);
  return canvas;
}

function fill(pen, colour, x, y, width, height) {
  pen.fillStyle = colour;
  pen.fillRect(x, y, width, height);
}

function shape(pen, colour, points) {
  pen.fillStyle = colour;
  pen.beginPath();
  points.forEach(([x, y], index) => (index ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.fill();
}

function oval(pen, colour, x, y, rx, ry) {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.ellipse(x, y, rx, ry, 0, 0, 7);
  pen.fill();
}

function sky(pen, ground) {
  const light = pen.createLinearGradient(0, 0, 0, 360);
  light.addColorStop(0, "#9cc7ea");
  light.addColorStop(1, "#e6f1f8");
  fill(pen, light, 0, 0, 800, 360);
  fill(pen, ground, 0, 340, 800, 260);
}

function cattle(pen, any) {
  sky(pen, "#b89a6b");
  shape(pen, "#7d8b96", [[60, 210], [400, 120], [740, 210], [740, 240], [60, 240]]);
  for (const x of [80, 390, 700]) fill(pen, "#5c4a3a", x, 230, 20, 190);
  for (let number = 0; number < 4; number += 1) cow(pen, 110 + number * 165 + any(-18, 18), any(330, 400), number % 2 ? "#8a5a34" : "#a56b3e");
  fill(pen, "#6f5338", 60, 470, 680, 16);
  fill(pen, "#6f5338", 60, 510, 680, 16);
  for (const x of [60, 220, 390, 560, 724]) fill(pen, "#5c4a3a", x, 450, 18, 110);
}

function cow(pen, x, y, colour) {
  for (const leg of [8, 32, 84, 106]) fill(pen, "#5f3d22", x + leg, y + 40, 12, 56);
  oval(pen, colour, x + 64, y + 24, 66, 36);
  oval(pen, colour, x + 138, y - 2, 26, 21);
  shape(pen, "#efe6d6", [[x + 128, y - 18], [x + 122, y - 38], [x + 140, y - 22]]);
  oval(pen, "#2b2018", x + 144, y - 6, 3, 3);
}

function field(pen, any) {
  sky(pen, "#8fae57");
  oval(pen, "#7fa1b5", 200, 345, 260, 50);
  oval(pen, "#88a98f", 620, 350, 280, 60);
  fill(pen, "#8fae57", 0, 350, 800, 250);
  for (let row = 0; row < 9; row += 1) {
    shape(pen, row % 2 ? "#7b9a45" : "#9bbb62", [[row * 120 - 120, 600], [row * 120, 600], [400 + (row - 3.5) * 34, 352], [400 + (row - 4) * 34, 352]]);
  }
  for (let number = 0; number < 60; number += 1) oval(pen, "#d9c45c", any(0, 800), any(400, 590), any(3, 7), any(5, 10));
}

function house(pen, any) {
  sky(pen, "#a9b48a");
  fill(pen, "#e8dcc6", 150, 250, 500, 220);
  shape(pen, "#8d4b3c", [[120, 260], [400, 140], [680, 260]]);
  for (const x of [200, 520]) { fill(pen, "#4d6b80", x, 300, 90, 80); fill(pen, "#d5e4ec", x + 6, 306, any(30, 40), 68); }
  fill(pen, "#7a4a2c", 360, 320, 80, 150);
  oval(pen, "#5f7f45", 90, any(300, 330), 60, 90);
  fill(pen, "#6b4d34", 82, 390, 16, 90);
}

function paper(pen, any) {
  fill(pen, "#8a6a4c", 0, 0, 800, 600);
  pen.save();
  pen.translate(400, 300);
  pen.rotate(any(-0.05, 0.05));
  fill(pen, "#fbfaf5", -250, -250, 500, 500);
  pen.fillStyle = "#333";
  pen.font = "bold 34px sans-serif";
  pen.textAlign = "center";
  pen.fillText("收 据（样张）", 0, -180);
  for (let row = 0; row < 7; row += 1) fill(pen, "#b8b8b2", -200, -120 + row * 46, any(220, 400), 10);
  pen.strokeStyle = "#c8463c";
  pen.lineWidth = 5;
  pen.beginPath();
  pen.arc(140, 170, 56, 0, 7);
  pen.stroke();
  pen.restore();
}

function watermark(pen, phone) {
  const face = clockFace(now());
  const place = placeNow(phone.person);
  pen.textAlign = "left";
  pen.font = "24px sans-serif";
  fill(pen, "rgba(0,0,0,.38)", 0, 528, 800, 72);
  pen.fillStyle = "#fff";
  pen.fillText(`${face.day} ${face.time}:${face.seconds}　${personName(phone.person)}`, 18, 558);
  pen.fillText(`${place.label}　${place.lat}, ${place.lng}`, 18, 588);
}
