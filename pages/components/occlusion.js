// A grey square that one drags over the image; the probability for each of its places was computed before, and follows at once.
// data: {identity, picture (data URL), alt, probabilities (rows of places), clean, side (share of the image's), threshold, start: {row, column}}

import { component, settling } from "./view.js";

export default component(build);

function build(root) {
  root.innerHTML = `
    <div class="both">
      <figure><div class="field" role="application" tabindex="0" data-own-keys aria-label="Drag the grey patch; arrow keys move it">
        <img draggable="false"><div class="square"></div></div><figcaption>Drag the patch, or move it by the arrow keys.</figcaption></figure>
      <figure><canvas class="map" role="img"></canvas><figcaption>What each place does: orange lowers the probability, blue raises it. The framed place is where the patch lies.</figcaption></figure>
    </div>
    <p class="said" aria-live="polite"></p>
    <div class="row"><button type="button" class="most">Where it falls most</button><button type="button" class="away">Without the patch</button></div>`;
  const find = (selector) => root.querySelector(selector), field = find(".field"), square = find(".square");
  let data = null, place = null, dragging = false;
  const view = { take }, settle = settling(view, () => place ?? { row: -1, column: -1 });

  function take(given) {
    const same = data?.identity === given.identity;
    data = given;
    if (same) return;
    find("img").src = data.picture;
    find("img").alt = data.alt;
    place = data.start ? { ...data.start } : lowest();
    show();
  }

  function lowest() {
    let best = { row: 0, column: 0 }, least = Infinity;
    data.probabilities.forEach((line, row) => line.forEach((value, column) => { if (value < least) { least = value; best = { row, column }; } }));
    return best;
  }

  const percent = (value) => `${(100 * value).toFixed(value > 0.001 && value < 0.999 ? 1 : 2)}%`;

  function show() {
    const count = data.probabilities.length, share = 100 * data.side;
    square.hidden = !place;
    if (place) {
      square.style.width = square.style.height = `${share}%`;
      square.style.left = `${((place.column + 0.5) / count) * 100 - share / 2}%`;
      square.style.top = `${((place.row + 0.5) / count) * 100 - share / 2}%`;
    }
    const now = place ? data.probabilities[place.row][place.column] : data.clean, called = (value) => (value >= data.threshold ? "PNEUMONIA" : "NORMAL");
    find(".said").innerHTML = `Probability of PNEUMONIA: <strong>${percent(now)}</strong> (without the patch ${percent(data.clean)}). ` +
      (called(now) === called(data.clean) ? `The model still says ${called(now)}.` : `<strong>The model changes its mind: ${called(now)}.</strong>`);
    map(count);
  }

  function map(count) {
    const canvas = find(".map"), pen = canvas.getContext("2d"), cell = 12;
    canvas.width = canvas.height = count * cell;
    // In logits, so that a fall from 99.9% to 99% is seen as well as one from 50% to 9%.
    const logit = (value) => Math.log(Math.min(Math.max(value, 1e-9), 1 - 1e-9) / (1 - Math.min(Math.max(value, 1e-9), 1 - 1e-9)));
    const changes = data.probabilities.map((line) => line.map((value) => logit(value) - logit(data.clean)));
    const most = Math.max(1e-6, ...changes.flat().map(Math.abs));
    changes.forEach((line, row) => line.forEach((change, column) => {
      const share = Math.abs(change) / most;
      pen.fillStyle = change < 0 ? `rgba(213, 94, 0, ${share})` : `rgba(0, 114, 178, ${share})`;
      pen.fillRect(column * cell, row * cell, cell, cell);
    }));
    if (place) {
      pen.strokeStyle = getComputedStyle(root).color;
      pen.lineWidth = 2;
      pen.strokeRect(place.column * cell + 1, place.row * cell + 1, cell - 2, cell - 2);
    }
    canvas.setAttribute("aria-label", `Map of what the patch does at ${count} × ${count} places`);
  }

  function move(row, column) {
    const count = data.probabilities.length, hold = (n) => Math.min(Math.max(n, 0), count - 1);
    place = { row: hold(row), column: hold(column) };
    show();
    settle();
  }

  function to(event, element) {
    const box = element.getBoundingClientRect(), count = data.probabilities.length;
    move(Math.floor(((event.clientY - box.top) / box.height) * count), Math.floor(((event.clientX - box.left) / box.width) * count));
  }

  for (const element of [field, find(".map")]) {
    element.onpointerdown = (event) => { dragging = true; element.setPointerCapture(event.pointerId); to(event, element); };
    element.onpointermove = (event) => { if (dragging) to(event, element); };
    element.onpointerup = element.onpointercancel = () => { dragging = false; };
  }
  field.onkeydown = (event) => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!by) return;
    event.preventDefault();
    const from = place ?? lowest();
    move(from.row + by[0], from.column + by[1]);
  };
  find(".most").onclick = () => { const { row, column } = lowest(); move(row, column); };
  find(".away").onclick = () => { place = null; show(); settle(); };

  return view;
}
