// A head on cached features: logistic regression by gradient steps, the same as pneumo/lessons/transfer.py (a test holds it).
// A table is {rows, width, values}: rows * width numbers, row by row.

import { halves as numbers } from "./bytes.js";
import * as decisions from "./decisions.js";

// Base64 of little-endian 16-bit floats to a table.
export function halves(text, width) {
  const values = Float64Array.from(numbers(text));
  return { rows: values.length / width, width, values };
}

// Mean and spread of each column; what hardly varies is not blown up.
export function scale({ rows, width, values }, least) {
  const mean = new Float64Array(width), spread = new Float64Array(width);
  for (let r = 0; r < rows; r++) for (let c = 0; c < width; c++) mean[c] += values[r * width + c] / rows;
  for (let r = 0; r < rows; r++) for (let c = 0; c < width; c++) spread[c] += (values[r * width + c] - mean[c]) ** 2 / rows;
  return { mean, spread: spread.map((value) => Math.max(Math.sqrt(value), least)) };
}

export function scaled({ rows, width, values }, { mean, spread }) {
  const result = new Float64Array(values.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < width; c++) result[r * width + c] = (values[r * width + c] - mean[c]) / spread[c];
  return { rows, width, values: result };
}

const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
export const sigmoid = (x) => 1 / (1 + Math.exp(-x));

export function scores({ width, values }, weights, bias, rows) {
  return Float64Array.from(rows, (row) => {
    let total = bias;
    for (let c = 0; c < width; c++) total += values[row * width + c] * weights[c];
    return total;
  });
}

// table: scaled. rows: which are learned from, labels: 0 or 1 of each. Returns frames [{step, weights, bias, loss}], one in
// `record` steps, the first before any step and the last after all of them; null where a class is missing.
export function train(table, rows, labels, { steps, record, rate, decay }) {
  if (!labels.includes(0) || !labels.includes(1)) return null;
  const { width, values } = table, weights = new Float64Array(width), frames = [];
  let bias = 0;
  for (let step = 0; step <= steps; step++) {
    const found = scores(table, weights, bias, rows);
    if (step % record === 0 || step === steps) {
      const loss = found.reduce((sum, score, n) => sum + softplus(score) - labels[n] * score, 0) / rows.length;
      frames.push({ step, weights: weights.slice(), bias, loss });
    }
    if (step === steps) break;
    const gradient = new Float64Array(width);
    let shift = 0;
    rows.forEach((row, n) => {
      const wrong = (sigmoid(found[n]) - labels[n]) / rows.length;
      shift += wrong;
      for (let c = 0; c < width; c++) gradient[c] += wrong * values[row * width + c];
    });
    for (let c = 0; c < width; c++) weights[c] -= rate * (gradient[c] + decay * weights[c]);
    bias -= rate * shift;
  }
  return frames;
}

// The chance that an image of class 1 scores above one of class 0; equal scores count half. null where a class is missing.
export function auroc(found, labels) {
  const of = (label) => Array.from(found).filter((_, n) => labels[n] === label);
  return labels.includes(0) && labels.includes(1) ? decisions.auroc(of(0), of(1)) : null;
}

export const right = (found, labels) => labels.reduce((sum, label, n) => sum + Number((found[n] > 0) === (label === 1)), 0);

// `count` of each class, drawn by next() in [0, 1): a letter a row, N, P or -.
export function draw(labels, count, next) {
  const order = labels.map((_, n) => [next(), n]).sort((a, b) => a[0] - b[0]).map(([, n]) => n), taken = [0, 0], letters = labels.map(() => "-");
  for (const n of order) if (taken[labels[n]]++ < count) letters[n] = "NP"[labels[n]];
  return letters.join("");
}
