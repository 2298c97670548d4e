// Two distributions of scores, a line between them that one drags, and what follows: a thousand people, rates, predictive values, ROC, costs.
// data: {identity, without, withIt (sorted scores, or null for two bell curves), unit, start: {threshold, apart, prevalence, miss}, colours: {NORMAL, PNEUMONIA},
//        hidden (whether the people and their numbers are locked), marks: [{threshold, title}], own: prevalence of the set or null}
// Sends `settings` once the visitor has paused.

import * as decisions from "./decisions.js";
import { component, settling } from "./view.js";

const PEOPLE = 1000, COLUMNS = 50, BINS = 44, GRAB_PX = 14;

export default component(build);

function build(root) {
  root.innerHTML = `
    <div class="top">
      <figure><canvas class="curves" tabindex="0" role="slider" aria-label="Threshold"></canvas><figcaption></figcaption></figure>
      <figure class="small"><canvas class="roc" role="img" aria-label="ROC curve"></canvas><figcaption>ROC: the dot is this threshold. Drag along it.</figcaption></figure>
    </div>
    <div class="row controls">
      <label class="wide">Prevalence <input class="prevalence" type="range" min="1" max="90" step="0.5"><output class="number"></output></label>
      <label class="wide">A missed case costs as much as <input class="miss" type="range" min="1" max="100" step="1"><output class="number"></output></label>
      <button type="button" class="cheapest">Go to the cheapest threshold</button>
      <span class="marks"></span>
    </div>
    <p class="locked note" hidden>A thousand people and what becomes of them are shown once you have predicted, above.</p>
    <div class="bottom">
      <figure><canvas class="people" role="img"></canvas><figcaption class="legend"></figcaption></figure>
      <div class="numbers">
        <table class="matrix"><thead><tr><td></td><th scope="col">called PNEUMONIA</th><th scope="col">called NORMAL</th></tr></thead>
          <tbody><tr><th scope="row">with pneumonia</th><td class="tp"></td><td class="fn"></td></tr><tr><th scope="row">without</th><td class="fp"></td><td class="tn"></td></tr></tbody></table>
        <dl></dl><p class="note">Drawn people are whole: their counts are rounded, rates and cost are not.</p><p class="said" aria-live="polite"></p>
      </div>
    </div>`;
  const find = (selector) => root.querySelector(selector), curves = find(".curves"), roc = find(".roc");
  let data = null, state = null, range = [-4, 7], held = null;
  const view = { take }, settle = settling(view, () => ({ ...state }));

  const bell = () => data.without === null;
  const rates = (threshold = state.threshold) => (bell() ? decisions.binormal(threshold, state.apart) : decisions.empirical(threshold, data.without, data.withIt));
  const grid = () => Array.from({ length: 401 }, (_, n) => range[0] + ((range[1] - range[0]) * n) / 400);

  function take(given) {
    const same = data?.identity === given.identity;
    data = given;
    if (same) return;
    find(".locked").hidden = !data.hidden;
    find(".bottom").hidden = data.hidden;
    state = { ...data.start };
    if (!bell()) {
      const all = [...data.without, ...data.withIt], low = Math.min(...all), high = Math.max(...all), edge = 0.03 * (high - low || 1);
      range = [low - edge, high + edge];
    } else range = [-4, 8];
    find(".marks").innerHTML = data.marks.map(({ title }, n) => `<button type="button" data-n="${n}">${title}</button>`).join(" ");
    find(".marks").onclick = ({ target }) => target.dataset.n && change({ threshold: data.marks[Number(target.dataset.n)].threshold });
    curves.setAttribute("aria-valuemin", range[0].toFixed(2));
    curves.setAttribute("aria-valuemax", range[1].toFixed(2));
    draw();
  }

  function change(what) {
    Object.assign(state, what);
    state.threshold = Math.min(Math.max(state.threshold, range[0]), range[1]);
    state.apart = Math.min(Math.max(state.apart, 0), 5);
    draw();
    settle();
  }

  // --- drawing ----------------------------------------------------------------------------------------------------

  function fit(canvas, ratio) {
    const scale = window.devicePixelRatio || 1, width = canvas.getBoundingClientRect().width || 300;
    const [w, h] = [Math.round(width * scale), Math.round(width * ratio * scale)];
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, width * ratio);
    return [pen, width, width * ratio];
  }

  const style = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const density = (x) => Math.exp((-x * x) / 2);

  function draw() {
    if (!data) return;
    drawCurves();
    drawRoc();
    drawPeople();
    numbers();
    find(".prevalence").value = 100 * state.prevalence;
    find(".prevalence + output").textContent = `${+(100 * state.prevalence).toFixed(1)}%`;
    find(".miss").value = state.miss;
    find(".miss + output").textContent = `${state.miss} false alarms`;
  }

  function drawCurves() {
    const [pen, width, height] = fit(curves, window.innerWidth < 700 ? 0.55 : 0.36), text = getComputedStyle(root).color, base = height - 20;
    const x = (score) => ((score - range[0]) / (range[1] - range[0])) * width;
    const groups = [["NORMAL", data.without, 0], ["PNEUMONIA", data.withIt, state.apart]];
    let tops;
    if (bell()) tops = groups.map(([, , middle]) => Array.from({ length: 161 }, (_, n) => { const at = range[0] + ((range[1] - range[0]) * n) / 160; return [at, density(at - middle)]; }));
    else tops = groups.map(([, scores]) => {
      const bins = new Array(BINS).fill(0);
      scores.forEach((score) => bins[Math.min(BINS - 1, Math.floor(((score - range[0]) / (range[1] - range[0])) * BINS))]++);
      return bins.flatMap((count, n) => { const share = count / scores.length, wide = (range[1] - range[0]) / BINS; return [[range[0] + n * wide, share], [range[0] + (n + 1) * wide, share]]; });
    });
    const most = Math.max(...tops.flat().map(([, value]) => value));
    tops.forEach((points, n) => {
      const colour = data.colours[groups[n][0]];
      pen.beginPath();
      pen.moveTo(x(points[0][0]), base);
      points.forEach(([at, value]) => pen.lineTo(x(at), base - (value / most) * (base - 26)));
      pen.lineTo(x(points.at(-1)[0]), base);
      pen.globalAlpha = 0.35;
      pen.fillStyle = colour;
      pen.fill();
      pen.globalAlpha = 1;
      pen.strokeStyle = colour;
      pen.lineWidth = 2;
      pen.setLineDash(n ? [] : [6, 3]);
      pen.stroke();
      pen.setLineDash([]);
    });
    pen.fillStyle = text;
    pen.font = `13px ${style("--st-font") || "sans-serif"}`;
    pen.textAlign = "left";
    pen.fillText("┄ without pneumonia", 6, 14);
    pen.textAlign = "right";
    pen.fillText("── with pneumonia", width - 6, 14);
    const line = x(state.threshold);
    pen.strokeStyle = text;
    pen.lineWidth = 2;
    pen.beginPath(); pen.moveTo(line, 22); pen.lineTo(line, base); pen.stroke();
    pen.beginPath(); pen.arc(line, base - 8, 8, 0, 7); pen.fillStyle = style("--st-primary-color"); pen.fill(); pen.stroke();
    pen.fillStyle = text;
    pen.textAlign = line < 90 ? "left" : line > width - 90 ? "right" : "center";
    pen.fillText("← NORMAL | PNEUMONIA →", line, height - 5);
    const told = bell() ? state.threshold.toFixed(2) : `${state.threshold.toFixed(2)}, probability ${(1 / (1 + Math.exp(-state.threshold))).toFixed(3)}`;
    curves.setAttribute("aria-valuenow", state.threshold.toFixed(2));
    curves.setAttribute("aria-valuetext", told);
    find(".top figcaption").textContent = `${data.unit}. Threshold ${told}. Drag the line, or use the arrow keys${bell() ? "; drag the curve on the right to make the groups easier or harder to tell apart" : ""}.`;
  }

  function drawRoc() {
    const [pen, width, height] = fit(roc, 1), text = getComputedStyle(root).color, pad = 22, side = width - pad - 6;
    const place = ({ sensitivity, specificity }) => [pad + (1 - specificity) * side, 6 + (1 - sensitivity) * side];
    pen.strokeStyle = text;
    pen.globalAlpha = 0.5;
    pen.lineWidth = 1;
    pen.strokeRect(pad, 6, side, side);
    pen.setLineDash([3, 3]);
    pen.beginPath(); pen.moveTo(pad, 6 + side); pen.lineTo(pad + side, 6); pen.stroke();
    pen.setLineDash([]);
    pen.globalAlpha = 1;
    pen.lineWidth = 2;
    pen.strokeStyle = style("--st-primary-color");
    pen.beginPath();
    // Measured scores have steps of their own: each of them, or the corners would be cut.
    const line = bell() ? grid() : [range[0], ...new Set([...data.without, ...data.withIt]), range[1]].sort((a, b) => a - b);
    line.forEach((each, n) => { const [a, b] = place(rates(each)); if (n) pen.lineTo(a, b); else pen.moveTo(a, b); });
    pen.stroke();
    const [a, b] = place(rates());
    pen.fillStyle = text;
    pen.beginPath(); pen.arc(a, b, 6, 0, 7); pen.fill();
    pen.font = `11px ${style("--st-font") || "sans-serif"}`;
    pen.textAlign = "center";
    pen.fillText("1 − specificity", pad + side / 2, height - 5);
    pen.save(); pen.translate(11, 6 + side / 2); pen.rotate(-Math.PI / 2); pen.fillText("sensitivity", 0, 0); pen.restore();
  }

  function drawPeople() {
    const columns = window.innerWidth < 700 ? 40 : COLUMNS, [pen, width] = fit(find(".people"), PEOPLE / columns / columns), cell = width / columns;
    const { tp, fn, fp, tn } = decisions.counts(rates(), state.prevalence, PEOPLE);
    const kinds = [["tp", tp], ["fn", fn], ["fp", fp], ["tn", tn]].flatMap(([kind, count]) => new Array(count).fill(kind));
    const { NORMAL, PNEUMONIA } = data.colours;
    kinds.forEach((kind, n) => {
      const x = (n % columns) * cell + cell / 2, y = Math.floor(n / columns) * cell + cell / 2, r = cell * 0.36, sick = kind === "tp" || kind === "fn";
      pen.strokeStyle = pen.fillStyle = sick ? PNEUMONIA : NORMAL;
      pen.lineWidth = Math.max(1, cell * 0.13);
      pen.globalAlpha = kind === "tn" ? 0.35 : 1;
      pen.beginPath();
      if (sick) { pen.moveTo(x, y - r); pen.lineTo(x + r, y + r); pen.lineTo(x - r, y + r); pen.closePath(); } else pen.arc(x, y, r * 0.9, 0, 7);
      if (kind === "tp" || kind === "tn") pen.fill(); else pen.stroke();
      if (kind === "fp") { pen.beginPath(); pen.arc(x, y, r * 0.3, 0, 7); pen.fill(); }
      if (kind === "fn") { pen.beginPath(); pen.moveTo(x - r * 0.5, y + r * 0.55); pen.lineTo(x + r * 0.5, y + r * 0.55); pen.stroke(); }
    });
    pen.globalAlpha = 1;
    find(".people").setAttribute("aria-label", `${PEOPLE} people: ${tp} found, ${fn} missed, ${fp} false alarms, ${tn} correctly sent home`);
    find(".legend").innerHTML = `<span style="color:${PNEUMONIA}">▲</span> found ${tp} · <span style="color:${PNEUMONIA}">△</span> missed ${fn} · <span style="color:${NORMAL}">◎</span> false alarm ${fp} · <span style="color:${NORMAL};opacity:.6">●</span> correctly sent home ${tn}`;
  }

  function numbers() {
    const now = rates(), { ppv, npv } = decisions.predictive(now, state.prevalence), people = decisions.counts(now, state.prevalence, PEOPLE);
    for (const [name, count] of Object.entries(people)) find(`.${name}`).textContent = count;
    const percent = (value) => (value === null ? "–" : `${(100 * value).toFixed(1)}%`);
    const accuracy = state.prevalence * now.sensitivity + (1 - state.prevalence) * now.specificity;
    find("dl").innerHTML = [["Sensitivity", now.sensitivity, "of those with pneumonia are found"], ["Specificity", now.specificity, "of those without are sent home"], ["PPV", ppv, "of the alarms are right"],
      ["NPV", npv, "of those sent home are well"], ["Accuracy", accuracy, "of all are called right"]]
      .map(([name, value, what]) => `<div><dt>${name}</dt><dd class="number">${percent(value)}</dd><dd class="what">${what}</dd></div>`).join("") +
      `<div><dt>Cost</dt><dd class="number">${decisions.cost(now, state.prevalence, PEOPLE, state.miss).toFixed(0)}</dd><dd class="what">false alarms, for ${PEOPLE} people</dd></div>`;
    find(".said").textContent = ppv === null ? "Nobody is called PNEUMONIA." : `Of 100 alarms, ${Math.round(100 * ppv)} have pneumonia. ${npv === null ? "Everybody is called PNEUMONIA, and nobody is sent home. " : ""}${people.fn} of ${people.tp + people.fn} with pneumonia go home untreated.`;
  }

  // --- hands ---------------------------------------------------------------------------------------------------------

  const scoreAt = (event) => { const box = curves.getBoundingClientRect(); return range[0] + ((event.clientX - box.left) / box.width) * (range[1] - range[0]); };
  curves.onpointerdown = (event) => {
    const box = curves.getBoundingClientRect(), line = ((state.threshold - range[0]) / (range[1] - range[0])) * box.width;
    const near = Math.abs(event.clientX - box.left - line) < GRAB_PX, score = scoreAt(event);
    held = !near && bell() && score > state.apart / 2 && Math.abs(score - state.apart) < 1.6 ? { what: "curve", from: score, apart: state.apart } : { what: "line" };
    curves.setPointerCapture(event.pointerId);
    curves.focus({ preventScroll: true });
    if (held.what === "line") change({ threshold: score });
  };
  curves.onpointermove = (event) => {
    if (!held) return;
    if (held.what === "line") change({ threshold: scoreAt(event) });
    else change({ apart: held.apart + scoreAt(event) - held.from });
  };
  curves.onpointerup = curves.onpointercancel = () => { held = null; };
  curves.onkeydown = (event) => {
    const step = (range[1] - range[0]) / (event.shiftKey ? 20 : 200), by = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    change({ threshold: state.threshold + by });
  };
  const alongRoc = (event) => {
    const box = roc.getBoundingClientRect(), pad = 22, side = box.width - pad - 6, wanted = [(event.clientX - box.left - pad) / side, 1 - (event.clientY - box.top - 6) / side];
    const away = (each) => { const { sensitivity, specificity } = rates(each); return (1 - specificity - wanted[0]) ** 2 + (sensitivity - wanted[1]) ** 2; };
    change({ threshold: grid().reduce((best, each) => (away(each) < away(best) ? each : best)) });
  };
  roc.onpointerdown = (event) => { roc.setPointerCapture(event.pointerId); roc.held = true; alongRoc(event); };
  roc.onpointermove = (event) => { if (roc.held) alongRoc(event); };
  roc.onpointerup = roc.onpointercancel = () => { roc.held = false; };
  find(".prevalence").oninput = ({ target }) => change({ prevalence: target.valueAsNumber / 100 });
  find(".miss").oninput = ({ target }) => change({ miss: target.valueAsNumber });
  find(".cheapest").onclick = () => change({ threshold: decisions.cheapest(bell() ? grid() : [range[0], ...data.without, ...data.withIt, range[1]].sort((a, b) => a - b), rates, state.prevalence, state.miss) });

  new ResizeObserver(draw).observe(root);
  return view;
}
