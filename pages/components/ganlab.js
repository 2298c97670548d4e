// Two networks of two dimensions, seen: real points, fakes, the discriminator's belief, its pull on the fakes, losses and distance.
// data: {identity, extent, real (float32 pairs, base64), frames: [{d, g, lossD, lossG, fakes, arrows (float32, base64), surface (uint8, base64), distance, modes}],
//        first (number of the first frame sent), grid, drawing (whether points are drawn here), points, ln2, broken}
// What has come before stays here, so that the player can go back. Triggers `act` {what: "d" | "g" | "both", count}; sends `points` of a drawing.

import { bytes, float32 } from "./bytes.js";
import { written } from "./board.js";
import { attach } from "./player.js";
import { component } from "./view.js";

const ACTS = [["d", 1, "D step"], ["g", 1, "G step"], ["both", 1, "Both"], ["d", 50, "50 × D"], ["g", 50, "50 × G"], ["both", 100, "100 × both"], ["both", 500, "500 × both"]];
const MOST_FRAMES = 1200, MOST_POINTS = 400, REAL = "#0072B2", FAKE = "#D55E00";

export default component(build);

function build(root) {
  root.innerHTML = `
    <div class="row acts">${ACTS.map(([what, count, title], n) => `<button type="button" data-n="${n}">${title}</button>`).join("")}<span class="busy" hidden>computing …</span></div>
    <div class="row layers">
      <label><input type="checkbox" data-layer="belief" checked> Belief</label><label><input type="checkbox" data-layer="real" checked> Real points</label>
      <label><input type="checkbox" data-layer="fakes" checked> Fakes</label><label><input type="checkbox" data-layer="arrows" checked> Pull on the fakes</label>
      <span class="drawing" hidden><button type="button" class="use">Train on my drawing</button> <button type="button" class="wipe">Wipe</button></span>
    </div>
    <div class="both"><figure><canvas class="plane" role="img"></canvas><figcaption></figcaption></figure>
      <div class="side"><div class="chart"><strong>Losses</strong><canvas class="losses" role="img"></canvas><p class="legend"><b style="color:${REAL}">━</b> discriminator <b class="number ld"></b> &nbsp; <b style="color:${FAKE}">┅</b> generator <b class="number lg"></b> <span class="ln2">&nbsp; ┈ ln 2 and 2 ln 2</span></p></div>
      <div class="chart"><strong>Distance to the truth</strong><canvas class="distance" role="img"></canvas><p class="legend"><b class="number dist"></b> <span class="modes"></span></p></div></div></div>
    <div class="steps"></div>`;
  const find = (selector) => root.querySelector(selector);
  let data = null, frames = [], real = null, drawn = [], pen = null;
  const view = { take };

  find(".acts").onclick = ({ target }) => {
    if (target.dataset.n === undefined) return;
    const [what, count] = ACTS[Number(target.dataset.n)];
    busy(true);
    view.trigger("act", { what, count });
  };
  find(".layers").onchange = () => draw();

  function busy(on) {
    find(".busy").hidden = !on;
    root.querySelectorAll(".acts button").forEach((each) => { each.disabled = on || data.broken; });
  }

  function take(given) {
    const fresh = data?.identity !== given.identity;
    data = given;
    if (fresh) { frames = []; real = float32(data.real); drawn = data.points.map((each) => [...each]); }
    const had = frames.length ? frames.at(-1).number : -1;
    const first = frames.length;
    data.frames.forEach((each, n) => {
      const number = data.first + n;
      if (number > had) frames.push({ ...each, number, fakes: float32(each.fakes), arrows: float32(each.arrows), surface: bytes(each.surface) });
    });
    const cut = Math.max(0, frames.length - MOST_FRAMES);
    frames.splice(0, cut);
    const came = frames.length - (first - cut);
    busy(false);
    find(".drawing").hidden = !data.drawing;
    find(".ln2").hidden = !data.ln2;
    const player = attach(find(".steps"), { frames: Math.max(frames.length, 1), at: frames.length - 1, rate: 16, loop: false, label: "Moment", title: "the training", keys: root, draw, caption });
    // A burst is played from where it began; a single step is shown at once.
    if (fresh || came <= 1) player.seek(frames.length - 1, { settle: false });
    else if (came > 1) { player.seek(Math.max(0, frames.length - came), { settle: false }); find(".play").click(); }
    draw(player.at);
  }

  function caption(at) {
    const now = frames[at], before = frames[at - 1];
    if (!now) return "";
    const steps = `${now.d} steps of D, ${now.g} of G`;
    if (!before) return `${steps}. Nothing is trained yet: the discriminator says one half everywhere.`;
    const [d, g] = [now.d - before.d, now.g - before.g];
    if (d === 1 && !g) return `${steps}. D step: real points should score high, fakes low; the fakes are detached. L_D was ${written(now.lossD, 3)}; G stays as it was.`;
    if (g === 1 && !d) return `${steps}. G step: the fakes move to where D believes them. L_G was ${written(now.lossG, 3)}; D stays as it was.`;
    return `${steps}. L_D ${written(now.lossD, 3)}, L_G ${written(now.lossG, 3)}.`;
  }

  const shown = (name) => find(`[data-layer=${name}]`).checked;
  let current = 0;

  function fit(canvas, ratio) {
    const scale = window.devicePixelRatio || 1, width = canvas.getBoundingClientRect().width || 320;
    const [w, h] = [Math.round(width * scale), Math.round(width * ratio * scale)];
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, width * ratio);
    return [context, width, width * ratio];
  }

  function draw(at = current) {
    current = Math.min(at, frames.length - 1);
    const now = frames[current];
    if (!now) return;
    const [context, width] = fit(find(".plane"), 1), x = (value) => ((value + data.extent) / (2 * data.extent)) * width, y = (value) => width - x(value);
    if (shown("belief")) {
      const sheet = document.createElement("canvas");
      sheet.width = sheet.height = data.grid;
      const pixels = new ImageData(data.grid, data.grid);
      now.surface.forEach((value, n) => {
        const share = value / 255, strong = Math.abs(share - 0.5) * 2;  // blue where real is believed, orange where fake is, clear between
        const [r, g, b] = share > 0.5 ? [0, 114, 178] : [213, 94, 0];
        pixels.data.set([r, g, b, 150 * strong], 4 * n);
      });
      sheet.getContext("2d").putImageData(pixels, 0, 0);
      context.drawImage(sheet, 0, 0, width, width);
    }
    const text = getComputedStyle(root).color;
    if (shown("real")) {
      context.fillStyle = REAL;
      context.globalAlpha = 0.75;
      for (let n = 0; n < real.length; n += 2) { context.beginPath(); context.arc(x(real[n]), y(real[n + 1]), 2.4, 0, 7); context.fill(); }
      context.globalAlpha = 1;
    }
    context.strokeStyle = text;
    if (shown("arrows")) {
      const most = Math.max(1e-9, ...Array.from({ length: now.arrows.length / 2 }, (_, n) => Math.hypot(now.arrows[2 * n], now.arrows[2 * n + 1])));
      context.lineWidth = 1;
      context.globalAlpha = 0.7;
      for (let n = 0; n < now.arrows.length; n += 2) {
        const [dx, dy] = [(now.arrows[n] / most) * 28, (now.arrows[n + 1] / most) * 28], [a, b] = [x(now.fakes[n]), y(now.fakes[n + 1])];
        context.beginPath(); context.moveTo(a, b); context.lineTo(a + dx, b - dy); context.stroke();
      }
      context.globalAlpha = 1;
    }
    if (shown("fakes")) {
      context.strokeStyle = FAKE;
      context.lineWidth = 1.8;
      for (let n = 0; n < now.fakes.length; n += 2) {
        const [a, b] = [x(now.fakes[n]), y(now.fakes[n + 1])];
        context.beginPath(); context.moveTo(a - 3, b - 3); context.lineTo(a + 3, b + 3); context.moveTo(a + 3, b - 3); context.lineTo(a - 3, b + 3); context.stroke();
      }
    }
    if (data.drawing) {
      context.fillStyle = text;
      drawn.forEach(([a, b]) => { context.beginPath(); context.arc(x(a), y(b), 2, 0, 7); context.fill(); });
    }
    find(".plane").setAttribute("aria-label", `Real points and fakes; distance ${written(now.distance, 3)}`);
    find("figcaption").innerHTML = `<span style="color:${REAL}">●</span> real &nbsp; <span style="color:${FAKE}">✕</span> fake${data.drawing ? " &nbsp; Draw with the mouse or a finger, then press <em>Train on my drawing</em>." : ""}`;
    charts(now);
  }

  function charts(now) {
    const steps = frames.map(({ d, g }) => Math.max(d, g)), last = Math.max(...steps, 1);
    const line = (context, values, colour, dash, place) => {
      context.strokeStyle = colour;
      context.setLineDash(dash);
      context.lineWidth = 2;
      context.beginPath();
      let down = false;
      values.forEach((value, n) => {
        if (!Number.isFinite(value)) return;
        const [a, b] = place(steps[n], value);
        if (down) context.lineTo(a, b); else context.moveTo(a, b);
        down = true;
      });
      context.stroke();
      context.setLineDash([]);
    };
    const board = (canvas, series, guides) => {
      const [context, width, height] = fit(canvas, 0.42), left = 40, below = 18, text = getComputedStyle(root).color;
      const numbers = [...series.flatMap(({ values }) => values), ...guides].filter(Number.isFinite), low = Math.min(0, ...numbers), high = Math.max(...numbers, 1e-6) * 1.05;
      const place = (step, value) => [left + (step / last) * (width - left - 6), height - below - ((Math.min(Math.max(value, low), high) - low) / (high - low)) * (height - below - 6)];
      context.fillStyle = text;
      context.font = `11px ${getComputedStyle(canvas).getPropertyValue("--st-font") || "sans-serif"}`;
      context.textAlign = "right";
      for (const value of [low, (low + high) / 2, high]) context.fillText(written(value), left - 5, place(0, value)[1] + 4);
      context.fillText(`step ${last}`, width - 4, height - 4);
      for (const guide of guides) line(context, steps.map(() => guide), text, [1, 4], place);
      series.forEach(({ values, colour, dash }) => line(context, values, colour, dash, place));
      const [cursor] = place(steps[current], 0);
      context.strokeStyle = text;
      context.lineWidth = 1;
      context.beginPath(); context.moveTo(cursor, 6); context.lineTo(cursor, height - below); context.stroke();
    };
    board(find(".losses"), [{ values: frames.map(({ lossD }) => lossD), colour: REAL, dash: [] }, { values: frames.map(({ lossG }) => lossG), colour: FAKE, dash: [6, 4] }], data.ln2 ? [data.ln2, 2 * data.ln2] : []);
    board(find(".distance"), [{ values: frames.map(({ distance }) => distance), colour: "#009E73", dash: [] }], []);
    const said = (value) => (Number.isFinite(value) ? written(value, 3) : "–");
    find(".ld").textContent = said(now.lossD);
    find(".lg").textContent = said(now.lossG);
    find(".dist").textContent = written(now.distance, 3);
    find(".modes").textContent = now.modes >= 0 ? `Modes met: ${now.modes} of 8` : "";
    find(".losses").setAttribute("aria-label", `Losses: discriminator ${said(now.lossD)}, generator ${said(now.lossG)}`);
    find(".distance").setAttribute("aria-label", `Distance to the truth ${written(now.distance, 3)}`);
  }

  const plane = find(".plane");
  const at = (event) => { const box = plane.getBoundingClientRect(); return [((event.clientX - box.left) / box.width) * 2 * data.extent - data.extent, data.extent - ((event.clientY - box.top) / box.height) * 2 * data.extent]; };
  plane.onpointerdown = (event) => { if (data.drawing) { plane.setPointerCapture(event.pointerId); pen = true; add(event); } };
  plane.onpointermove = (event) => { if (pen) add(event); };
  plane.onpointerup = plane.onpointercancel = () => { pen = null; };
  function add(event) { if (drawn.length < MOST_POINTS) { drawn.push(at(event).map((value) => Math.round(value * 1000) / 1000)); draw(); } }
  find(".use").onclick = () => { if (drawn.length) { busy(true); view.set("points", drawn); } };
  find(".wipe").onclick = () => { drawn = []; draw(); };

  new ResizeObserver(() => draw()).observe(root);
  return view;
}
