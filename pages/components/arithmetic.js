// What a convolution layer and its neighbours compute, in the browser: the same numbers as torch to 1e-5 (a test holds it).
// A plane is an array of side * side numbers, row by row. A geometry is {kernel, padding, stride, dilation}, in pixels.

export const span = ({ kernel, dilation }) => dilation * (kernel - 1) + 1;

export function outputSide(side, geometry) {
  return Math.max(0, Math.floor((side + 2 * geometry.padding - span(geometry)) / geometry.stride) + 1);
}

// Why a setting gives no result, in a sentence; "" where it gives one.
export function problem(side, geometry) {
  const { kernel, padding, stride, dilation } = geometry, room = side + 2 * padding;
  if (![kernel, stride, dilation].every((n) => Number.isInteger(n) && n >= 1) || !Number.isInteger(padding) || padding < 0)
    return "Kernel, stride and dilation are whole numbers from 1 up, padding from 0 up.";
  if (span(geometry) > room)
    return `The kernel covers ${span(geometry)} pixels a side, the image with its padding has ${room}. There is no place for it: ` +
      "take less dilation, a smaller kernel or more padding.";
  return "";
}

// The numbers under the kernel where the output's pixel (row, column) is computed, and where they lie in the plane.
// Outside the plane, in the padding, a number is 0 and inside is false.
export function patch(plane, side, row, column, geometry) {
  const { kernel, padding, stride, dilation } = geometry, found = [];
  for (let u = 0; u < kernel; u++)
    for (let v = 0; v < kernel; v++) {
      const y = row * stride - padding + u * dilation, x = column * stride - padding + v * dilation;
      const inside = y >= 0 && x >= 0 && y < side && x < side;
      found.push({ y, x, inside, value: inside ? plane[y * side + x] : 0 });
    }
  return found;
}

// planes, kernels: one for each input channel; their sums are added up, and the bias once.
export function convolve(planes, side, kernels, geometry, bias = 0) {
  const { kernel, padding, stride, dilation } = geometry;
  const out = problem(side, geometry) ? 0 : outputSide(side, geometry), result = new Float64Array(out * out).fill(bias);
  planes.forEach((plane, channel) => {
    for (let row = 0; row < out; row++)
      for (let column = 0; column < out; column++) {
        let total = 0;
        for (let u = 0; u < kernel; u++) {
          const y = row * stride - padding + u * dilation;
          if (y < 0 || y >= side) continue;
          for (let v = 0; v < kernel; v++) {
            const x = column * stride - padding + v * dilation;
            if (x >= 0 && x < side) total += plane[y * side + x] * kernels[channel][u * kernel + v];
          }
        }
        result[row * out + column] += total;
      }
  });
  return result;
}

export const relu = (plane) => Float64Array.from(plane, (value) => Math.max(0, value));

// kind: "max" or "mean"; blocks of size x size, side by side. What does not fill a block is dropped, as in torch.
export function pool(plane, side, size, kind) {
  const out = Math.floor(side / size), result = new Float64Array(out * out);
  for (let row = 0; row < out; row++)
    for (let column = 0; column < out; column++) {
      const block = [];
      for (let u = 0; u < size; u++)
        for (let v = 0; v < size; v++) block.push(plane[(row * size + u) * side + column * size + v]);
      result[row * out + column] = kind === "max" ? Math.max(...block) : block.reduce((a, b) => a + b) / block.length;
    }
  return result;
}

// Batch norm of one channel of one image, as in training: {values, mean, deviation}; torch divides by the biased deviation.
export function normalise(plane, epsilon = 1e-5) {
  const mean = plane.reduce((a, b) => a + b, 0) / plane.length;
  const deviation = Math.sqrt(plane.reduce((a, b) => a + (b - mean) ** 2, 0) / plane.length + epsilon);
  return { mean, deviation, values: Float64Array.from(plane, (value) => (value - mean) / deviation) };
}

// Random numbers in [0, 1) that are the same for the same seed (mulberry32).
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

// Dropout as in training: each number is dropped with this probability, and what stays is scaled up. {values, kept}
export function dropout(plane, probability, seed) {
  const next = random(seed), kept = Array.from(plane, () => next() >= probability);
  return { kept, values: Float64Array.from(plane, (value, n) => (kept[n] ? value / (1 - probability) : 0)) };
}
