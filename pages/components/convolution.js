// Convolution and its neighbours, one patch at a time. Everything is computed here, while one points; see arithmetic.js.
// data: {mode, planes: [{title, values}], side, range, presets: [{title, kernel, values}], kernels, bias, geometry, at, step,
//        learned: {kernels, bias, kernel, padding, stride, chosen} , colours: {window}}
// mode: "slide" (one channel), "channels" (several), "steps" (ReLU, pooling, batch norm, dropout), "learned".
// Sends `settings` once the visitor has paused.

import * as arithmetic from "./arithmetic.js";
import { Board, greys, written } from "./board.js";
import { attach } from "./player.js";
import { component, settling } from "./view.js";

const LIMITS = { kernel: [1, 2, 3, 4, 5, 7], padding: [0, 3], stride: [1, 4], dilation: [1, 3] };
const MOST = 99;  // a kernel's number, either way
const STEPS = {
  relu: ["ReLU", "negative numbers become 0"],
  max: ["Max pooling", "the largest of each 2 × 2 block"],
  mean: ["Average pooling", "the mean of each 2 × 2 block"],
  norm: ["Batch norm", "minus the mean, divided by the deviation"],
  dropout: ["Dropout", "a random half becomes 0, the rest is doubled"],
};
const DROP = 0.5;

export default component(build);

function build(root) {
  root.innerHTML = `
    <div class="row controls"></div>
    <div class="boards">
      <figure><canvas class="input"></canvas><figcaption></figcaption></figure>
      <div class="sum"></div>
      <figure><canvas class="output"></canvas><figcaption></figcaption></figure>
    </div>
    <p class="formula number"></p>
    <div class="steps"></div>`;
  const find = (selector) => root.querySelector(selector);
  const colour = () => getComputedStyle(root).getPropertyValue("--st-primary-color").trim() || "#0072B2";
  const view = { take }, settle = settling(view, kept);
  const input = new Board(find(".input"), { label: "The image. Arrow keys move the window.", point: pointed, settle });
  const output = new Board(find(".output"), { label: "The result. Arrow keys choose a pixel.", point: taken, settle });
  const text = { input: find("figure:first-of-type figcaption"), output: find("figure:last-of-type figcaption"), formula: find(".formula") };
  let data = null, state = null, result = { values: [], side: 0 }, marked = "", player = null;

  const stepping = () => data.mode === "steps";
  const blocks = () => stepping() && ["max", "mean"].includes(state.step);
  const geometry = () => ({ kernel: state.kernel, padding: state.padding, stride: state.stride, dilation: state.dilation });

  function take(given) {
    const same = data && given.identity === data.identity;
    data = given;
    if (!same) {
      state = structuredClone(given.start);
      controls();
    }
    compute();
  }

  // --- what is computed -----------------------------------------------------------------------------------------

  function compute() {
    const { side } = data, planes = data.planes.map((each) => each.values);
    if (stepping()) result = stepped(planes[0], side);
    else {
      const trouble = arithmetic.problem(side, geometry());
      const shown = planes.filter((_, n) => state.channels[n]), kernels = state.kernels.filter((_, n) => state.channels[n]);
      result = trouble
        ? { trouble, values: [], side: 0 }
        : { values: arithmetic.convolve(shown, side, kernels, geometry(), state.bias), side: arithmetic.outputSide(side, geometry()) };
    }
    state.row = Math.min(Math.max(state.row, 0), Math.max(result.side - 1, 0));
    state.column = Math.min(Math.max(state.column, 0), Math.max(result.side - 1, 0));
    input.show(data.planes[state.looking ?? 0].values, side, { border: stepping() ? 0 : state.padding, range: data.range });
    output.show(result.values, result.side, { range: result.range });
    input.canvas.closest("figure").classList.toggle("wide", side > 32);
    const place = state.row * result.side + state.column;  // attaching draws where the player was before
    player = attach(find(".steps"), {
      frames: Math.max(result.side ** 2, 1), at: place, rate: 8, label: "Pixel", title: "the result's pixels",
      keys: root, onSettle: settle,
      draw: (at) => { if (result.side) { [state.row, state.column] = [Math.floor(at / result.side), at % result.side]; look(); } },
    });
    player.seek(place, { settle: false });
    look();
  }

  function stepped(plane, side) {
    switch (state.step) {
      case "relu": return { values: arithmetic.relu(plane), side, range: symmetric(plane) };
      case "norm": return { side, ...arithmetic.normalise(plane) };
      case "dropout": return { side, range: symmetric(plane).map((n) => 2 * n), ...arithmetic.dropout(plane, DROP, state.seed) };
      default: return { values: arithmetic.pool(plane, side, 2, state.step), side: Math.floor(side / 2), range: symmetric(plane) };
    }
  }

  // The range in which a board shows a plane, so that a cell of its patch looks as it does there.
  function spread(plane) {
    const low = plane.reduce((a, b) => Math.min(a, b), Infinity), high = plane.reduce((a, b) => Math.max(a, b), -Infinity);
    return low < 0 ? symmetric(plane) : [0, high || 1];
  }

  const symmetric = (plane) => { const most = plane.reduce((a, b) => Math.max(a, Math.abs(b)), 0) || 1; return [-most, most]; };

  // --- where one looks --------------------------------------------------------------------------------------------

  // The window whose middle is nearest to a pixel of the image.
  function pointed(row, column) {
    if (stepping()) return taken(blocks() ? Math.floor(row / 2) : row, blocks() ? Math.floor(column / 2) : column);
    const reach = (arithmetic.span(geometry()) - 1) / 2;
    const place = (pixel) => Math.round((pixel + state.padding - reach) / state.stride);
    return taken(place(row), place(column));
  }

  function taken(row, column) {
    if (!result.side) return;
    const within = (n) => Math.min(Math.max(n, 0), result.side - 1);
    player.seek(within(row) * result.side + within(column), { settle: false });
  }

  input.move = output.move = (down, right) => { taken(state.row + down, state.column + right); settle(); };

  function look() {
    const { row, column } = state, line = colour();
    if (!result.side) {
      input.draw([]); output.draw([]);
      find(".sum").innerHTML = "";
      text.formula.textContent = result.trouble;
      captions();
      return;
    }
    const size = stepping() ? (blocks() ? 2 : 1) : arithmetic.span(geometry());
    const first = (n) => (stepping() ? n * size : n * state.stride - state.padding);
    const frames = [{ row: first(row), column: first(column), height: size, width: size, colour: line }];
    if (!stepping() && state.dilation > 1)
      frames.push(...arithmetic.patch(data.planes[0].values, data.side, row, column, geometry()).map(({ y, x }) => ({ row: y, column: x, colour: line, bold: false })));
    input.draw(frames);
    output.draw([{ row, column, colour: line }]);
    stepping() ? explainStep() : explainSum();
    captions();
  }

  function captions() {
    const { side } = data, padded = !stepping() && state.padding ? `, ${state.padding} of padding around` : "";
    const name = data.planes[state.looking ?? 0].title;
    text.input.textContent = `${name}, ${side} × ${side}${padded}`;
    text.output.textContent = result.side ? `The result, ${result.side} × ${result.side}. Framed: row ${state.row + 1}, column ${state.column + 1}` : "No result";
  }

  // --- the numbers ------------------------------------------------------------------------------------------------

  function explainSum() {
    const { row, column } = state, here = state.channels.map((on, n) => on && n), shown = here.filter((n) => n !== false);
    const k = state.kernel, sums = [];
    const parts = shown.map((n) => {
      const under = arithmetic.patch(data.planes[n].values, data.side, row, column, geometry());
      const products = under.map(({ value }, m) => value * state.kernels[n][m]);
      sums.push(products.reduce((a, b) => a + b, 0));
      return { n, under, products };
    });
    const layout = parts.map(({ n }) => n).join() + k + data.mode;
    const sum = find(".sum");
    if (marked !== layout) {  // built once for a shape; afterwards only the numbers change, so that a field keeps its cursor
      marked = layout;
      sum.innerHTML = parts.map(({ n }) => `
        <div class="channel" data-n="${n}">${data.planes.length > 1 ? `<h4>${data.planes[n].title} <button type="button" class="looking" aria-label="Show ${data.planes[n].title.toLowerCase()}" aria-pressed="${n === (state.looking ?? 0)}">show</button></h4>` : ""}
          <div class="tables">${table("patch", k, "pixels")}<span class="sign">×</span>${table("kernel", k, "kernel")}<span class="sign">=</span>${table("product", k, "products")}
          <span class="partial number"></span></div></div>`).join("");
      sum.style.setProperty("--k", k);
      sum.querySelectorAll(".looking").forEach((button) => (button.onclick = () => {
        state.looking = Number(button.closest(".channel").dataset.n);
        sum.querySelectorAll(".looking").forEach((each) => each.setAttribute("aria-pressed", each === button));
        compute();
      }));
      sum.querySelectorAll(".kernel input").forEach((field) => {
        const n = Number(field.closest(".channel").dataset.n), m = Number(field.dataset.m);
        field.oninput = () => {
          if (field.value === "" || !Number.isFinite(field.valueAsNumber)) return;
          state.kernels[n][m] = Math.min(Math.max(field.valueAsNumber, -MOST), MOST);
          preset("");
          compute();
          settle();
        };
        field.onblur = () => { field.value = short(state.kernels[n][m]); };
      });
    }
    const active = root.getRootNode().activeElement;
    parts.forEach(({ n, under, products }, place) => {
      const box = sum.children[place], most = Math.max(...products.map(Math.abs), 1e-9);
      box.querySelectorAll(".patch td").forEach((cell, m) => {
        const { value, inside } = under[m];
        cell.textContent = inside ? written(value) : "0";
        cell.className = inside ? "" : "outside";
        const grey = greys([value], data.range ?? spread(data.planes[n].values))[0];
        cell.style.cssText = inside ? `background: rgb(${grey}, ${grey}, ${grey}); color: ${grey > 117 ? "#000" : "#fff"}` : "";
      });
      box.querySelectorAll(".kernel input").forEach((field, m) => { if (field !== active) field.value = short(state.kernels[n][m]); });
      box.querySelectorAll(".product td").forEach((cell, m) => {
        cell.textContent = written(products[m]);
        cell.style.setProperty("--share", `${Math.round((55 * Math.abs(products[m])) / most)}%`);
        cell.className = products[m] < 0 ? "negative" : "positive";
      });
      box.querySelector(".partial").textContent = `→ ${written(sums[place], 3)}`;
    });
    const total = result.values[row * result.side + column];
    const bias = `${state.bias < 0 ? "−" : "+"} bias ${written(Math.abs(state.bias), 3)}`;
    text.formula.innerHTML = `${sums.map((each) => written(each, 3)).join(" + ") || "0"} ${bias} = <strong>${written(total, 3)}</strong>` + sizes();
  }

  // Large kernels have narrow fields.
  const short = (value) => String(Math.round(value * (state.kernel > 4 ? 100 : 1000)) / (state.kernel > 4 ? 100 : 1000));

  function sizes() {
    const { side } = data, { kernel, padding, stride, dilation } = state;
    const reach = dilation > 1 ? `${dilation} · (${kernel} − 1) − 1` : `${kernel}`;
    return `<br><span class="size">Side of the result: (${side} + 2 · ${padding} − ${reach}) / ${stride} + 1, rounded down, = <strong>${result.side}</strong></span>`;
  }

  const table = (name, k, label) =>
    `<table class="${name}" aria-label="${label}"><tbody>${Array.from({ length: k }, (_, u) => `<tr>${Array.from({ length: k }, (_, v) =>
      name === "kernel" ? `<td><input type="number" step="0.1" min="-${MOST}" max="${MOST}" data-m="${u * k + v}" aria-label="Kernel, row ${u + 1}, column ${v + 1}"></td>` : "<td></td>").join("")}</tr>`).join("")}</tbody></table>`;

  function explainStep() {
    const plane = data.planes[0].values, { side } = data, { row, column } = state, at = row * result.side + column;
    const value = result.values[at], from = plane[at];
    marked = "";
    const say = {
      relu: () => `max(0, ${written(from, 3)}) = <strong>${written(value, 3)}</strong>`,
      norm: () => `(${written(from, 3)} − ${written(result.mean, 3)}) / ${written(result.deviation, 3)} = <strong>${written(value, 3)}</strong>`,
      dropout: () => result.kept[at] ? `kept: ${written(from, 3)} / (1 − ${DROP}) = <strong>${written(value, 3)}</strong>` : `dropped: ${written(from, 3)} becomes <strong>0</strong>`,
    }[state.step];
    const block = () => [0, 1, 2, 3].map((n) => plane[(2 * row + (n >> 1)) * side + 2 * column + (n & 1)]);
    text.formula.innerHTML = "";
    find(".sum").innerHTML = `<h4>${STEPS[state.step][0]}: ${STEPS[state.step][1]}</h4><p class="step number"></p>`;
    find(".step").innerHTML = say ? say() : state.step === "max"
      ? `the largest of ${block().map((n) => written(n, 3)).join(", ")} is <strong>${written(value, 3)}</strong>`
      : `(${block().map((n) => written(n, 3)).join(" + ")}) / 4 = <strong>${written(value, 3)}</strong>`;
  }

  // --- controls ---------------------------------------------------------------------------------------------------

  function controls() {
    const bar = find(".controls"), add = (html) => bar.insertAdjacentHTML("beforeend", html);
    bar.innerHTML = "";
    marked = "";
    if (stepping()) {
      for (const [name, [title, what]] of Object.entries(STEPS))
        add(`<button type="button" data-step="${name}" title="${what}" aria-pressed="${state.step === name}">${title}</button>`);
      add(`<button type="button" data-step="again" title="Other pixels are dropped">Drop again</button>`);
      bar.querySelectorAll("button").forEach((button) => (button.onclick = () => chosen(button.dataset.step)));
      show_again();
      return;
    }
    if (data.mode === "learned") {
      add(`<div class="strip" role="listbox" aria-label="Kernels of the first layer"></div>`);
      strip(bar.querySelector(".strip"));
      return;
    }
    if (data.presets.length) add(`<label>Kernel <select class="preset">${["Your own", ...data.presets.map((each) => each.title)].map((title, n) => `<option value="${n}">${title}</option>`).join("")}</select></label>`);
    if (data.mode === "slide") add(`<label>Size <select class="kernel-size">${LIMITS.kernel.map((k) => `<option value="${k}">${k} × ${k}</option>`).join("")}</select></label>`);
    for (const name of ["padding", "stride", "dilation"])
      add(`<label class="slider">${name[0].toUpperCase() + name.slice(1)} <input type="range" data-name="${name}" min="${LIMITS[name][0]}" max="${LIMITS[name][1]}" value="${state[name]}"><output class="number">${state[name]}</output></label>`);
    add(`<label>Bias <input type="number" class="bias" step="0.1" min="-${MOST}" max="${MOST}" value="${state.bias}"></label>`);
    if (data.planes.length > 1) data.planes.forEach((plane, n) => add(`<label><input type="checkbox" data-channel="${n}" ${state.channels[n] ? "checked" : ""}> ${plane.title}</label>`));

    bar.querySelectorAll("[data-name]").forEach((slider) => (slider.oninput = () => {
      state[slider.dataset.name] = slider.valueAsNumber;
      slider.nextElementSibling.textContent = slider.value;
      compute();
      settle();
    }));
    bar.querySelectorAll("[data-channel]").forEach((box) => (box.onchange = () => {
      state.channels[Number(box.dataset.channel)] = box.checked;
      compute();
      settle();
    }));
    const bias = bar.querySelector(".bias");
    bias.oninput = () => {
      if (!Number.isFinite(bias.valueAsNumber)) return;
      state.bias = Math.min(Math.max(bias.valueAsNumber, -MOST), MOST);
      compute();
      settle();
    };
    const presets = bar.querySelector(".preset");
    if (presets) presets.onchange = () => {
      const wanted = data.presets[Number(presets.value) - 1];
      if (!wanted) return;
      state.kernel = wanted.kernel;
      state.kernels = state.kernels.map(() => [...wanted.values]);
      size();
      compute();
      settle();
    };
    const sizes = bar.querySelector(".kernel-size");
    if (sizes) sizes.onchange = () => {
      const before = state.kernel, k = Number(sizes.value);
      // The old numbers stay in the middle, so that a larger kernel begins as the smaller one.
      const shift = Math.trunc((k - before) / 2);
      state.kernels = state.kernels.map((old) => Array.from({ length: k * k }, (_, m) => {
        const u = Math.floor(m / k) - shift, v = (m % k) - shift;
        return u >= 0 && v >= 0 && u < before && v < before ? old[u * before + v] : 0;
      }));
      state.kernel = k;
      preset("");
      compute();
      settle();
    };
    size();
    same();
  }

  const size = () => { const sizes = find(".kernel-size"); if (sizes) sizes.value = state.kernel; };
  const preset = () => { const presets = find(".preset"); if (presets) presets.value = 0; };
  function same() {
    const presets = find(".preset");
    if (presets) presets.value = 1 + data.presets.findIndex((each) => each.kernel === state.kernel && state.kernels.every((kernel) => String(kernel) === String(each.values)));
  }

  function show_again() {
    find("[data-step=again]").hidden = state.step !== "dropout";
  }

  function chosen(name) {
    if (name === "again") state.seed += 1;
    else state.step = name;
    root.querySelectorAll("[data-step]").forEach((button) => button.setAttribute("aria-pressed", button.dataset.step === state.step));
    show_again();
    compute();
    settle();
  }

  function strip(list) {
    const { kernels, bias, kernel } = data.learned;
    kernels.forEach((values, n) => {
      const cell = document.createElement("canvas"), pixels = new ImageData(kernel, kernel);
      cell.width = cell.height = kernel;
      greys(values, symmetric(values)).forEach((grey, m) => pixels.data.set([grey, grey, grey, 255], 4 * m));
      cell.getContext("2d").putImageData(pixels, 0, 0);
      const button = document.createElement("button");
      button.type = "button";
      button.role = "option";
      button.ariaLabel = `Kernel ${n + 1}`;
      button.title = button.ariaLabel;
      button.setAttribute("aria-selected", n === state.chosen);
      button.append(cell);
      button.onclick = () => {
        Object.assign(state, { chosen: n, kernels: [[...values]], bias: bias[n] });
        list.querySelectorAll("button").forEach((each, m) => each.setAttribute("aria-selected", m === n));
        compute();
        settle();
      };
      list.append(button);
    });
  }

  // --- what the address keeps ---------------------------------------------------------------------------------------

  function kept() {
    const { row, column, padding, stride, dilation, bias, kernel, kernels, channels, step, seed, chosen } = state;
    return { slide: { row, column, padding, stride, dilation, bias, kernel, kernels }, channels: { row, column, padding, stride, dilation, bias, kernels, channels },
      steps: { row, column, step, seed }, learned: { row, column, chosen } }[data.mode];
  }

  new ResizeObserver(() => { if (state) { input.draw(); output.draw(); } }).observe(root);
  return view;
}
