// Trainings replayed in the player: of each its images and its curves, with one cursor for all of them.
// data: {identity, label, at (number of the frame it opens with), frames: [epochs], trainings: [{title, text, alt, pictures: [{epoch, address}], epochs: [numbers],
//        panels: [{title, range: [low, high] or null, lines: [{name, colour, dash, values}]}]}]}
// A frame shows the last image kept by its epoch. Pointing at a curve says its values there.

import { written } from "./board.js";
import { attach } from "./player.js";

const DASHES = { solid: [], dash: [8, 4], dot: [2, 3], dashdot: [8, 3, 2, 3], longdash: [14, 4], longdashdot: [14, 3, 2, 3] };
const HIGH = 150, LEFT = 46, BELOW = 20, ABOVE = 8;

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".root");
  if (root.identity !== data.identity) build(root, data);
}

function build(root, data) {
  root.identity = data.identity;
  root.watcher?.disconnect();
  root.innerHTML = `<div class="steps"></div><div class="trainings"></div>`;
  const player = root.firstElementChild, all = data.trainings.map((training) => one(root.lastElementChild, training));
  const go = attach(player, {
    frames: data.frames.length, at: data.at ?? data.frames.length - 1, rate: 1, loop: false, label: data.label, title: "the training", keys: root,
    draw: (at) => all.forEach((each) => each.show(data.frames[at])),
    caption: (at) => `After ${data.frames[at]} ${data.frames[at] === 1 ? "epoch" : "epochs"}.`,
  });
  all.forEach((each) => { each.seek = (epoch) => {
    const away = data.frames.map((frame) => Math.abs(frame - epoch));
    go.seek(away.indexOf(Math.min(...away)));
  }; });
  root.watcher = new ResizeObserver(() => all.forEach((each) => each.draw()));
  root.watcher.observe(root);
}

function one(host, training) {
  const box = document.createElement("section");
  box.innerHTML = `<h4></h4><div class="both"><figure><div class="images"></div><figcaption></figcaption></figure><div class="curves"></div></div><p class="note"></p>`;
  host.append(box);
  const find = (selector) => box.querySelector(selector), images = find(".images"), curves = find(".curves");
  find("h4").textContent = training.title;
  find(".note").textContent = training.text;
  for (const { address } of training.pictures) {
    const image = new Image();
    image.src = address;
    image.alt = training.alt;
    image.hidden = true;
    images.append(image);
  }
  const panels = training.panels.map((panel) => {
    const part = document.createElement("div");
    part.className = "panel";
    part.innerHTML = `<strong></strong><canvas role="img"></canvas><div class="legend"></div>`;
    part.querySelector("strong").textContent = panel.title;
    part.querySelector(".legend").innerHTML = panel.lines.map(({ colour, dash }) => `<span><svg width="26" height="8" aria-hidden="true"><line x1="0" y1="4" x2="26" y2="4" stroke="${colour}" stroke-width="2.5" stroke-dasharray="${DASHES[dash]?.join(" ") ?? ""}"/></svg> <span class="name"></span> <b class="number"></b></span>`).join("");
    part.querySelectorAll(".name").forEach((each, n) => { each.textContent = panel.lines[n].name; });
    curves.append(part);
    return { ...panel, part, canvas: part.querySelector("canvas") };
  });
  const view = { show, draw, seek: null };
  let epoch = 0;

  const last = training.epochs.at(-1) || 1;
  panels.forEach(({ canvas }) => {
    canvas.onpointerdown = canvas.onpointermove = (event) => {
      if (event.type === "pointermove" && !event.buttons) return;
      const { left, width } = canvas.getBoundingClientRect();
      view.seek?.(((event.clientX - left - LEFT) / (width - LEFT - 6)) * last);
    };
  });

  function show(now) {
    epoch = now;
    let at = 0;
    training.pictures.forEach((each, n) => { if (each.epoch <= now) at = n; });
    [...images.children].forEach((image, n) => { image.hidden = n !== at; });
    find("figcaption").textContent = training.pictures.length ? `${training.alt} after ${training.pictures[at].epoch} ${training.pictures[at].epoch === 1 ? "epoch" : "epochs"}` : "This run kept no samples from its training.";
    draw();
  }

  function draw() {
    let row = 0;  // the last row at or before the epoch
    training.epochs.forEach((each, n) => { if (each <= epoch) row = n; });
    for (const { canvas, lines, range, part, title } of panels) {
      const scale = window.devicePixelRatio || 1, width = canvas.getBoundingClientRect().width || 300, pen = canvas.getContext("2d");
      if (canvas.width !== Math.round(width * scale)) [canvas.width, canvas.height] = [Math.round(width * scale), HIGH * scale];
      pen.setTransform(scale, 0, 0, scale, 0, 0);
      pen.clearRect(0, 0, width, HIGH);
      const numbers = lines.flatMap(({ values }) => values).filter(Number.isFinite);
      const [low, high] = range ?? [Math.min(0, ...numbers), Math.max(...numbers, 1e-9) * 1.05];
      const x = (each) => LEFT + (each / last) * (width - LEFT - 6), y = (value) => HIGH - BELOW - ((value - low) / (high - low || 1)) * (HIGH - BELOW - ABOVE);
      const text = getComputedStyle(canvas).color;
      pen.font = `11px ${getComputedStyle(canvas).getPropertyValue("--st-font") || "sans-serif"}`;
      pen.fillStyle = pen.strokeStyle = text;
      pen.textAlign = "right";
      pen.lineWidth = 1;
      for (const share of [0, 0.5, 1]) {
        const value = low + share * (high - low);
        pen.globalAlpha = 0.2;
        pen.beginPath(); pen.moveTo(LEFT, y(value)); pen.lineTo(width - 6, y(value)); pen.stroke();
        pen.globalAlpha = 1;
        pen.fillText(written(value), LEFT - 6, y(value) + 4);
      }
      pen.textAlign = "center";
      pen.fillText("0", LEFT, HIGH - 5);
      pen.fillText(`epoch ${last}`, width - 28, HIGH - 5);
      pen.lineWidth = 2;
      for (const { colour, dash, values } of lines) {
        pen.strokeStyle = colour;
        pen.setLineDash(DASHES[dash] ?? []);
        pen.beginPath();
        let down = false;
        values.forEach((value, n) => {
          if (!Number.isFinite(value)) { down = false; return; }
          const place = [x(training.epochs[n]), y(Math.min(Math.max(value, low), high))];
          if (down) pen.lineTo(...place); else pen.moveTo(...place);
          down = true;
        });
        pen.stroke();
      }
      pen.setLineDash([4, 3]);
      pen.strokeStyle = text;
      pen.lineWidth = 1.5;
      pen.beginPath(); pen.moveTo(x(epoch), ABOVE); pen.lineTo(x(epoch), HIGH - BELOW); pen.stroke();
      pen.setLineDash([]);
      const said = lines.map(({ values }) => (Number.isFinite(values[row]) ? written(values[row], 3) : "–"));
      part.querySelectorAll("b").forEach((each, n) => { each.textContent = said[n]; });
      canvas.setAttribute("aria-label", `${title} at epoch ${training.epochs[row]}: ${lines.map(({ name }, n) => `${name} ${said[n]}`).join(", ")}`);
    }
  }
  return view;
}
