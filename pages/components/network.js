// The whole network as one picture, and the way down: layer, channel, pixel, kernel. Frames stay where they are.
// data: {identity, layers: [{name, title, kind, shape, parameters, field: [size, jump, start] or null, beside, group}], seen (uint8, base64), side,
//        layer (its name), maps (half floats, base64; "" where the layer has no maps), vector (numbers, for layers without places),
//        channel, row, column (-1 where none is chosen), pixel: {channels, partial, patches, kernels, bias, total, others} or null}
// Pointing is done here; a press is told to the server, which sends the next layer's maps or the pixel's sum.

import { Board, greys, written } from "./board.js";
import { bytes, halves } from "./bytes.js";
import { component } from "./view.js";

const COLOURS = { convolution: "#0072B2", "batch norm": "#56B4E9", activation: "#009E73", "max pooling": "#E69F00", "average pooling": "#E69F00",
  linear: "#CC79A7", flatten: "#888888", "log-softmax": "#888888" };

export default component(build);

function build(root) {
  root.innerHTML = `
    <nav class="crumbs" aria-label="Where you are"></nav>
    <div class="picture" role="group" aria-label="The layers, from the image to the result"></div>
    <p class="about"></p>
    <div class="boards">
      <figure><canvas class="image"></canvas><figcaption></figcaption></figure>
      <div class="channels"><h4></h4><div class="tiles" role="group" aria-label="Channels"></div></div>
      <figure><canvas class="map"></canvas><figcaption></figcaption></figure>
    </div>
    <div class="sum"></div>`;
  const find = (selector) => root.querySelector(selector);
  const image = new Board(find(".image"), { label: "The X-ray as the network gets it", point: () => {}, settle: () => {} });
  image.canvas.tabIndex = -1;
  const board = new Board(find(".map"), { label: "The feature map. Arrow keys move, Enter chooses a pixel.", point: pointed, settle: () => {} });
  let data = null, maps = null, at = { row: 0, column: 0 }, channel = 0;
  const view = { take };

  function take(given) {
    data = given;
    maps = data.maps ? halves(data.maps) : null;
    channel = data.channel;
    if (data.row >= 0) at = { row: data.row, column: data.column };
    else if (maps) at = brightest();
    image.show(bytes(data.seen), data.side, { range: [0, 255] });
    picture();
    tiles();
    show();
  }

  const layer = () => data.layers.find((each) => each.name === data.layer);
  const plane = () => { const [, h, w] = layer().shape; return maps.subarray(channel * h * w, (channel + 1) * h * w); };

  function brightest() {
    const values = plane(), [, , w] = layer().shape;
    let best = 0;
    values.forEach((value, n) => { if (value > values[best]) best = n; });
    return { row: Math.floor(best / w), column: best % w };
  }

  // --- the picture of all layers ---------------------------------------------------------------------------------

  function picture() {
    const box = find(".picture");
    if (box.identity !== data.identity) {
      box.identity = data.identity;
      let group = null, html = "";
      for (const each of data.layers) {
        if (each.group !== group) { html += `${group === null ? "" : "</div></div>"}<div class="block"><span>${each.group}</span><div>`; group = each.group; }
        const side = each.shape.length > 1 ? each.shape[1] : 1, high = 14 + 9 * Math.log2(side), wide = 8 + 2.2 * Math.log2(each.shape[0]);
        const words = `${each.title}: ${each.shape.join(" × ")}${each.parameters ? `, ${each.parameters.toLocaleString("en")} parameters` : ""}${each.beside ? " (beside the main path)" : ""}`;
        html += `<button type="button" data-name="${each.name}" aria-label="${words}" title="${words}" style="--h:${high}px;--w:${wide}px;--c:${COLOURS[each.kind] ?? "#888"}" class="${each.beside ? "beside" : ""}"></button>`;
      }
      box.innerHTML = html + "</div></div>";
      box.onclick = ({ target }) => { const { name } = target.dataset; if (name) view.send({ layer: name, channel: -1, row: -1, column: -1 }); };
    }
    box.querySelectorAll("button").forEach((each) => each.setAttribute("aria-pressed", each.dataset.name === data.layer));
    const { title, kind, shape, parameters, field } = layer();
    find(".about").innerHTML = `<strong>${title}</strong>: ${shape.length > 1 ? `${shape[0]} channels of ${shape[1]} × ${shape[2]}` : `${shape[0].toLocaleString("en")} numbers`}, ` +
      `${parameters ? `${parameters.toLocaleString("en")} parameters` : "no parameters"}. ${field ? `One number sees ${Math.min(field[0], 9999)} × ${field[0]} pixels of ${data.side}.` : "One number sees the whole image."}`;
    crumbs();
  }

  function crumbs() {
    const parts = [["Model", null], [layer().title, { layer: data.layer, channel: -1, row: -1, column: -1 }]];
    if (maps) parts.push([`Channel ${channel}`, { layer: data.layer, channel, row: -1, column: -1 }]);
    if (maps && data.row >= 0) parts.push([`Pixel ${data.row + 1}, ${data.column + 1}`, null]);
    find(".crumbs").innerHTML = parts.map(([text, to], n) => (to && n < parts.length - 1 ? `<button type="button" data-n="${n}">${text}</button>` : `<span>${text}</span>`)).join(" › ");
    find(".crumbs").querySelectorAll("button").forEach((each) => (each.onclick = () => view.send(parts[Number(each.dataset.n)][1])));
  }

  // --- channels ---------------------------------------------------------------------------------------------------

  function tiles() {
    const box = find(".tiles"), { shape } = layer();
    find("h4").textContent = maps ? `${shape[0]} channels; press one` : `${shape[0].toLocaleString("en")} numbers`;
    box.classList.toggle("vector", !maps);
    if (!maps) { vector(box); return; }
    const [count, h, w] = shape;
    box.innerHTML = "";
    for (let n = 0; n < count; n++) {
      const button = document.createElement("button"), canvas = document.createElement("canvas");
      button.type = "button";
      button.dataset.channel = n;
      button.setAttribute("aria-label", `Channel ${n}`);
      button.title = `Channel ${n}`;
      [canvas.width, canvas.height] = [w, h];
      const pixels = new ImageData(w, h);
      greys(maps.subarray(n * h * w, (n + 1) * h * w)).forEach((grey, m) => pixels.data.set([grey, grey, grey, 255], 4 * m));
      canvas.getContext("2d").putImageData(pixels, 0, 0);
      button.append(canvas);
      box.append(button);
    }
    box.onclick = (event) => {
      const chosen = event.target.closest("button")?.dataset.channel;
      if (chosen === undefined) return;
      channel = Number(chosen);
      data.row = -1;  // its pixel was another channel's
      at = brightest();
      show();
      crumbs();
      view.send({ layer: data.layer, channel, row: -1, column: -1 });
    };
  }

  function vector(box) {
    const most = Math.max(1e-9, ...data.vector.map(Math.abs));
    box.innerHTML = data.vector.slice(0, 512).map((value, n) => `<i title="${n}: ${written(value, 3)}" style="--v:${Math.abs(value) / most}" class="${value < 0 ? "negative" : "positive"}"></i>`).join("");
  }

  // --- the map and the field ---------------------------------------------------------------------------------------

  function show() {
    root.querySelectorAll(".tiles button").forEach((each) => each.setAttribute("aria-pressed", Number(each.dataset.channel) === channel));
    board.canvas.closest("figure").hidden = !maps;
    if (!maps) { image.draw([]); captions(null); find(".sum").innerHTML = ""; return; }
    const [, h, w] = layer().shape;
    if (h === w) board.show(plane(), h);
    look();
    explain();
  }

  function look() {
    const [, h, w] = layer().shape, hold = (n, most) => Math.min(Math.max(n, 0), most - 1), line = getComputedStyle(root).getPropertyValue("--st-primary-color");
    at = { row: hold(at.row, h), column: hold(at.column, w) };
    const frames = [{ ...at, colour: line }];
    if (data.row >= 0) frames.push({ row: data.row, column: data.column, colour: "#D55E00" });
    board.draw(frames);
    const { field } = layer();
    if (field) {
      const [size, jump, start] = field, top = start + at.row * jump - size / 2, left = start + at.column * jump - size / 2;
      const clip = (from) => [Math.max(from, 0), Math.min(from + size, data.side)];
      const [y0, y1] = clip(top), [x0, x1] = clip(left);
      image.draw([{ row: y0, column: x0, height: y1 - y0, width: x1 - x0, colour: line }]);
    } else image.draw([]);
    captions(plane()[at.row * w + at.column]);
  }

  function captions(value) {
    const { field } = layer();
    find("figure:first-of-type figcaption").textContent = value === null || !field ? `The X-ray, ${data.side} × ${data.side} pixels` : `The framed ${field[0]} × ${field[0]} pixels decide this number; what lies beyond the edge is padding.`;
    find("figure:last-of-type figcaption").textContent = value === null ? "" : `Channel ${channel}, row ${at.row + 1}, column ${at.column + 1}: ${written(value, 3)}.${layer().kind === "convolution" ? " Press to see how it is computed." : ""}`;
  }

  let lastPress = 0;
  function pointed(row, column, event) {
    if (!maps) return;
    at = { row, column };
    look();
    if (event.type === "pointerdown" && event.timeStamp !== lastPress) { lastPress = event.timeStamp; choose(); }
  }

  function choose() { view.send({ layer: data.layer, channel, row: at.row, column: at.column }); }
  board.move = (down, right) => { at = { row: at.row + down, column: at.column + right }; look(); };
  board.canvas.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(); } });

  // --- one pixel ------------------------------------------------------------------------------------------------------

  function explain() {
    const box = find(".sum"), { pixel } = data;
    if (data.row < 0 || channel !== data.channel) { box.innerHTML = ""; return; }
    if (!pixel) { box.innerHTML = `<p class="note">${data.why}</p>`; return; }
    const k = pixel.kernels[0].length ** 0.5;
    box.style.setProperty("--k", k);
    box.innerHTML = `<h4>Row ${data.row + 1}, column ${data.column + 1} of channel ${channel}: ${pixel.channels.length < pixel.count ? `the ${pixel.channels.length} input channels that give most, of ${pixel.count}` : "all input channels"}</h4>` +
      `<div class="inputs">${pixel.channels.map((input, n) => `<div><h5>Input channel ${input}</h5><div class="tables">${table(pixel.patches[n], k)}<span>×</span>${table(pixel.kernels[n], k)}<span class="number">→ ${written(pixel.partial[n], 3)}</span></div></div>`).join("")}</div>` +
      `<p class="total number">${pixel.partial.map((each) => written(each, 3)).join(" + ")}${pixel.channels.length < pixel.count ? ` + ${written(pixel.others, 3)} from ${pixel.count - pixel.channels.length} others` : ""} + bias ${written(pixel.bias, 3)} = <strong>${written(pixel.total, 4)}</strong></p>`;
  }

  function table(values, k) {
    const most = Math.max(1e-9, ...values.map(Math.abs));
    return `<table><tbody>${Array.from({ length: k }, (_, u) => `<tr>${Array.from({ length: k }, (_, v) => {
      const value = values[u * k + v];
      return `<td class="${value < 0 ? "negative" : "positive"}" style="--share:${Math.round((55 * Math.abs(value)) / most)}%">${written(value)}</td>`;
    }).join("")}</tr>`).join("")}</tbody></table>`;
  }

  new ResizeObserver(() => { if (data) { image.draw(); board.draw(); } }).observe(root);
  return view;
}
