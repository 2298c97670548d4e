// Frozen tensors and the parameters in them, as pneumo/lessons/transfer.py counts them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { frozen } from "../../pages/components/tensors.js";

test("the first share of the tensors, rounded down", () => {
  const sizes = [1, 2, 3, 4, 100];
  assert.deepEqual(frozen(sizes, 0), { tensors: 0, parameters: 0 });
  assert.deepEqual(frozen(sizes, 0.66), { tensors: 3, parameters: 6 });
  assert.deepEqual(frozen(sizes, 4 / 5 + 1e-9), { tensors: 4, parameters: 10 });
  assert.deepEqual(frozen(sizes, 1), { tensors: 5, parameters: 110 });
});

