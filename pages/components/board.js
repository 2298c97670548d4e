// A plane of numbers as a picture that one points at: grey cells, a hatched border for padding, frames around cells.

// Values to 0..255. Where there are negative ones zero is mid-grey and the scale is the same on both sides.
export function greys(values, range = null) {
  let low = Infinity, high = -Infinity;
  for (const value of values) { if (value < low) low = value; if (value > high) high = value; }
  if (range) [low, high] = range;
  else if (low < 0) { high = Math.max(high, -low); low = -high; } else low = 0;
  const width = high - low || 1;
  return Uint8ClampedArray.from(values, (value) => Math.round((255 * (value - low)) / width));
}

// One board on a canvas. point(row, column) is called as a pointer moves over it, settle() when it lets go; keys move by a cell.
export class Board {
  constructor(canvas, { point, settle, label }) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.border = 0;
    this.side = 0;
    this.sheet = document.createElement("canvas");
    canvas.tabIndex = 0;
    canvas.dataset.ownKeys = "";
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", label);
    const at = (event) => {
      const box = canvas.getBoundingClientRect(), cells = this.side + 2 * this.border;
      const cell = (offset, length) => Math.floor((offset / length) * cells) - this.border;
      point(cell(event.clientY - box.top, box.height), cell(event.clientX - box.left, box.width), event);
    };
    canvas.onpointerdown = (event) => { canvas.focus({ preventScroll: true }); at(event); };
    canvas.onpointermove = (event) => { if (event.pointerType !== "touch" || event.buttons) at(event); };
    canvas.onpointerup = () => settle?.();
    canvas.onpointerleave = () => settle?.();
    canvas.onkeydown = (event) => {
      const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      this.move?.(...by);
    };
  }

  // values: side * side numbers; border: cells of padding around them.
  show(values, side, { border = 0, range = null } = {}) {
    Object.assign(this, { side, border, values });
    this.sheet.width = this.sheet.height = Math.max(side, 1);
    if (side) {
      const pixels = new ImageData(side, side), grey = greys(values, range);
      grey.forEach((value, n) => pixels.data.set([value, value, value, 255], 4 * n));
      this.sheet.getContext("2d").putImageData(pixels, 0, 0);
    }
    this.draw();
  }

  // frames: [{row, column, height, width, colour, bold}], in cells.
  draw(frames = this.frames ?? []) {
    this.frames = frames;
    const { canvas, pen } = this, scale = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
    const size = Math.max(1, Math.round((box.width || 240) * scale));
    if (canvas.width !== size) canvas.width = canvas.height = size;
    const cells = this.side + 2 * this.border, cell = size / Math.max(cells, 1);
    pen.clearRect(0, 0, size, size);
    if (this.border) this.hatch(size);
    pen.imageSmoothingEnabled = false;
    if (this.side) pen.drawImage(this.sheet, this.border * cell, this.border * cell, this.side * cell, this.side * cell);
    for (const { row, column, height = 1, width = 1, colour, bold = true } of frames) {
      pen.strokeStyle = colour;
      pen.lineWidth = (bold ? 3 : 1) * scale;
      pen.strokeRect((column + this.border) * cell, (row + this.border) * cell, width * cell, height * cell);
    }
  }

  hatch(size) {
    const { pen } = this;
    pen.fillStyle = "#7f7f7f";
    pen.fillRect(0, 0, size, size);
    pen.strokeStyle = "#9c9c9c";
    pen.lineWidth = 1;
    pen.beginPath();
    for (let x = -size; x < size; x += 8) { pen.moveTo(x, 0); pen.lineTo(x + size, size); }
    pen.stroke();
  }
}

export function written(value, digits = 2) {
  if (Number.isNaN(value)) return "?";
  const text = Math.abs(value) >= 1000 ? value.toFixed(0) : Number.isInteger(value) ? String(value) : value.toFixed(digits);
  return text.replace(/^-(0(\.0*)?)$/, "$1").replace("-", "−");
}
