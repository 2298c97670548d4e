import assert from "node:assert/strict";
import { test } from "node:test";
import * as timeline from "../../pages/components/timeline.js";

test("steps stay within, and go round with a loop", () => {
  const held = timeline.create({ frames: 5, at: 4, loop: false }), round = timeline.create({ frames: 5, at: 4 });
  assert.equal(timeline.step(held, 1).at, 4);
  assert.equal(timeline.step(round, 1).at, 0);
  assert.equal(timeline.step(timeline.create({ frames: 5 }), -1).at, 4);
  assert.equal(timeline.step(timeline.create({ frames: 5, loop: false }), -1).at, 0);
});

test("time turns into frames at the rate, whatever the pieces it comes in", () => {
  for (const piece of [1, 7, 16, 100]) {
    let state = timeline.toggle(timeline.create({ frames: 1000, rate: 20 }));
    for (let ms = 0; ms < 1000; ms += piece) state = timeline.tick(state, Math.min(piece, 1000 - ms));
    assert.ok(Math.abs(state.at - 20) <= 1, `${piece}: ${state.at}`);
  }
});

test("a window that was hidden for an hour goes on where it was", () => {
  const state = timeline.tick(timeline.toggle(timeline.create({ frames: 1000, rate: 10 })), 3_600_000);
  assert.equal(state.at, 10);
});

test("without a loop playing ends at the last frame, and play starts again", () => {
  let state = timeline.toggle(timeline.create({ frames: 3, rate: 10, loop: false }));
  state = timeline.tick(state, 900);
  assert.deepEqual([state.at, state.playing], [2, false]);
  assert.deepEqual([timeline.toggle(state).at, timeline.toggle(state).playing], [0, true]);
});

test("stepping pauses, keys do as the buttons, other keys mean nothing", () => {
  const playing = timeline.toggle(timeline.create({ frames: 9, at: 3 }));
  assert.deepEqual([timeline.press(playing, "ArrowRight").at, timeline.press(playing, "ArrowRight").playing], [4, false]);
  assert.equal(timeline.press(playing, "ArrowLeft").at, 2);
  assert.equal(timeline.press(playing, "Home").at, 0);
  assert.equal(timeline.press(playing, "End").at, 8);
  assert.equal(timeline.press(playing, " ").playing, false);
  assert.equal(timeline.press(playing, "x"), null);
});

test("nonsense is put right or refused", () => {
  assert.throws(() => timeline.create({ frames: 0 }), RangeError);
  assert.equal(timeline.create({ frames: 4, at: NaN }).at, 0);
  assert.equal(timeline.create({ frames: 4, at: 99 }).at, 3);
  assert.equal(timeline.create({ frames: 4, rate: -1 }).rate, 4);
  assert.equal(timeline.toggle(timeline.create({ frames: 1 })).playing, false, "one frame cannot play");
});
