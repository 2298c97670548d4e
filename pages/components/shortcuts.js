// The Shortcut lab: one change to an image, made here while one drags; what models say before and after comes from the server.
// data: {identity, side, image, grey, levels, kinds: [{name, title, placed, strength, lowest, start, place}], others: [{title, table}],
//        lesion: {row, column, strength}, start: settings, results: [{title, threshold, before, after}], of: settings, heat, hidden}
// image, table and heatmaps are base64 of bytes. before, after: {probability, label, side, heat}.
// settings: {kind, strength, row, column, other}. They are sent as soon as the pointer lets go.

import { bytes } from "./bytes.js";
import { Board } from "./board.js";
import { changed } from "./changes.js";
import { component } from "./view.js";

const SEND_MS = 120;  // after the last move of a slider or a key
const STEP = 1 / 64;  // of the image's side, for an arrow key
const OPACITY = 0.6, FLOOR = 0.15;  // of a heatmap, as everywhere in the app

export default component(build);

const percent = (value) => `${(100 * value).toFixed(1)}%`;

function build(root) {
  root.innerHTML = `
    <div class="row kinds" role="group" aria-label="The change"></div>
    <div class="row settings">
      <label class="strength"><span></span> <input type="range" step="0.02" max="1"><output class="number"></output></label>
      <label class="other">Taken from <select></select></label>
      <button type="button" class="lesion">Put it on the lesion</button>
      <button type="button" class="none">Undo the change</button>
      <label class="heat"><input type="checkbox" checked> Heatmap</label>
    </div>
    <div class="bench">
      <figure class="edit"><canvas></canvas><figcaption></figcaption></figure>
      <div class="results" aria-live="polite"></div>
    </div>`;
  const find = (selector) => root.querySelector(selector);
  const board = new Board(find(".edit canvas"), { label: "The image. Drag, or use the arrow keys, to move the change.", point: pointed, settle: sendNow });
  const slider = find(".strength input"), others = find(".other select"), heat = find(".heat input");
  let data = null, state = null, image = null, tables = [], palette = null, after = null, waiting = 0, sent = "";
  const view = { take };
  const kind = () => data.kinds.find((each) => each.name === state.kind);

  function take(given) {
    const same = data && given.identity === data.identity;
    data = given;
    if (!same) {
      state = { ...given.start };
      sent = key();
      image = bytes(given.image);
      tables = given.others.map((each) => bytes(each.table));
      palette ??= bytes(given.palette);
      controls();
      update();
    }
    results();
  }

  function controls() {
    find(".kinds").innerHTML = data.kinds.map(({ name, title }) => `<button type="button" data-kind="${name}">${title}</button>`).join("");
    root.querySelectorAll("[data-kind]").forEach((button) => (button.onclick = () => choose(button.dataset.kind)));
    others.innerHTML = data.others.map((each, n) => `<option value="${n}"></option>`).join("");
    data.others.forEach((each, n) => (others.options[n].textContent = each.title));
    others.onchange = () => { state.other = Number(others.value); update(); sendNow(); };
    slider.oninput = () => { state.strength = slider.valueAsNumber; update(); sendSoon(); };
    find(".none").onclick = () => { state.strength = state.kind === "inverted" ? ((state.kind = "letter"), 0) : 0; update(); sendNow(); };
    find(".lesion").onclick = () => { Object.assign(state, { kind: "patch" }, data.lesion); update(); sendNow(); };
    heat.onchange = results;
    board.move = (down, right) => { place(state.row + down * STEP, state.column + right * STEP); sendSoon(); };
  }

  function choose(name) {
    const wanted = data.kinds.find((each) => each.name === name);
    state.kind = name;
    state.strength = wanted.start;
    if (wanted.place) [state.row, state.column] = wanted.place;
    update();
    sendNow();
  }

  function pointed(row, column, event) {
    if (event.buttons && kind().placed) place((row + 0.5) / data.side, (column + 0.5) / data.side);
  }

  function place(row, column) {
    if (!kind().placed) return;
    const within = (value) => Math.round(10000 * Math.min(Math.max(value, 0), 1)) / 10000;
    [state.row, state.column] = [within(row), within(column)];
    update();
  }

  // Everything that follows from the settings, but what the models say.
  function update() {
    const chosen = kind();
    root.querySelectorAll("[data-kind]").forEach((button) => button.setAttribute("aria-pressed", button.dataset.kind === state.kind));
    find(".strength").hidden = chosen.lowest === null;
    find(".strength span").textContent = chosen.strength;
    slider.min = chosen.lowest ?? 0;
    slider.value = state.strength;
    slider.setAttribute("aria-label", chosen.strength || "Strength");
    find(".strength output").textContent = percent(state.strength).replace(".0%", "%").replace("-", "−");
    find(".other").hidden = state.kind !== "exposure";
    others.value = state.other;
    find(".lesion").hidden = !data.lesion;
    board.canvas.classList.toggle("placed", chosen.placed);
    after = changed(image, data.side, state, data.levels, { grey: data.grey, table: tables[state.other] });
    board.show(after, data.side, { range: [0, 255] });
    find(".edit figcaption").textContent = chosen.placed ? "Drag it, or move it with the arrow keys." : "The changed image.";
    root.dataset.change = key();
    find(".results").classList.toggle("stale", key() !== keyOf(data.of));
  }

  // --- what the models say ----------------------------------------------------------------------------------------

  function results() {
    const list = find(".results"), shown = data.results ?? [];
    list.classList.toggle("stale", key() !== keyOf(data.of));
    if (data.hidden) { list.innerHTML = `<p class="hidden">What the model says is hidden. Predict first, or choose <em>Show the result</em> below.</p>`; return; }
    list.innerHTML = shown.map(({ title }) => `
      <section class="card"><h4></h4>
        <div class="pair">${["Before", "After"].map((when) => `<figure><canvas role="img"></canvas><figcaption>${when}</figcaption><div class="gauge"><i></i><b></b></div></figure>`).join("")}</div>
        <p class="verdict number"></p></section>`).join("");
    shown.forEach((result, n) => card(list.children[n], result));
  }

  function card(box, { title, threshold, before, after: now }) {
    box.querySelector("h4").textContent = title;
    const answered = bytes(data.answered);
    box.querySelectorAll("figure").forEach((figure, n) => {
      const said = n ? now : before;
      paint(figure.querySelector("canvas"), n ? answered : image, said);
      figure.querySelector("canvas").setAttribute("aria-label", `${n ? "After" : "Before"} the change, with the evidence for PNEUMONIA`);
      figure.querySelector("figcaption").innerHTML = `${n ? "After" : "Before"}: <strong>${percent(said.probability)}</strong> for PNEUMONIA, called ${said.label}`;
      figure.querySelector(".gauge i").style.width = percent(said.probability);
      figure.querySelector(".gauge i").className = said.label === "PNEUMONIA" ? "positive" : "negative";
      figure.querySelector(".gauge b").style.left = percent(threshold);
    });
    const moved = now.logit - before.logit, flips = before.label !== now.label;
    box.querySelector(".verdict").innerHTML = `${flips ? "<strong>The label flips.</strong>" : "The label stays."} The logit moves by ${moved === 0 ? "0" : `${moved < 0 ? "−" : "+"}${Math.abs(moved).toFixed(2)}`}.`;
    box.classList.toggle("flips", flips);
  }

  function paint(canvas, pixels, said) {
    const side = data.side, pen = canvas.getContext("2d"), drawn = new ImageData(side, side);
    canvas.width = canvas.height = side;
    const map = heat.checked && said.heat ? bytes(said.heat) : null, cells = said.side;
    for (let n = 0; n < side * side; n++) {
      const grey = pixels[n];
      let rgb = [grey, grey, grey];
      if (map) {
        const level = between(map, cells, ((Math.floor(n / side) + 0.5) * cells) / side - 0.5, (((n % side) + 0.5) * cells) / side - 0.5);
        const alpha = OPACITY * Math.max((level / 255 - FLOOR) / (1 - FLOOR), 0), at = 3 * Math.round(level);
        if (alpha) rgb = rgb.map((value, m) => value * (1 - alpha) + palette[at + m] * alpha);
      }
      drawn.data.set([...rgb, 255], 4 * n);
    }
    pen.putImageData(drawn, 0, 0);
  }

  function between(map, cells, y, x) {
    const within = (n) => Math.min(Math.max(n, 0), cells - 1), [v, u] = [Math.floor(y), Math.floor(x)], [down, right] = [y - v, x - u];
    const at = (row, column) => map[within(row) * cells + within(column)];
    return (at(v, u) * (1 - right) + at(v, u + 1) * right) * (1 - down) + (at(v + 1, u) * (1 - right) + at(v + 1, u + 1) * right) * down;
  }

  // --- to the server ------------------------------------------------------------------------------------------------

  const keyOf = (settings) => (settings ? [settings.kind, settings.strength, settings.row, settings.column, settings.other].join() : "");
  const key = () => keyOf(state);

  function sendSoon() {
    clearTimeout(waiting);
    waiting = setTimeout(sendNow, SEND_MS);
  }

  function sendNow() {
    clearTimeout(waiting);
    if (key() === sent) return;
    sent = key();
    view.send({ ...state });
  }

  new ResizeObserver(() => { if (state) board.draw(); }).observe(root);
  return view;
}
