// The changes of the Shortcut lab, by the formulas of pneumo/lessons/shortcuts.py: what one sees while dragging is what the model gets.
// pixels: Uint8Array of side * side greys. change: {kind, strength, row, column}; row and column of the middle, in image sides.
// levels: the constants of that module, sent by the page. table: for "exposure", what becomes of each of the 256 greys.

const whole = (value) => Math.min(Math.max(Math.floor(value + 0.5), 0), 255);

export function changed(pixels, side, change, levels, { table = null, grey = 0 } = {}) {
  const { kind, strength, row, column } = change;
  if (kind === "inverted") return pixels.map((value) => 255 - value);
  if (!strength || (kind === "exposure" && !table)) return pixels.slice();
  switch (kind) {
    case "letter": return stamped(pixels, side, levels.white, letter(side, strength, row, column, levels));
    case "wire": return stamped(pixels, side, levels.wire, wire(side, strength, row, column, levels));
    case "patch": return painted(pixels, side, grey, square(side, strength, row, column, levels));
    case "frame": return painted(pixels, side, 0, frame(side, levels.frame * strength));
    case "crop": return crop(pixels, side, 1 - levels.crop * strength);
    case "blur": return blur(pixels, side, (levels.blur * strength * side) / levels.side);
    case "brightness": return pixels.map((value) => whole(255 * (value / 255) ** (levels.gamma ** -strength)));
    case "exposure": return pixels.map((value) => whole(value + strength * (table[value] - value)));
    default: throw new RangeError(`no change ${kind}`);
  }
}

// where(y, x): whether a pixel is meant.
const painted = (pixels, side, grey, where) =>
  pixels.map((value, n) => (where(Math.floor(n / side), n % side) ? grey : value));
const stamped = (pixels, side, grey, where) =>
  pixels.map((value, n) => (where(Math.floor(n / side), n % side) ? Math.max(value, grey) : value));

function letter(side, strength, row, column, { letter: glyph, tallest }) {
  const height = tallest * strength * side, width = (height * glyph[0].length) / glyph.length;
  return (y, x) => {
    const u = Math.floor(((y + 0.5 - row * side + height / 2) / height) * glyph.length);
    const v = Math.floor(((x + 0.5 - column * side + width / 2) / width) * glyph[0].length);
    return glyph[u]?.[v] === "1";
  };
}

function wire(side, strength, row, column, { longest, waves, wave, half, side: full }) {
  return (y, x) => {
    const along = (x + 0.5) / side - column;
    const height = (row + wave * Math.sin((2 * Math.PI * waves * along) / longest)) * side;
    return Math.abs(along) <= (longest * strength) / 2 && Math.abs(y + 0.5 - height) <= (half * side) / full;
  };
}

function square(side, strength, row, column, { widest }) {
  const half = (widest * strength) / 2;
  return (y, x) => Math.abs((y + 0.5) / side - row) <= half && Math.abs((x + 0.5) / side - column) <= half;
}

function frame(side, share) {
  const edge = (n) => (n + 0.5) / side < share || (n + 0.5) / side > 1 - share;
  return (y, x) => edge(y) || edge(x);
}

function crop(pixels, side, kept) {
  const at = Array.from({ length: side }, (_, n) => side / 2 + (n + 0.5 - side / 2) * kept - 0.5);
  const low = at.map((value) => Math.min(Math.max(Math.floor(value), 0), side - 2)), part = at.map((value) => value - Math.floor(value));
  return Uint8Array.from(pixels, (_, n) => {
    const y = Math.floor(n / side), x = n % side;
    const down = (column) => pixels[low[y] * side + column] * (1 - part[y]) + pixels[(low[y] + 1) * side + column] * part[y];
    return whole(down(low[x]) * (1 - part[x]) + down(low[x] + 1) * part[x]);
  });
}

function blur(pixels, side, sigma) {
  const reach = Math.ceil(3 * sigma), kernel = Array.from({ length: 2 * reach + 1 }, (_, n) => Math.exp(-0.5 * ((n - reach) / sigma) ** 2));
  const sum = kernel.reduce((a, b) => a + b), inside = (n) => Math.min(Math.max(n, 0), side - 1);
  let plane = Float64Array.from(pixels);
  for (const [along, across] of [[side, 1], [1, side]]) {  // down, then to the right
    const next = new Float64Array(side * side);
    for (let n = 0; n < side; n++)
      for (let m = 0; m < side; m++) {
        let total = 0;
        for (let u = -reach; u <= reach; u++) total += (kernel[u + reach] / sum) * plane[inside(n + u) * along + m * across];
        next[n * along + m * across] = total;
      }
    plane = next;
  }
  return Uint8Array.from(plane, whole);
}
