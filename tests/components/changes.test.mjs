// The changes of the Shortcut lab in the browser. Equality with the server's is held by tests/lessons/test_shortcuts.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { changed } from "../../pages/components/changes.js";

const LEVELS = { side: 256, white: 237, wire: 225, letter: ["11110", "10001", "10001", "11110", "10100", "10010", "10001"], tallest: 0.2, longest: 0.9,
  widest: 0.4, frame: 0.2, crop: 0.4, blur: 6, gamma: 2.2, waves: 1.5, wave: 0.05, half: 1.5 };
const SIDE = 64, plane = Uint8Array.from({ length: SIDE * SIDE }, (_, n) => (n * 7919) % 200);
const apply = (kind, strength, more) => changed(plane, SIDE, { kind, strength, row: 0.3, column: 0.4 }, LEVELS, more);

test("strength 0 changes nothing, and the original is never touched", () => {
  const before = plane.slice();
  for (const kind of ["letter", "wire", "patch", "frame", "crop", "blur", "brightness", "exposure"]) {
    assert.deepEqual(apply(kind, 0, { table: new Uint8Array(256) }), plane, kind);
    apply(kind, 0.8, { table: new Uint8Array(256), grey: 9 });
  }
  assert.deepEqual(plane, before);
});

test("a stamp changes pixels around its place only", () => {
  for (const [kind, reach] of [["letter", 0.1], ["patch", 0.2]]) {
    const after = apply(kind, 1, { grey: 250 });
    let moved = 0;
    after.forEach((value, n) => {
      if (value === plane[n]) return;
      moved += 1;
      const [y, x] = [(Math.floor(n / SIDE) + 0.5) / SIDE, ((n % SIDE) + 0.5) / SIDE];
      assert.ok(Math.abs(y - 0.3) <= reach && Math.abs(x - 0.4) <= reach, `${kind} at ${y}, ${x}`);
    });
    assert.ok(moved > 20, kind);
  }
});

test("exchanging black and white twice gives the image back", () => {
  assert.deepEqual(changed(apply("inverted", 1), SIDE, { kind: "inverted" }, LEVELS), plane);
});

test("an unknown change is refused", () => assert.throws(() => apply("magic", 1), RangeError));
