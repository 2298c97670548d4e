// Bars with their numbers, one below the other. data: {rows: [{name, value, note, sum, strong}], scale}. scale: "signed" draws to the right and
// to the left of a middle line, "share" from the left edge. sum: of a row that adds up others; it has a number and no bar, which would dwarf theirs.

import { written } from "./board.js";

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".root"), most = Math.max(1e-12, ...data.rows.filter(({ sum }) => !sum).map(({ value }) => Math.abs(value)));
  const signed = data.scale === "signed";
  root.innerHTML = `<div class="rows ${signed ? "signed" : "share"}" role="list">${data.rows.map(({ value, strong, sum }) => `
    <div role="listitem" class="${value < 0 ? "negative" : "positive"} ${strong ? "strong" : ""}"><span class="name"></span>
      <span class="track ${sum ? "none" : ""}">${sum ? "" : `<span class="bar" style="--share:${Math.abs(value) / most}"></span>`}</span><span class="number">${signed ? (value > 0 ? "+" : "") + written(value, 3) : value.toLocaleString("en")}</span><span class="note"></span></div>`).join("")}</div>`;
  root.querySelectorAll("[role=listitem]").forEach((each, n) => {
    each.querySelector(".name").textContent = data.rows[n].name;
    each.querySelector(".note").textContent = data.rows[n].note ?? "";
  });
}
