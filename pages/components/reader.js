// A case to read: mark a region by dragging, call it, say how sure, commit. What was committed cannot be undone.
// data: {identity, picture (data URL), alt, classes: [NORMAL, PNEUMONIA]}. Triggers `reading` {called, confidence, region}.

import { component } from "./view.js";

export default component(build);

function build(root) {
  root.innerHTML = `
    <div class="case"><div class="film" tabindex="0" role="application" aria-label="The X-ray. Drag to mark a region; with the keyboard, arrow keys move the mark and shift with arrow keys resizes it."><img draggable="false"><div class="mark" hidden></div></div>
    <div class="side">
      <p class="hint">Drag on the image to mark the most suspicious region, if there is one.</p>
      <button type="button" class="clear">Remove the mark</button>
      <fieldset><legend>Your call</legend><span class="calls"></span></fieldset>
      <label class="sure">How sure are you? <input type="range" min="50" max="100" step="5" value="75"><output class="number">75%</output></label>
      <p class="note">50% is a guess, 100% leaves no doubt.</p>
      <button type="button" class="commit" disabled>Commit, then see the model's call</button>
    </div></div>`;
  const find = (selector) => root.querySelector(selector), film = find(".film"), mark = find(".mark"), sure = find(".sure input");
  let data = null, region = null, called = null, from = null;
  const view = { take };

  function take(given) {
    if (data?.identity === given.identity) return;
    data = given;
    [region, called] = [null, null];
    find("img").src = data.picture;
    find("img").alt = data.alt;
    find(".calls").innerHTML = data.classes.map((name, n) => `<button type="button" data-n="${n}" aria-pressed="false">${name}</button>`).join(" ");
    find(".commit").disabled = true;
    sure.value = 75;
    sure.nextElementSibling.textContent = "75%";
    show();
  }

  function show() {
    mark.hidden = !region;
    find(".clear").disabled = !region;
    if (region) ["left", "top", "width", "height"].forEach((side, n) => { mark.style[side] = `${100 * region[n]}%`; });
  }

  const at = (event) => { const box = film.getBoundingClientRect(), hold = (n) => Math.min(Math.max(n, 0), 1); return [hold((event.clientX - box.left) / box.width), hold((event.clientY - box.top) / box.height)]; };
  film.onpointerdown = (event) => { film.setPointerCapture(event.pointerId); from = at(event); };
  film.onpointermove = (event) => {
    if (!from) return;
    const to = at(event), [left, top] = [Math.min(from[0], to[0]), Math.min(from[1], to[1])], [width, height] = [Math.abs(from[0] - to[0]), Math.abs(from[1] - to[1])];
    if (width > 0.02 && height > 0.02) { region = [left, top, width, height]; show(); }
  };
  film.onpointerup = film.onpointercancel = () => { from = null; };
  film.onkeydown = (event) => {
    const by = { ArrowLeft: [-0.03, 0], ArrowRight: [0.03, 0], ArrowUp: [0, -0.03], ArrowDown: [0, 0.03] }[event.key];
    if (!by) return;
    event.preventDefault();
    region ??= [0.4, 0.4, 0.2, 0.2];
    const [left, top, width, height] = region, hold = (n, low, high) => Math.min(Math.max(n, low), high);
    region = event.shiftKey ? [left, top, hold(width + by[0], 0.03, 1 - left), hold(height + by[1], 0.03, 1 - top)]
      : [hold(left + by[0], 0, 1 - width), hold(top + by[1], 0, 1 - height), width, height];
    show();
  };
  find(".clear").onclick = () => { region = null; show(); };
  find(".calls").onclick = ({ target }) => {
    if (target.dataset.n === undefined) return;
    called = Number(target.dataset.n);
    find(".calls").querySelectorAll("button").forEach((each) => each.setAttribute("aria-pressed", Number(each.dataset.n) === called));
    find(".commit").disabled = false;
  };
  sure.oninput = () => { sure.nextElementSibling.textContent = `${sure.value}%`; };
  find(".commit").onclick = () => {
    find(".commit").disabled = true;  // one press, one reading
    view.trigger("reading", { called, confidence: sure.valueAsNumber / 100, region });
  };
  return view;
}
