// The head that learns in the browser. Equality with the server's is held by tests/lessons/test_transfer.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { random } from "../../pages/components/arithmetic.js";
import { auroc, draw, halves, right, scale, scaled, scores, train } from "../../pages/components/heads.js";

test("16-bit floats are read as they were written", () => {
  const raw = new Uint16Array([0x3c00, 0xc000, 0x3555, 0x0001, 0x7bff, 0x8000]);
  const { rows, width, values } = halves(btoa(String.fromCharCode(...new Uint8Array(raw.buffer))), 3);
  assert.deepEqual([rows, width], [2, 3]);
  [1, -2, 0.333251953125, 2 ** -24, 65504, -0].forEach((value, n) => assert.equal(values[n], value));
});

test("areas under the curve: the example of the lesson on thresholds", () => {
  assert.equal(auroc([0.9, 0.8, 0.4, 0.7, 0.3, 0.2], [1, 1, 1, 0, 0, 0]), 8 / 9);
  assert.equal(auroc([1, 1], [0, 1]), 0.5);
  assert.equal(auroc([1, 2], [1, 1]), null);
  assert.equal(right([2, -1, 3], [1, 0, 0]), 2);
});

test("a head starts at ln 2 and learns what can be told apart", () => {
  const next = random(3), values = Float64Array.from({ length: 80 }, (_, n) => next() + (n % 4 === 0 && n >= 40 ? 1 : 0));
  const table = { rows: 20, width: 4, values }, labels = Array.from({ length: 20 }, (_, n) => Number(n >= 10));
  const wide = scaled(table, scale(table, 1e-3)), frames = train(wide, labels.map((_, n) => n), labels, { steps: 100, record: 10, rate: 0.1, decay: 0 });
  assert.equal(frames.length, 11);
  assert.ok(Math.abs(frames[0].loss - Math.LN2) < 1e-12);
  assert.ok(frames.at(-1).loss < 0.3);
  const { weights, bias } = frames.at(-1);
  assert.equal(auroc(scores(wide, weights, bias, labels.map((_, n) => n)), labels), 1);
});

test("one class alone teaches nothing", () => assert.equal(train({ rows: 2, width: 1, values: [1, 2] }, [0, 1], [1, 1], { steps: 3, record: 1, rate: 1, decay: 0 }), null));

test("drawing takes as many of each class, and others with another seed", () => {
  const labels = Array.from({ length: 32 }, (_, n) => n % 2);
  const one = draw(labels, 4, random(1));
  assert.equal(one, draw(labels, 4, random(1)));
  assert.notEqual(one, draw(labels, 4, random(2)));
  assert.deepEqual(["N", "P"].map((letter) => [...one].filter((each) => each === letter).length), [4, 4]);
  assert.ok([...one].every((letter, n) => letter === "-" || letter === "NP"[labels[n]]));
});
