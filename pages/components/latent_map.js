// A map of images: hover shows a thumbnail, a loop drawn around some points selects them.
// data: {x, y, kind: numbers per point; names: what each kind is called; colours; sheet: data URL, empty while there is none;
// side, columns: of its cells}. Sends `selected`, the numbers of the points inside the loop. Called again for every change of
// data, also while a loop is being drawn; what must outlast that is kept with the canvas. A finger that starts upwards or
// downwards scrolls the page (touch-action in the style sheet): the browser then cancels the pointer, and the former loop returns.

const MARGIN = 14, NEAR = 14, SHOWN = 96;

export default function ({ parentElement, data, setStateValue }) {
  const canvas = parentElement.querySelector("canvas");
  const tip = parentElement.querySelector(".tip");
  const pen = canvas.getContext("2d");
  const line = (canvas.line ??= []);
  const hand = (canvas.hand ??= { drawing: false, former: [] });
  let places = [];
  let chosen = new Set(data.selected);
  if (!hand.drawing && String(data.selected) !== canvas.sent) line.length = 0;  // not chosen by this loop
  tip.style.backgroundImage = data.sheet ? `url(${data.sheet})` : "none";
  tip.style.backgroundSize = `${data.columns * SHOWN}px auto`;

  function place() {
    const scale = window.devicePixelRatio || 1, { width, height } = canvas.getBoundingClientRect();
    canvas.width = width * scale;
    canvas.height = height * scale;
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    const span = (values) => [Math.min(...values), Math.max(...values)];
    const [left, right] = span(data.x), [low, high] = span(data.y);
    places = data.x.map((x, n) => [
      MARGIN + ((x - left) / (right - left || 1)) * (width - 2 * MARGIN),
      MARGIN + ((high - data.y[n]) / (high - low || 1)) * (height - 2 * MARGIN),
    ]);
    draw();
  }

  function draw() {
    pen.clearRect(0, 0, canvas.width, canvas.height);
    places.forEach(([x, y], n) => {
      const size = chosen.has(n) ? 5.5 : 3.5;
      pen.globalAlpha = chosen.size && !chosen.has(n) ? 0.25 : 0.75;
      pen.fillStyle = data.colours[data.kind[n]];
      pen.beginPath();
      if (data.kind[n]) {
        pen.moveTo(x, y - size); pen.lineTo(x + size, y + size); pen.lineTo(x - size, y + size);
      } else {
        pen.arc(x, y, size, 0, 2 * Math.PI);
      }
      pen.fill();
    });
    pen.globalAlpha = 1;
    if (line.length > 1) {
      pen.strokeStyle = getComputedStyle(canvas).color;
      pen.setLineDash([5, 4]);
      pen.beginPath();
      line.forEach(([x, y], n) => (n ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      if (!hand.drawing) pen.closePath();
      pen.stroke();
      pen.setLineDash([]);
    }
  }

  function at(event) {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  function hover([x, y]) {
    let best = -1, least = NEAR ** 2;
    places.forEach(([a, b], n) => {
      const distance = (a - x) ** 2 + (b - y) ** 2;
      if (distance < least) [best, least] = [n, distance];
    });
    tip.hidden = best < 0;
    if (best < 0) return;
    tip.textContent = data.names[data.kind[best]];
    tip.style.backgroundPosition = `-${(best % data.columns) * SHOWN}px -${Math.floor(best / data.columns) * SHOWN}px`;
    const right = x + 16 + SHOWN > canvas.clientWidth;
    tip.style.left = `${right ? x - 16 - SHOWN : x + 16}px`;
    tip.style.top = `${Math.min(Math.max(0, y - SHOWN / 2), canvas.clientHeight - SHOWN)}px`;
  }

  // Even-odd rule: a ray from the point crosses the border an odd number of times.
  function inside([x, y]) {
    let odd = false;
    for (let n = 0, last = line.length - 1; n < line.length; last = n++) {
      const [ax, ay] = line[n], [bx, by] = line[last];
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
    }
    return odd;
  }

  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    hand.drawing = true;
    hand.former = line.splice(0, line.length, at(event));
    tip.hidden = true;
  };
  canvas.onpointermove = (event) => {
    if (!hand.drawing) return hover(at(event));
    line.push(at(event));
    draw();
  };
  canvas.onpointerup = (event) => {
    hand.drawing = false;
    const found = line.length > 2 ? [...places.keys()].filter((n) => inside(places[n])) : [];
    if (event.pointerType === "touch" && line.length < 3) hover(at(event));
    if (!found.length) line.length = 0;
    chosen = new Set(found);
    draw();
    canvas.sent = String(found);
    setStateValue("selected", found);
  };
  canvas.onpointercancel = () => {
    hand.drawing = false;
    line.splice(0, line.length, ...hand.former);
    draw();
  };
  canvas.onpointerleave = (event) => { if (event.pointerType !== "touch") tip.hidden = true; };  // a lifted finger leaves, too

  canvas.watcher?.disconnect();
  const watcher = (canvas.watcher = new ResizeObserver(place));
  watcher.observe(canvas);
  place();
  return () => watcher.disconnect();
}
