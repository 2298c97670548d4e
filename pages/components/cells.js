// A matrix of many classes whose cells open their images. data: {identity, names, counts: [row, column, [image numbers]], sheet (data URL), columns, rows,
// fonts: [of each image], most}

import { component } from "./view.js";

export default component(build);

function build(root) {
  root.innerHTML = `<div class="two"><div class="matrix"><canvas tabindex="0" role="application" data-own-keys></canvas></div><div class="opened"><p class="what"></p><div class="images" tabindex="0" role="group" aria-label="The images of the cell"></div></div></div>`;
  const find = (selector) => root.querySelector(selector), canvas = find("canvas"), pen = canvas.getContext("2d");
  let data = null, cells = new Map(), at = [0, 0], known = "";
  const view = { take }, EDGE = 20, BOX = 15;

  function take(given) {
    if (known === given.identity) return;
    known = given.identity;
    data = given;
    cells = new Map(data.counts.map(([row, column, images]) => [`${row} ${column}`, images]));
    at = [...data.open];
    new ResizeObserver(draw).observe(canvas);
    draw();
    open();
  }

  function draw() {
    const scale = window.devicePixelRatio || 1, side = EDGE + BOX * data.names.length;
    [canvas.width, canvas.height] = [side * scale, side * scale];
    canvas.style.width = `min(100%, ${side}px)`;
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, side, side);
    const text = getComputedStyle(canvas).color;
    pen.font = "11px sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    data.names.forEach((name, n) => {
      pen.fillStyle = text;
      pen.fillText(name, EDGE + (n + 0.5) * BOX, EDGE / 2);
      pen.fillText(name, EDGE / 2, EDGE + (n + 0.5) * BOX);
      pen.globalAlpha = 0.06;
      if (n % 2) { pen.fillRect(EDGE, EDGE + n * BOX, side - EDGE, BOX); pen.fillRect(EDGE + n * BOX, EDGE, BOX, side - EDGE); }
      pen.globalAlpha = 1;
    });
    for (const [row, column, images] of data.counts) {
      const right = row === column, [x, y] = [EDGE + column * BOX, EDGE + row * BOX];
      pen.fillStyle = right ? "#009E73" : "#D55E00";
      pen.globalAlpha = right ? 0.2 + 0.6 * (images.length / data.most) : 0.9;
      pen.fillRect(x + 0.5, y + 0.5, BOX - 1, BOX - 1);
      pen.globalAlpha = 1;
      if (!right) { pen.fillStyle = "#fff"; pen.font = "bold 10px sans-serif"; pen.fillText(String(images.length), x + BOX / 2, y + BOX / 2); }
    }
    pen.strokeStyle = text;
    pen.lineWidth = 2;
    pen.strokeRect(EDGE + at[1] * BOX, EDGE + at[0] * BOX, BOX, BOX);
    canvas.setAttribute("aria-label", `Matrix of ${data.names.length} characters: rows what it is, columns what was read. Arrow keys move; at ${data.names[at[0]]} read as ${data.names[at[1]]}.`);
  }

  function open() {
    const images = cells.get(at.join(" ")) ?? [], [truth, read] = at.map((n) => data.names[n]);
    find(".what").textContent = `${truth} read as ${read}: ${images.length} of ${data.fonts.length / data.names.length} test images of ${truth}.`;
    find(".images").replaceChildren(...images.map((n) => {
      const figure = document.createElement("figure");
      figure.innerHTML = `<div role="img"></div><figcaption></figcaption>`;
      const [row, column] = [Math.floor(n / data.columns), n % data.columns], part = figure.firstElementChild;
      part.setAttribute("aria-label", `Test image ${n}, ${truth}, in ${data.fonts[n]}`);
      part.style.cssText = `background-image:url(${data.sheet});background-size:${100 * data.columns}% ${100 * data.rows}%;background-position:${(100 * column) / (data.columns - 1)}% ${(100 * row) / (data.rows - 1)}%`;
      figure.lastElementChild.textContent = data.fonts[n];
      return figure;
    }));
  }

  function move(row, column) {
    const hold = (n) => Math.min(Math.max(n, 0), data.names.length - 1);
    const to = [hold(row), hold(column)];
    if (to[0] === at[0] && to[1] === at[1]) return;
    at = to;
    draw();
    open();
  }

  canvas.onpointermove = canvas.onpointerdown = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = canvas.getBoundingClientRect();
    const scale = (EDGE + BOX * data.names.length) / box.width, cell = (offset) => Math.floor((offset * scale - EDGE) / BOX);
    move(cell(event.clientY - box.top), cell(event.clientX - box.left));
  };
  canvas.onkeydown = (event) => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!by) return;
    event.preventDefault();
    move(at[0] + by[0], at[1] + by[1]);
  };
  return view;
}
