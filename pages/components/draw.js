// A sheet to draw one character on, bright on dark, with mouse, finger or pen; beside it what the network says, while one draws.
// data: {top: [[character, probability]], seen (data URL) or null, note, begin (whether something is drawn already)}
// Sends `drawing` {pixels (uint8, base64), side} as one draws.

import { base64 } from "./bytes.js";
import { component } from "./view.js";

const SIDE = 280, SENT = 96, EVERY_MS = 150, STEP = 0.05;

export default component(build);

function build(root) {
  root.innerHTML = `<div class="two"><div><canvas class="sheet" width="${SIDE}" height="${SIDE}" role="img" aria-label="A sheet to draw a character on with the pointer"></canvas>
      <div class="row"><label>Thickness <input type="range" class="thick" min="6" max="40" value="20"></label><button type="button" class="wipe">Wipe</button>
      <span class="move">${["←", "→", "↑", "↓"].map((each, n) => `<button type="button" data-n="${n}" aria-label="Move the drawing ${["left", "right", "up", "down"][n]}">${each}</button>`).join("")}</span></div></div>
    <div class="said"><ol class="top"></ol><p class="note"></p><figure><img class="seen" alt="What the network was given" hidden><figcaption hidden>What the network was given</figcaption></figure></div></div>`;
  const find = (selector) => root.querySelector(selector), canvas = find(".sheet"), pen = canvas.getContext("2d", { willReadFrequently: true });
  let strokes = [], current = null, sent = 0, timer = 0, known = false;
  const view = { take };

  function paint() {
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, SIDE, SIDE);
    pen.strokeStyle = pen.fillStyle = "#fff";
    pen.lineCap = pen.lineJoin = "round";
    for (const { points, thick } of strokes) {
      pen.lineWidth = thick;
      pen.beginPath();
      points.forEach(([x, y], n) => (n ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      if (points.length === 1) pen.lineTo(points[0][0] + 0.1, points[0][1]);
      pen.stroke();
    }
  }

  function send() {
    clearTimeout(timer);
    sent = performance.now();
    const small = document.createElement("canvas");
    small.width = small.height = SENT;
    const context = small.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(canvas, 0, 0, SENT, SENT);
    const grey = context.getImageData(0, 0, SENT, SENT).data.filter((_, n) => n % 4 === 0);
    view.set("drawing", strokes.length ? { pixels: base64(new Uint8Array(grey)), side: SENT } : null);
  }

  function soon() {  // while one draws, at most so often
    clearTimeout(timer);
    timer = setTimeout(send, Math.max(0, EVERY_MS - (performance.now() - sent)));
  }

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  };
  canvas.onpointerdown = (event) => {
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    current = { points: [place(event)], thick: Number(find(".thick").value) };
    strokes.push(current);
    paint();
    soon();
  };
  canvas.onpointermove = (event) => {
    if (!current) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) current.points.push(place(each));
    paint();
    soon();
  };
  canvas.onpointerup = canvas.onpointercancel = () => { if (current) { current = null; send(); } };
  find(".wipe").onclick = () => { strokes = []; paint(); send(); };
  find(".thick").onchange = () => { strokes.forEach((each) => { each.thick = Number(find(".thick").value); }); paint(); if (strokes.length) send(); };
  find(".move").onclick = ({ target }) => {
    if (target.dataset.n === undefined || !strokes.length) return;
    const by = [[-1, 0], [1, 0], [0, -1], [0, 1]][Number(target.dataset.n)].map((each) => each * STEP * SIDE);
    strokes.forEach((each) => { each.points = each.points.map(([x, y]) => [x + by[0], y + by[1]]); });
    paint();
    send();
  };

  function take(data) {
    if (!known && data.begin) {  // an O that could be a 0, so that there is something to see and to change
      strokes = [{ points: Array.from({ length: 41 }, (_, n) => [140 + 62 * Math.sin((n * Math.PI) / 20), 140 - 92 * Math.cos((n * Math.PI) / 20)]), thick: 20 }];
      paint();
      setTimeout(send, 0);
    }
    known = true;
    find(".top").innerHTML = data.top.map(([character, probability], n) => `<li class="${n ? "" : "first"}"><b>${character}</b><span class="bar"><i style="width:${(100 * probability).toFixed(1)}%"></i></span><span class="number">${probability.toFixed(3)}</span></li>`).join("");
    find(".note").textContent = data.note ?? "";
    find(".seen").hidden = find("figcaption").hidden = !data.seen;
    if (data.seen) find(".seen").src = data.seen;
  }
  paint();
  return view;
}
