// Trainings replayed in the player: of each its images and its curves, with one cursor for all of them.
// data: {identity, label, first (what the player counts from), rate, unit ("epoch"), at (number of the frame it opens with), frames: [epochs], trainings: [{title, text, alt, pictures: [{epoch, address}], epochs: [numbers],
//        panels: [{title, range: [low, high] or null, lines: [{name, colour, dash, values}]}],
//        matrix: [[tn, fp, fn, tp] by row], cases: [{address, label}], chances: [[probabilities] by row], kernels: [[[numbers] each] by row]}],
//        names: [of both classes], colours: [of both classes], follow (whether new frames are shown as they come), growing (whether curves end at the cursor)}
// A frame shows the last image kept by its epoch, and matrix, images and kernels as they stood then. Pointing at a curve goes
// there. Data of the same identity with more rows is a training that goes on: nothing is built anew.

import { written } from "./board.js";
import { attach } from "./player.js";

const DASHES = { solid: [], dash: [8, 4], dot: [2, 3], dashdot: [8, 3, 2, 3], longdash: [14, 4], longdashdot: [14, 3, 2, 3] };
const HIGH = 150, LEFT = 46, BELOW = 20, ABOVE = 8;

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".root");
  if (root.identity !== data.identity) build(root, data);
  else root.grow?.(data);
}

function build(root, data) {
  root.identity = data.identity;
  root.watcher?.disconnect();
  root.innerHTML = `<div class="steps"></div><div class="trainings"></div>`;
  const player = root.firstElementChild, all = data.trainings.map((training) => one(root.lastElementChild, training, data.unit ?? "epoch", data.growing));
  let frames = data.frames;
  const configured = () => ({
    frames: frames.length, at: data.at ?? frames.length - 1, rate: data.rate ?? 1, loop: false, first: data.first, label: data.label, title: "the training", keys: root,
    draw: (at) => all.forEach((each) => each.show(frames[at])),
    caption: (at) => (data.unit ? "" : `After ${frames[at]} ${frames[at] === 1 ? "epoch" : "epochs"}.`),
  });
  const go = attach(player, configured());
  all.forEach((each) => { each.seek = (epoch) => {
    const away = frames.map((frame) => Math.abs(frame - epoch));
    go.seek(away.indexOf(Math.min(...away)));
  }; });
  root.grow = (more) => {
    if (more.frames.length === frames.length) return;
    const atEnd = go.at === frames.length - 1;
    frames = more.frames;
    all.forEach((each, n) => each.grow(more.trainings[n]));
    attach(player, configured());
    if (more.follow && atEnd) go.seek(frames.length - 1, { settle: false });
    else go.redraw();
  };
  root.watcher = new ResizeObserver(() => all.forEach((each) => each.draw()));
  root.watcher.observe(root);
}

function one(host, given, unit, growing) {
  let training = given;
  const box = document.createElement("section");
  box.innerHTML = `<h4></h4><div class="both"><figure><div class="images"></div><figcaption></figcaption></figure><div class="curves"></div></div><p class="note"></p>`;
  box.querySelector(".both").insertAdjacentHTML("afterend", `<div class="now"><div class="cases"></div><div class="counts"></div><figure class="kernels"><div></div><figcaption>First kernels</figcaption></figure></div>`);
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
  find("figure").hidden = !training.pictures.length && !training.alt;
  const [cases, counts, kernels] = [find(".cases"), find(".counts"), find(".kernels")];
  find(".now").hidden = !training.cases?.length;
  (training.cases ?? []).forEach(({ address, label }) => {
    cases.insertAdjacentHTML("beforeend", `<figure><img alt=""><div class="chance"><i></i></div><figcaption></figcaption></figure>`);
    cases.lastElementChild.querySelector("img").src = address;
    cases.lastElementChild.querySelector("img").alt = `A validation image, ${training.names[label]}`;
  });
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
  const view = { show, draw, grow, seek: null };
  let epoch = 0;

  const last = () => training.epochs.at(-1) || 1;

  function grow(more) {
    training = more;
    more.panels.forEach((panel, n) => { if (panels[n]) panels[n].lines = panel.lines; });
  }

  function row() {  // the last one at or before the epoch
    let found = 0;
    training.epochs.forEach((each, n) => { if (each <= epoch) found = n; });
    return found;
  }

  panels.forEach(({ canvas }) => {
    canvas.onpointerdown = canvas.onpointermove = (event) => {
      if (event.type === "pointermove" && !event.buttons) return;
      const { left, width } = canvas.getBoundingClientRect();
      view.seek?.(((event.clientX - left - LEFT) / (width - LEFT - 6)) * last());
    };
  });

  function show(now) {
    epoch = now;
    let at = 0;
    training.pictures.forEach((each, n) => { if (each.epoch <= now) at = n; });
    [...images.children].forEach((image, n) => { image.hidden = n !== at; });
    find("figcaption").textContent = training.pictures.length ? `${training.alt} after ${training.pictures[at].epoch} ${training.pictures[at].epoch === 1 ? "epoch" : "epochs"}` : "This run kept no samples from its training.";
    if (training.cases?.length) look(row());
    draw();
  }

  function look(at) {
    const { names, colours } = training, [tn, fp, fn, tp] = training.matrix[at] ?? [];
    [...cases.children].forEach((figure, n) => {
      const chance = training.chances[at]?.[n], { label } = training.cases[n], right = chance >= 0.5 === (label === 1);
      figure.querySelector("i").style.cssText = `width:${100 * (chance ?? 0)}%;background:${colours[1]}`;
      figure.querySelector("figcaption").innerHTML = `<span>${names[label]}</span> <b>${chance === undefined ? "–" : written(chance, 2)}</b> ${right ? "✓" : "✗"}`;
    });
    const whole = [tn + fp, fn + tp];
    const cell = (count, of, good) => `<td style="background:color-mix(in srgb, ${good ? "#009E73" : "#D55E00"} ${Math.round(60 * (count / (whole[of] || 1)))}%, transparent)">${count}</td>`;
    counts.innerHTML = tn === undefined ? "" : `<table><caption>Validation, called at .5</caption><tr><th></th>${names.map((each) => `<th scope="col">called ${each}</th>`).join("")}</tr>
      <tr><th scope="row">${names[0]}</th>${cell(tn, 0, true)}${cell(fp, 0, false)}</tr><tr><th scope="row">${names[1]}</th>${cell(fn, 1, false)}${cell(tp, 1, true)}</tr></table>`;
    const drawn = training.kernels[at] ?? [], most = Math.max(1e-6, ...training.kernels.flat(2).map(Math.abs));
    kernels.hidden = !drawn.length;
    kernels.firstElementChild.innerHTML = drawn.map((numbers) => {
      const side = Math.round(Math.sqrt(numbers.length));
      const boxes = numbers.map((value, n) => `<rect x="${n % side}" y="${Math.floor(n / side)}" width="1.02" height="1.02" fill="${value < 0 ? "#0072B2" : "#D55E00"}" opacity="${(Math.abs(value) / most).toFixed(2)}"/>`).join("");
      return `<svg viewBox="0 0 ${side} ${side}" width="34" height="34" role="img" aria-label="${numbers.map((value) => written(value, 2)).join(" ")}">${boxes}</svg>`;
    }).join("");
  }

  function draw() {
    const at = row(), end = last();
    for (const { canvas, lines, range, part, title } of panels) {
      const scale = window.devicePixelRatio || 1, width = canvas.getBoundingClientRect().width || 300, pen = canvas.getContext("2d");
      if (canvas.width !== Math.round(width * scale)) [canvas.width, canvas.height] = [Math.round(width * scale), HIGH * scale];
      pen.setTransform(scale, 0, 0, scale, 0, 0);
      pen.clearRect(0, 0, width, HIGH);
      const numbers = lines.flatMap(({ values }) => values).filter(Number.isFinite);
      const [low, high] = range ?? [Math.min(0, ...numbers), Math.max(...numbers, 1e-9) * 1.05];
      const x = (each) => LEFT + (each / end) * (width - LEFT - 6), y = (value) => HIGH - BELOW - ((value - low) / (high - low || 1)) * (HIGH - BELOW - ABOVE);
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
      pen.fillText(`${unit} ${end}`, width - 28, HIGH - 5);
      pen.lineWidth = 2;
      for (const { colour, dash, values } of lines) {
        pen.strokeStyle = colour;
        pen.setLineDash(DASHES[dash] ?? []);
        pen.beginPath();
        let down = false;
        values.forEach((value, n) => {
          if (!Number.isFinite(value) || (growing && training.epochs[n] > epoch)) { down = false; return; }
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
      const said = lines.map(({ values }) => (Number.isFinite(values[at]) ? written(values[at], 3) : "–"));
      part.querySelectorAll("b").forEach((each, n) => { each.textContent = said[n]; });
      canvas.setAttribute("aria-label", `${title} at ${unit} ${training.epochs[at]}: ${lines.map(({ name }, n) => `${name} ${said[n]}`).join(", ")}`);
    }
  }
  return view;
}
