// Grad-CAM taken apart: activations, gradients, channel weights, weighted sum, ReLU, enlargement, overlay; each a step of the player.
// data: {identity, seen, side (uint8, base64), activations, gradients (float32, base64), channels, height, width, lesion (uint8,
//        side * side, base64; "" where unknown), colours (256 * 3 uint8, base64), classes, start: {step, method, sign, top, relu, smooth, off}}
// Everything is computed here. Sends `settings` once the visitor has paused.

import { Board, greys, written } from "./board.js";
import { bytes, float32 } from "./bytes.js";
import { channelWeights, contribution, enlarge, importance, positive, weightedSum } from "./cam.js";
import { attach } from "./player.js";
import { component, settling } from "./view.js";

const METHODS = { gradcam: "Grad-CAM", hirescam: "HiResCAM", layercam: "LayerCAM" };
const TILES = 24, FLOOR = 0.15, OPACITY = 0.6;  // as the overlays of Diagnose
const STEPS = ["Image", "Activations", "Gradients", "Weights", "Weighted sum", "ReLU", "Enlarged", "Painted"];

export default component(build);

function build(root) {
  root.innerHTML = `
    <div class="row controls">
      <span class="group methods" role="group" aria-label="Method"></span>
      <span class="group classes" role="group" aria-label="Class"></span>
      <label><input type="checkbox" class="relu"> ReLU</label>
      <label><input type="checkbox" class="smooth"> Enlarge smoothly</label>
      <label class="known"><input type="checkbox" class="lesion" checked> Show the lesion</label>
    </div>
    <div class="stage">
      <figure><canvas class="picture"></canvas><figcaption class="number"></figcaption></figure>
      <div class="side">
        <h4></h4>
        <label class="top">Strongest channels <input type="range" min="0" step="1"><output class="number"></output></label>
        <div class="tiles" role="group" aria-label="Channels; press one to switch it off or on"></div>
        <button type="button" class="all">All channels on</button>
      </div>
    </div>
    <div class="steps"></div>`;
  const find = (selector) => root.querySelector(selector);
  const board = new Board(find(".picture"), { label: "The image or the map. Arrow keys move over its cells.", point: pointed, settle: () => {} });
  let data = null, state = null, maps = null, slopes = null, seen = null, lesion = null, colours = null, order = [], at = { row: 0, column: 0 };
  const view = { take }, settle = settling(view, kept);

  for (const [name, title] of Object.entries(METHODS))
    find(".methods").insertAdjacentHTML("beforeend", `<button type="button" data-method="${name}">${title}</button>`);
  find(".methods").onclick = ({ target }) => target.dataset.method && change({ method: target.dataset.method });
  find(".classes").onclick = ({ target }) => target.dataset.sign && change({ sign: Number(target.dataset.sign) });
  find(".relu").onchange = ({ target }) => change({ relu: target.checked });
  find(".smooth").onchange = ({ target }) => change({ smooth: target.checked });
  find(".lesion").onchange = () => draw();
  find(".top input").oninput = ({ target }) => change({ top: target.valueAsNumber });
  find(".all").onclick = () => change({ off: [], top: maps.channels });
  board.move = (down, right) => { at = { row: at.row + down, column: at.column + right }; inspect(); };

  function take(given) {
    const same = data?.identity === given.identity;
    data = given;
    if (same) return draw();
    const { channels, height, width } = data;
    maps = { channels, height, width, values: float32(data.activations) };
    slopes = { channels, height, width, values: float32(data.gradients) };
    [seen, colours] = [bytes(data.seen), bytes(data.colours)];
    lesion = data.lesion ? bytes(data.lesion) : null;
    const kept = state;  // another image: method and step stay, channels are others
    state = kept ? { ...kept, off: [], top: channels } : structuredClone(data.start);
    if (!(state.top >= 0 && state.top <= channels)) state.top = channels;
    find(".known").hidden = !lesion;
    find(".top input").max = channels;
    find(".classes").innerHTML = data.classes.map((name, n) => `<button type="button" data-sign="${n ? 1 : -1}">${name}</button>`).join("");
    change({}, { settle: false });
    const map = heat(), peak = map.indexOf(map.reduce((a, b) => Math.max(a, b), -Infinity));
    at = { row: Math.floor(((Math.floor(peak / width) + 0.5) / height) * data.side), column: Math.floor((((peak % width) + 0.5) / width) * data.side) };
    attach(find(".steps"), {
      frames: STEPS.length, at: state.step, rate: 0.5, loop: false, label: "Step", title: "the steps of the heatmap", keys: root,
      draw: (step) => { state.step = step; draw(); }, caption, onSettle: settle,
    });
  }

  function change(what, { settle: tell = true } = {}) {
    Object.assign(state, what);
    order = [...importance(maps, slopes, state.method, state.sign).entries()].sort((a, b) => b[1] - a[1]).map(([channel]) => channel);
    root.querySelectorAll("[data-method]").forEach((each) => each.setAttribute("aria-pressed", each.dataset.method === state.method));
    root.querySelectorAll("[data-sign]").forEach((each) => each.setAttribute("aria-pressed", Number(each.dataset.sign) === state.sign));
    find(".relu").checked = state.relu;
    find(".smooth").checked = state.smooth;
    find(".top input").value = state.top;
    find(".top output").textContent = `${state.top} of ${maps.channels}`;
    draw();
    if (tell) settle();
  }

  const on = () => {
    const flags = new Array(maps.channels).fill(false);
    order.slice(0, state.top).forEach((channel) => { flags[channel] = true; });
    state.off.forEach((channel) => { flags[channel] = false; });
    return flags;
  };

  // Both classes on one scale, with all channels: a weak map looks weak, as on Diagnose.
  function peak() {
    return Math.max(1e-12, ...[1, -1].map((sign) => weightedSum(maps, slopes, state.method, { sign }).reduce((a, b) => Math.max(a, b), 0)));
  }

  const heat = () => {
    const sum = weightedSum(maps, slopes, state.method, { on: on(), sign: state.sign });
    return state.relu ? positive(sum) : sum;
  };

  function draw() {
    if (!state || !data) return;
    const { step } = state, { side } = data, square = maps.height === maps.width;
    if (step <= 3) board.show(seen, side, { range: [0, 255] });
    else if (step <= 5 && square) {
      const map = step === 4 ? weightedSum(maps, slopes, state.method, { on: on(), sign: state.sign }) : heat();
      const most = peak();
      board.show(map, maps.height, { range: step === 5 && state.relu ? [0, most] : [-most, most] });
    } else {
      const scaled = heat().map((value) => Math.min(Math.max(value / peak(), 0), 1));
      const wide = state.smooth ? enlarge(scaled, maps.height, maps.width, side) : blocks(scaled);
      paint(wide, step === 7);
    }
    tiles();
    inspect();
  }

  function blocks(map) {
    const { side } = data, result = new Float64Array(side * side);
    for (let row = 0; row < side; row++)
      for (let column = 0; column < side; column++)
        result[row * side + column] = map[Math.floor((row * maps.height) / side) * maps.width + Math.floor((column * maps.width) / side)];
    return result;
  }

  // The map in its colours, alone or over the image with an opacity that follows it.
  function paint(map, over) {
    const { side } = data;
    board.show(seen, side, { range: [0, 255] });
    const pen = board.sheet.getContext("2d"), pixels = pen.getImageData(0, 0, side, side);
    map.forEach((value, n) => {
      const alpha = over ? OPACITY * Math.min(Math.max((value - FLOOR) / (1 - FLOOR), 0), 1) : 1, colour = 3 * Math.round(255 * value);
      for (let c = 0; c < 3; c++) pixels.data[4 * n + c] = pixels.data[4 * n + c] * (1 - alpha) + colours[colour + c] * alpha;
    });
    pen.putImageData(pixels, 0, 0);
    board.draw();
  }

  // The border of the true lesion over whatever is shown.
  function outline() {
    if (!lesion || !find(".lesion").checked) return;
    const { side } = data, { pen, canvas } = board, cell = canvas.width / side;
    pen.strokeStyle = "#E69F00";
    pen.lineWidth = 2 * (window.devicePixelRatio || 1);
    pen.beginPath();
    for (let row = 0; row < side; row++)
      for (let column = 0; column < side; column++) {
        const here = lesion[row * side + column];
        if (column && here !== lesion[row * side + column - 1]) { pen.moveTo(column * cell, row * cell); pen.lineTo(column * cell, (row + 1) * cell); }
        if (row && here !== lesion[(row - 1) * side + column]) { pen.moveTo(column * cell, row * cell); pen.lineTo((column + 1) * cell, row * cell); }
      }
    pen.stroke();
  }

  // --- the channels --------------------------------------------------------------------------------------------------

  function tiles() {
    const { step } = state, box = find(".tiles"), shown = order.slice(0, TILES), flags = on();
    const what = step <= 1 ? "activations" : step === 2 ? "gradients" : "contributions";
    find("h4").textContent = step === 0 ? `${maps.channels} channels of ${maps.height} × ${maps.width} follow` : `The ${shown.length} channels that move the map most: ${what}`;
    const weights = channelWeights(slopes, state.sign);
    while (box.children.length < shown.length) {
      box.insertAdjacentHTML("beforeend", `<button type="button" class="tile"><canvas></canvas><span class="number"></span></button>`);
      box.lastElementChild.onclick = ({ currentTarget }) => {
        const channel = Number(currentTarget.dataset.channel), flagged = on()[channel];
        const off = new Set(state.off);
        flagged ? off.add(channel) : off.delete(channel);
        change({ off: [...off], top: flagged ? state.top : Math.max(state.top, order.indexOf(channel) + 1) });
      };
    }
    while (box.children.length > shown.length) box.lastElementChild.remove();
    const size = maps.height * maps.width;
    shown.forEach((channel, n) => {
      const tile = box.children[n], part = (values) => values.subarray(channel * size, (channel + 1) * size);
      const values = step <= 1 ? part(maps.values) : step === 2 ? part(slopes.values).map((value) => state.sign * value)
        : contribution(maps, slopes, channel, state.method, weights, state.sign);
      tile.dataset.channel = channel;
      tile.setAttribute("aria-pressed", flags[channel]);
      tile.setAttribute("aria-label", `Channel ${channel}, weight ${written(weights[channel], 4)}`);
      tile.title = `Channel ${channel}`;
      small(tile.querySelector("canvas"), values);
      tile.querySelector("span").textContent = step < 3 ? channel : state.method === "gradcam" ? signed(weights[channel]) : `Σ ${signed(values.reduce((a, b) => a + b, 0))}`;
    });
  }

  const signed = (value) => (value >= 0 ? "+" : "") + (Math.abs(value) < 0.001 && value ? value.toExponential(0).replace("-", "−") : written(value, 3));

  function small(canvas, values) {
    canvas.width = maps.width;
    canvas.height = maps.height;
    const pixels = new ImageData(maps.width, maps.height);
    greys(values).forEach((grey, n) => pixels.data.set([grey, grey, grey, 255], 4 * n));
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  }

  // --- one cell ---------------------------------------------------------------------------------------------------------

  function pointed(row, column) { at = { row, column }; inspect(); }

  function inspect() {
    const small = state.step === 4 || state.step === 5, height = small ? maps.height : data.side;
    const hold = (n) => Math.min(Math.max(n, 0), height - 1);
    at = { row: hold(at.row), column: hold(at.column) };
    const row = small ? at.row : Math.floor((at.row * maps.height) / data.side), column = small ? at.column : Math.floor((at.column * maps.width) / data.side);
    const cell = row * maps.width + column, size = maps.height * maps.width, flags = on(), weights = channelWeights(slopes, state.sign);
    const parts = order.filter((channel) => flags[channel])
      .map((channel) => [channel, contribution(maps, slopes, channel, state.method, weights, state.sign)[cell]])
      .sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
    const total = parts.reduce((sum, [, value]) => sum + value, 0), [first, ...rest] = parts;
    const scale = small ? 1 : data.side / maps.height;
    board.draw([{ row: row * scale, column: column * scale, height: scale, width: scale, colour: getComputedStyle(root).getPropertyValue("--st-primary-color") }]);
    outline();
    if (!first) { find("figcaption").textContent = "All channels are off: the map is empty."; return; }
    const channel = first[0], value = maps.values[channel * size + cell];
    const slope = state.method === "gradcam" ? weights[channel] : Math.max(state.sign * slopes.values[channel * size + cell], state.method === "layercam" ? 0 : -Infinity);
    find("figcaption").textContent = `Cell ${row + 1}, ${column + 1}: channel ${channel} gives ${written(value, 3)} × ${signed(slope)} = ${signed(first[1])}; ` +
      `${rest.length} others add ${signed(total - first[1])}; together ${signed(total)}${state.relu && total < 0 ? ", and ReLU makes it 0" : ""}.`;
  }

  function caption(step) {
    const { height, width, channels } = maps, name = data.classes[state.sign > 0 ? 1 : 0], title = METHODS[state.method];
    return [
      `The image as the network gets it, ${data.side} × ${data.side} pixels.`,
      `Activations: what ${channels} channels of layer ${data.layer} respond to, ${height} × ${width} cells each. White is a strong response.`,
      `Gradients: how much the score of ${name} would rise if a cell rose a little. White raises it, black lowers it.`,
      state.method === "gradcam" ? "Weights: the mean of each channel's gradients, one number a channel. Where a channel helps here and hurts there, the mean is near 0."
        : `${title} takes no mean: every cell keeps its own gradient${state.method === "layercam" ? ", negative ones count as 0" : ""}.`,
      `Weighted sum: all channels that are on, added up. Grey is 0, white speaks for ${name}, black against it.`,
      state.relu ? "ReLU: what speaks against the class is cut off." : "Without ReLU, what speaks against the class stays.",
      `Enlarged from ${height} × ${width} cells to the image's size${state.smooth ? ": smooth, and finer than it is" : ""}. The brightest colour is the strongest evidence for either class.`,
      `Painted over the image: the map of ${title} for ${name}.`,
    ][step];
  }

  function kept() {
    const { step, method, sign, top, relu, smooth, off } = state;
    return { step, method, sign, top, relu, smooth, off: off.slice(0, 40) };
  }

  new ResizeObserver(() => draw()).observe(root);
  return view;
}
