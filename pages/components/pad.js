// A pad: a point that one drags over a sheet of images, the nearest of which is shown large. data: {identity, sheet (data URL), places, alt, x, y (what the
// directions are called), start: {row, column}}

import { component, settling } from "./view.js";

export default component(build);

function build(root) {
  root.innerHTML = `<div class="two"><div class="field" tabindex="0" role="application" data-own-keys aria-label="Pad; drag the point or use the arrow keys"><i class="point"></i><span class="x"></span><span class="y"></span></div>
    <figure><div class="shown" role="img"></div><figcaption></figcaption></figure></div>`;
  const find = (selector) => root.querySelector(selector), field = find(".field"), shown = find(".shown");
  let data = null, place = null, dragging = false;
  const view = { take }, settle = settling(view, () => place);

  function take(given) {
    const same = data?.identity === given.identity;
    data = given;
    if (!same) place = { ...data.start };
    find(".x").textContent = `${data.x} →`;
    find(".y").textContent = `${data.y} →`;
    shown.style.backgroundImage = `url(${data.sheet})`;
    shown.style.backgroundSize = `${100 * data.places}% ${100 * data.places}%`;
    show();
  }

  function show() {
    const last = data.places - 1, half = last / 2;
    shown.style.backgroundPosition = `${(100 * place.column) / last}% ${(100 * place.row) / last}%`;
    find(".point").style.left = `${(100 * (place.column + 0.5)) / data.places}%`;
    find(".point").style.top = `${(100 * (place.row + 0.5)) / data.places}%`;
    const along = (n) => `${n > 0 ? "+" : n < 0 ? "−" : ""}${Math.abs(n).toFixed(1)}`;
    const said = `${along(((place.column - half) / half) * data.reach)} and ${along(((half - place.row) / half) * data.reach)} standard deviations`;
    find("figcaption").textContent = said;
    shown.setAttribute("aria-label", `${data.alt}: ${said}`);
  }

  function move(row, column) {
    const hold = (n) => Math.min(Math.max(n, 0), data.places - 1);
    place = { row: hold(row), column: hold(column) };
    show();
    settle();
  }

  const to = (event) => {
    const box = field.getBoundingClientRect(), at = (offset, length) => Math.floor((offset / length) * data.places);
    move(at(event.clientY - box.top, box.height), at(event.clientX - box.left, box.width));
  };
  field.onpointerdown = (event) => { dragging = true; field.setPointerCapture(event.pointerId); to(event); };
  field.onpointermove = (event) => { if (dragging) to(event); };
  field.onpointerup = field.onpointercancel = () => { dragging = false; };
  field.onkeydown = (event) => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!by) return;
    event.preventDefault();
    move(place.row + by[0], place.column + by[1]);
  };
  return view;
}
