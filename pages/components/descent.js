// A ball on the curve w²: gradient descent, step by step. Drag the ball to where it starts, choose the learning rate, and play.
// data: {settings: {w, rate}}. Sends `settings` once the visitor pauses.

import { written } from "./board.js";
import { attach } from "./player.js";
import { component, settling } from "./view.js";

export const STEPS = 20;
const RATES = [0.01, 0.03, 0.1, 0.3, 0.5, 0.9, 1, 1.1], HIGH = 260, EDGE = 3.2;

// Where w is after each of `steps` steps of w ← w − rate · 2w.
export function path(w, rate, steps = STEPS) {
  const places = [w];
  for (let n = 0; n < steps; n += 1) places.push(places[n] - rate * 2 * places[n]);
  return places;
}

export default component(build);

function build(root) {
  root.innerHTML = `<div class="row"><label>Learning rate <select aria-label="Learning rate">${RATES.map((each) => `<option>${each}</option>`).join("")}</select></label>
    <span class="hint">Drag the ball to where it starts.</span></div><canvas role="img" tabindex="0"></canvas><div class="steps"></div>`;
  const find = (selector) => root.querySelector(selector), canvas = find("canvas"), select = find("select");
  let settings = { w: 1, rate: 0.1 }, places = path(1, 0.1), at = 0, player = null;
  const view = { take }, keep = settling(view, () => settings);

  function take(data) {
    const wanted = { ...settings, ...data.settings };
    if (!RATES.includes(wanted.rate)) wanted.rate = settings.rate;
    // What comes back is what was sent a moment ago: the ball rolls on.
    if (player && wanted.w === settings.w && wanted.rate === settings.rate) return;
    settings = wanted;
    select.value = String(settings.rate);
    again();
  }

  function again() {
    places = path(settings.w, settings.rate);
    player = attach(find(".steps"), { frames: STEPS + 1, first: 0, at: 0, rate: 2, loop: false, label: "Step", title: "gradient descent", keys: root, draw, caption });
    player.seek(0, { settle: false });
  }

  function caption(step) {
    const w = places[step];
    if (!step) return `w = ${written(w, 3)}. The slope there is 2w = ${written(2 * w, 3)}.`;
    const before = places[step - 1];
    return `w = ${written(before, 3)} − ${settings.rate} × ${written(2 * before, 3)} = ${written(w, 3)}.`;
  }

  select.onchange = () => { settings = { ...settings, rate: Number(select.value) }; again(); keep(); };
  let dragging = false;
  canvas.onpointerdown = (event) => { dragging = true; canvas.setPointerCapture(event.pointerId); drag(event); };
  canvas.onpointermove = (event) => { if (dragging) drag(event); };
  canvas.onpointerup = () => { dragging = false; };
  canvas.onkeydown = (event) => {
    const by = { a: -0.1, d: 0.1 }[event.key];
    if (by) { settings = { ...settings, w: Math.round(Math.min(3, Math.max(-3, settings.w + by)) * 100) / 100 }; again(); keep(); }
  };

  function drag(event) {
    const { left, width } = canvas.getBoundingClientRect();
    const w = (((event.clientX - left) / width) * 2 - 1) * EDGE;
    settings = { ...settings, w: Math.round(Math.min(3, Math.max(-3, w)) * 100) / 100 };
    again();
    keep();
  }

  function draw(step = at) {
    at = step;
    const scale = window.devicePixelRatio || 1, width = canvas.getBoundingClientRect().width || 480, pen = canvas.getContext("2d");
    if (canvas.width !== Math.round(width * scale)) [canvas.width, canvas.height] = [Math.round(width * scale), HIGH * scale];
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, HIGH);
    const text = getComputedStyle(canvas).color, x = (w) => ((w / EDGE + 1) / 2) * width, y = (value) => HIGH - 26 - (value / 10) * (HIGH - 40);
    pen.strokeStyle = pen.fillStyle = text;
    pen.globalAlpha = 0.4;
    pen.beginPath(); pen.moveTo(0, y(0)); pen.lineTo(width, y(0)); pen.stroke();
    pen.font = "12px sans-serif"; pen.textAlign = "center";
    for (const w of [-3, -2, -1, 0, 1, 2, 3]) pen.fillText(String(w), x(w), HIGH - 8);
    pen.globalAlpha = 1;
    pen.lineWidth = 2;
    pen.beginPath();
    for (let w = -EDGE; w <= EDGE; w += 0.05) pen.lineTo(x(w), y(w * w));
    pen.stroke();
    pen.strokeStyle = "#D55E00"; pen.fillStyle = "#D55E00"; pen.lineWidth = 1.2;
    pen.beginPath();
    places.slice(0, step + 1).forEach((w) => pen.lineTo(x(w), y(w * w)));
    pen.stroke();
    places.slice(0, step + 1).forEach((w, n) => { pen.globalAlpha = n === step ? 1 : 0.45; pen.beginPath(); pen.arc(x(w), y(w * w), n === step ? 9 : 4, 0, 7); pen.fill(); });
    pen.globalAlpha = 1;
    const w = places[step];
    if (Math.abs(w) > EDGE) { pen.textAlign = w > 0 ? "right" : "left"; pen.fillText(`w = ${written(w, 3)}: out of the frame`, w > 0 ? width - 8 : 8, 18); }
    canvas.setAttribute("aria-label", `The curve of w squared with a ball at w = ${written(w, 3)} after ${step} steps. Keys a and d move its start.`);
  }
  return view;
}
