// A head that learns in the browser on cached features: pick images, see it learn, see it fail on another source.
// data: {identity, side, sources: [{title, short, width, tiles, labels, features, held, heldLabels, first}], options, repeats: {sizes, times},
//        names, colours, probe: {title, tile, features}, start: {source, picks, at}}
// tiles are base64 of bytes, features and held of 16-bit floats. picks: a letter a tile, N, P or -.
// Sends `settings` once the visitor has paused.

import { bytes } from "./bytes.js";
import { random } from "./arithmetic.js";
import { auroc, draw, halves, right, scale, scaled, scores, sigmoid, train } from "./heads.js";
import { attach } from "./player.js";
import { component, settling } from "./view.js";

const SYMBOLS = ["●", "▲"], LETTERS = "NP";
const number = (value, digits = 3) => (value === null ? "–" : value.toFixed(digits));
const percent = (value) => `${Math.round(100 * value)}%`;

export default component(build);

function build(root) {
  root.innerHTML = `
    <div class="row sources" role="group" aria-label="Learn from"></div>
    <div class="row marks" role="group" aria-label="A click marks an image as"></div>
    <div class="row draws" role="group" aria-label="Pick at random"></div>
    <div class="tiles" role="group" aria-label="Images to pick from"></div>
    <p class="note count" aria-live="polite"></p>
    <div class="steps"></div>
    <div class="cards">
      <section><h4>While it learns</h4><div class="curve"></div></section>
      <section><h4 class="own"></h4><p class="said number"></p><div class="strip own"></div></section>
      <section><h4 class="foreign"></h4><p class="said number"></p><div class="strip foreign"></div></section>
      <section class="probe"><h4></h4><div class="row"><canvas role="img"></canvas><p class="said number"></p></div></section>
    </div>
    <section class="repeat"><div class="row"><button type="button" class="again"></button><span class="note number" aria-live="polite"></span></div><div class="spread"></div></section>`;
  const find = (selector) => root.querySelector(selector);
  let data = null, state = null, tables = null, frames = null, seen = [], player = null, seed = 1, marking = 0, labels = true, probe = null;
  const view = { take }, settle = settling(view, () => ({ source: state.source, picks: state.picks, at: state.at }));
  const source = () => data.sources[state.source], other = () => data.sources[1 - state.source];

  function take(given) {
    const same = data && given.identity === data.identity, had = data?.probe?.features;
    data = given;
    if (!same) {
      state = { ...given.start };
      controls();
      prepare();
      learn(state.at);
    } else if (given.probe?.features !== had) { readProbe(); show(state.at); }
    readProbe();
    if (frames) show(state.at);
  }

  // --- what is learned ----------------------------------------------------------------------------------------------

  // Features scaled by what the source's tiles are like, which takes no labels.
  function prepare() {
    const raw = data.sources.map((each) => ({ tiles: halves(each.features, each.width), held: halves(each.held, each.width) }));
    const by = scale(raw[state.source].tiles, data.options.least);
    tables = { by, tiles: scaled(raw[state.source].tiles, by), own: scaled(raw[state.source].held, by), foreign: scaled(raw[1 - state.source].held, by) };
    paintTiles();
    readProbe();
    find(".spread").innerHTML = "";
    find(".repeat .note").textContent = "";
  }

  function readProbe() {
    probe = data.probe && tables ? scaled(halves(data.probe.features, source().width), tables.by) : null;
    const box = find(".probe");
    box.hidden = !data.probe;
    if (!data.probe) return;
    box.querySelector("h4").textContent = data.probe.title;
    paint(box.querySelector("canvas"), bytes(data.probe.tile), 0);
    box.querySelector("canvas").setAttribute("aria-label", data.probe.title);
  }

  function picked() {
    const rows = [...state.picks].flatMap((letter, n) => (letter === "-" ? [] : [n]));
    return { rows, labels: rows.map((n) => LETTERS.indexOf(state.picks[n])) };
  }

  function learn(at = Infinity) {
    const { rows, labels: wanted } = picked();
    frames = train(tables.tiles, rows, wanted, data.options);
    const wrong = rows.filter((n, m) => source().labels[n] !== wanted[m]).length, each = [0, 1].map((label) => wanted.filter((one) => one === label).length);
    find(".count").textContent = `${each[0]} picked as ${data.names[0]}, ${each[1]} as ${data.names[1]}` +
      (wrong ? `; ${wrong} of them against the label.` : ".") + (frames ? "" : " Pick at least one of each class.");
    find(".steps").hidden = find(".cards").hidden = !frames;
    marks();
    if (!frames) return;
    const all = (table) => Array.from({ length: table.rows }, (_, n) => n);
    seen = frames.map((frame) => ({
      ...frame,
      own: scores(tables.own, frame.weights, frame.bias, all(tables.own)),
      foreign: scores(tables.foreign, frame.weights, frame.bias, all(tables.foreign)),
    }));
    for (const each of seen) { each.ownArea = auroc(each.own, source().heldLabels); each.foreignArea = auroc(each.foreign, other().heldLabels); }
    state.at = Math.min(at, frames.length - 1);
    player = attach(find(".steps"), {
      frames: frames.length, at: state.at, rate: 16, loop: false, label: "Frame", title: "the head's learning", keys: root,
      onSettle: settle, draw: (frame) => { state.at = frame; show(frame); }, caption: told,
    });
    player.seek(state.at, { settle: false });
    show(state.at);
  }

  const told = (at) => {
    const each = seen[at];
    if (!each) return "";
    return `Step ${each.step}: loss ${number(each.loss)}; AUROC ${number(each.ownArea)} on held-out ${source().short}, ${number(each.foreignArea)} on ${other().short}.`;
  };

  // --- what is shown ------------------------------------------------------------------------------------------------

  function show(at) {
    const each = seen[at];
    if (!each) return;
    const found = scores(tables.tiles, each.weights, each.bias, source().labels.map((_, n) => n));
    root.querySelectorAll(".tile i").forEach((bar, n) => bar.style.setProperty("--share", percent(sigmoid(found[n]))));
    result(".own", each.own, source(), each.ownArea, `Held out: ${source().short}`);
    result(".foreign", each.foreign, other(), each.foreignArea, `Another source: ${other().short}`);
    curve(at);
    if (probe) {
      const [score] = scores(probe, each.weights, each.bias, [0]);
      find(".probe .said").innerHTML = `The new head says ${SYMBOLS[Number(score > 0)]} <strong>${data.names[Number(score > 0)]}</strong>, ${number(100 * sigmoid(score), 1)}% for ${data.names[1]}.`;
    }
  }

  function result(which, found, from, area, title) {
    const box = find(`h4${which}`), good = right(found, from.heldLabels), n = from.heldLabels.length;
    box.textContent = title;
    box.nextElementSibling.innerHTML = `Right for <strong>${good} of ${n}</strong> (${percent(good / n)}), AUROC <strong>${number(area)}</strong>`;
    const most = Math.max(...seen.at(-1)[which.slice(1)].map(Math.abs), 1e-6), x = (score) => 150 + 140 * Math.max(-1, Math.min(1, score / most));
    const dots = from.heldLabels.map((label, m) => `<text x="${x(found[m]).toFixed(1)}" y="${(label ? 68 : 26) + ((m * 7) % 5) * 3 - 6}" fill="${data.colours[label]}">${SYMBOLS[label]}</text>`);
    find(`.strip${which}`).innerHTML = `<svg viewBox="0 0 300 96" role="img" aria-label="Each held-out image by the head's score. Right of the line it says ${data.names[1]}.">
      <line x1="150" x2="150" y1="4" y2="80"></line>${dots.join("")}<text class="axis" x="146" y="94" text-anchor="end">says ${data.names[0]}</text><text class="axis" x="154" y="94">says ${data.names[1]}</text></svg>`;
  }

  function curve(at) {
    const last = seen.at(-1).step, x = (step) => 24 + (step / last) * 268, y = (value) => 110 - 100 * value;
    const line = (name, value) => `<polyline class="${name}" points="${seen.map((each) => `${x(each.step).toFixed(1)},${y(Math.min(value(each) ?? 0, 1)).toFixed(1)}`).join(" ")}"></polyline>`;
    find(".curve").innerHTML = `<svg viewBox="0 0 300 132" role="img" aria-label="Loss and AUROC by step">
      ${[0, 0.5, 1].map((value) => `<line class="grid" x1="24" x2="292" y1="${y(value)}" y2="${y(value)}"></line><text class="axis" x="20" y="${y(value) + 3}" text-anchor="end">${value}</text>`).join("")}
      ${line("loss", (each) => each.loss)}${line("own", (each) => each.ownArea)}${line("foreign", (each) => each.foreignArea)}
      <line class="now" x1="${x(seen[at].step)}" x2="${x(seen[at].step)}" y1="8" y2="112"></line><text class="axis" x="158" y="128" text-anchor="middle">step</text></svg>
      <p class="legend"><span class="own">AUROC, ${source().short}</span><span class="foreign">AUROC, ${other().short}</span><span class="loss">loss</span></p>`;
  }

  // --- tiles and controls -------------------------------------------------------------------------------------------

  function controls() {
    const group = (selector, title, buttons) => {
      find(selector).innerHTML = `<span>${title}</span>` + buttons.map(([value, text]) => `<button type="button" value="${value}">${text}</button>`).join("");
      return [...find(selector).querySelectorAll("button")];
    };
    group(".sources", "Learn from", data.sources.map((each, n) => [n, each.title])).forEach((button) => (button.onclick = () => {
      state.source = Number(button.value);
      state.picks = source().first;
      prepare();
      learn();
      settle();
    }));
    group(".marks", "A click marks an image as", [...data.names.map((name, n) => [n, `${SYMBOLS[n]} ${name}`]), [2, "not used"]]).forEach((button) => (button.onclick = () => {
      marking = Number(button.value);
      pressed();
    }));
    group(".draws", "Pick for me", [...data.repeats.sizes.map((size) => [size, `${size} of each`]), [0, "None"]]).forEach((button) => (button.onclick = () => {
      const size = Number(button.value);
      state.picks = size ? draw(source().labels, size, random(seed++)) : "-".repeat(source().labels.length);
      learn();
      settle();
    }));
    find(".draws").insertAdjacentHTML("beforeend", `<label><input type="checkbox" class="labels" checked> Show the labels</label>`);
    find(".labels").onchange = () => { labels = find(".labels").checked; marks(); };
    find(".again").textContent = `Try ${data.repeats.times} random choices of each size`;
    find(".again").onclick = repeat;
    pressed();
  }

  function pressed() {
    root.querySelectorAll(".sources button").forEach((button) => button.setAttribute("aria-pressed", Number(button.value) === state.source));
    root.querySelectorAll(".marks button").forEach((button) => button.setAttribute("aria-pressed", Number(button.value) === marking));
  }

  function paintTiles() {
    const pixels = bytes(source().tiles), size = data.side ** 2, list = find(".tiles");
    list.innerHTML = source().labels.map((_, n) => `<button type="button" class="tile" data-n="${n}"><canvas></canvas><b></b><em></em><i></i></button>`).join("");
    list.querySelectorAll(".tile").forEach((button, n) => {
      paint(button.querySelector("canvas"), pixels, n * size);
      button.onclick = () => {
        const wanted = "NP-"[marking], letters = [...state.picks];
        letters[n] = letters[n] === wanted ? "-" : wanted;
        state.picks = letters.join("");
        learn();
        settle();
      };
    });
    pressed();
  }

  function marks() {
    root.querySelectorAll(".tile").forEach((button, n) => {
      const label = LETTERS.indexOf(state.picks[n]), truth = source().labels[n];
      button.dataset.pick = state.picks[n];
      button.querySelector("b").textContent = SYMBOLS[label] ?? "";
      button.querySelector("em").textContent = labels ? data.names[truth][0] : "";
      button.setAttribute("aria-label", `Image ${n + 1}${labels ? `, ${data.names[truth]}` : ""}: ${label < 0 ? "not used" : `picked as ${data.names[label]}`}`);
    });
  }

  function paint(canvas, pixels, from) {
    const side = data.side, drawn = new ImageData(side, side);
    canvas.width = canvas.height = side;
    for (let n = 0; n < side * side; n++) { const grey = pixels[from + n]; drawn.data.set([grey, grey, grey, 255], 4 * n); }
    canvas.getContext("2d").putImageData(drawn, 0, 0);
  }

  // --- many choices -------------------------------------------------------------------------------------------------

  // A head for each of many random choices, one size after the other, so that the page stays alive.
  function repeat() {
    const { sizes, times } = data.repeats, found = [], key = state.source, next = random(7), all = Array.from({ length: tables.own.rows }, (_, n) => n);
    const options = { ...data.options, record: data.options.steps };
    const one = (at) => {
      if (key !== state.source) return;
      if (at === sizes.length) return spread(found);
      const areas = Array.from({ length: sizes[at] * 2 === source().labels.length ? 1 : times }, () => {
        const letters = draw(source().labels, sizes[at], next), rows = [...letters].flatMap((letter, n) => (letter === "-" ? [] : [n]));
        const { weights, bias } = train(tables.tiles, rows, rows.map((n) => source().labels[n]), options).at(-1);
        return [auroc(scores(tables.own, weights, bias, all), source().heldLabels), auroc(scores(tables.foreign, weights, bias, all), other().heldLabels)];
      });
      found.push({ size: sizes[at], areas });
      find(".repeat .note").textContent = `${sizes[at]} of each: done`;
      setTimeout(() => one(at + 1));
    };
    one(0);
  }

  function spread(found) {
    const y = (value) => 130 - 120 * value, x = (at, which) => 60 + at * (220 / found.length) * 1.08 + which * 14;
    const dots = found.flatMap(({ areas }, at) => areas.flatMap((pair, n) => pair.map((area, which) => `<circle class="${which ? "foreign" : "own"}" cx="${x(at, which) + ((n * 5) % 9) - 4}" cy="${y(area).toFixed(1)}" r="2.2"></circle>`)));
    find(".spread").innerHTML = `<svg viewBox="0 0 320 158" role="img" aria-label="AUROC of heads by the number of images picked">
      ${[0, 0.5, 1].map((value) => `<line class="grid" x1="36" x2="310" y1="${y(value)}" y2="${y(value)}"></line><text class="axis" x="32" y="${y(value) + 3}" text-anchor="end">${value}</text>`).join("")}
      ${dots.join("")}${found.map(({ size }, at) => `<text class="axis" x="${x(at, 0.5)}" y="146" text-anchor="middle">${size}</text>`).join("")}<text class="axis" x="172" y="157" text-anchor="middle">images picked of each class</text></svg>
      <p class="legend"><span class="own">AUROC, ${source().short}</span><span class="foreign">AUROC, ${other().short}</span></p>`;
    const means = found.map(({ size, areas }) => { const own = areas.map(([area]) => area); return `${size}: ${number(own.reduce((a, b) => a + b) / own.length, 2)} (${number(Math.min(...own), 2)} to ${number(Math.max(...own), 2)})`; });
    find(".repeat .note").textContent = `Mean AUROC on ${source().short} (lowest to highest), by images of each class: ${means.join("; ")}.`;
  }

  return view;
}
