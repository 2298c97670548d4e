// Which part of a network learns: freeze the first tensors, and see how many parameters that are.
// data: {identity, architectures: [{name, title, sizes, head}], start: {name, share}}. sizes: of its tensors, from the image to the head.
// Sends `settings` once the visitor has paused.

import { component, settling } from "./view.js";

const counted = (value) => value.toLocaleString("en-US");

// How many tensors the first `share` of them are, and how many parameters they hold, as pneumo/lessons/transfer.py has it.
export function frozen(sizes, share) {
  const tensors = Math.trunc(share * sizes.length);
  return { tensors, parameters: sizes.slice(0, tensors).reduce((a, b) => a + b, 0) };
}

export default component(build);

function build(root) {
  root.innerHTML = `
    <div class="row nets" role="group" aria-label="Network"></div>
    <div class="row presets" role="group" aria-label="What learns"></div>
    <label class="slide">Frozen: the first <output class="number"></output> of the tensors <input type="range" min="0" max="1" step="0.01" aria-label="Share of the tensors that is frozen"></label>
    <div class="bars"></div>
    <div class="path"></div>
    <p class="formula number" aria-live="polite"></p>`;
  const find = (selector) => root.querySelector(selector), slider = find("input");
  let data = null, state = null;
  const view = { take }, settle = settling(view, () => ({ name: state.name, share: Math.round(1e6 * state.share) / 1e6 }));
  const net = () => data.architectures.find((each) => each.name === state.name);

  function take(given) {
    const same = data && given.identity === data.identity;
    data = given;
    if (same) return;
    state = { ...given.start };
    find(".nets").innerHTML = data.architectures.map(({ name, title }) => `<button type="button" value="${name}">${title}</button>`).join("");
    root.querySelectorAll(".nets button").forEach((button) => (button.onclick = () => { state.name = button.value; show(); settle(); }));
    find(".presets").innerHTML = `<button type="button" value="head">Only the head learns</button><button type="button" value="third">The last third of the tensors</button><button type="button" value="all">Everything</button>`;
    root.querySelectorAll(".presets button").forEach((button) => (button.onclick = () => { state.share = shareOf(button.value); show(); settle(); }));
    slider.oninput = () => { state.share = slider.valueAsNumber; show(); settle(); };
    const path = find(".path");
    path.onpointerdown = path.onpointermove = (event) => {
      if (!event.buttons) return;
      const box = path.querySelector("svg").getBoundingClientRect(), at = ((event.clientX - box.left) / box.width * 320 - 34) / 276;
      state.share = Math.round(100 * Math.min(Math.max(at, 0), 1)) / 100;
      show();
      settle();
    };
    show();
  }

  // Only the head: every tensor but the head's.
  const shareOf = (what) => ({ head: (net().sizes.length - net().head) / net().sizes.length + 1e-9, third: data.third, all: 0 })[what];

  function show() {
    const { sizes, head } = net(), total = sizes.reduce((a, b) => a + b), held = frozen(sizes, state.share);
    const share = held.tensors / sizes.length, part = held.parameters / total;
    root.querySelectorAll(".nets button").forEach((button) => button.setAttribute("aria-pressed", button.value === state.name));
    root.querySelectorAll(".presets button").forEach((button) => button.setAttribute("aria-pressed", Math.trunc(shareOf(button.value) * sizes.length) === held.tensors));
    slider.value = state.share;
    find("output").textContent = `${Math.round(100 * state.share)}%`;
    const bar = (title, value, text) => `<div class="bar"><span>${title}</span><div class="whole" role="img" aria-label="${title}: ${text}"><i style="width:${(100 * value).toFixed(2)}%"></i></div><span class="number">${text}</span></div>`;
    find(".bars").innerHTML = bar("Tensors", share, `${counted(held.tensors)} of ${counted(sizes.length)} frozen (${(100 * share).toFixed(1)}%)`) +
      bar("Parameters", part, `${counted(held.parameters)} of ${counted(total)} frozen (${(100 * part).toFixed(1)}%)`);
    let sum = 0;
    const x = (value) => 34 + 276 * value, y = (value) => 128 - 118 * value;
    const points = sizes.map((size, n) => { sum += size; return `${x((n + 1) / sizes.length).toFixed(1)},${y(sum / total).toFixed(1)}`; });
    find(".path").innerHTML = `<svg viewBox="0 0 320 152" role="img" aria-label="Share of the parameters that the first tensors hold">
      ${[0, 0.5, 1].map((value) => `<line class="grid" x1="34" x2="310" y1="${y(value)}" y2="${y(value)}"></line><text x="30" y="${y(value) + 3}" text-anchor="end">${100 * value}%</text><text x="${x(value)}" y="140" text-anchor="middle">${100 * value}%</text>`).join("")}
      <line class="even" x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}"></line><polyline points="${x(0)},${y(0)} ${points.join(" ")}"></polyline>
      <line class="now" x1="${x(share)}" x2="${x(share)}" y1="${y(0)}" y2="${y(part)}"></line><line class="now" x1="${x(0)}" x2="${x(share)}" y1="${y(part)}" y2="${y(part)}"></line><circle cx="${x(share)}" cy="${y(part)}" r="4.5"></circle>
      <text x="172" y="151" text-anchor="middle">tensors, from the image to the head</text></svg>`;
    const left = total - held.parameters;
    find(".formula").innerHTML = `<strong>${counted(left)}</strong> of ${counted(total)} parameters learn. The head alone has ${counted(sizes.slice(-head).reduce((a, b) => a + b))}.`;
  }

  return view;
}
