// Where a player is: pure functions over a frozen state, so that they can be tested without a browser.
// State: {frames, at, playing, rate, loop, owed}; at is a whole number in 0 .. frames - 1, rate in frames a second, owed the
// fraction of a frame that time has earned since the last one.

export const RATES = [0.5, 1, 2, 4, 8, 16, 32, 60];

export function create({ frames, at = 0, rate = 4, loop = true }) {
  if (!Number.isInteger(frames) || frames < 1) throw new RangeError(`frames: a whole number from 1 up, got ${frames}`);
  return Object.freeze({ frames, at: within(at, frames), playing: false, rate: positive(rate), loop: Boolean(loop), owed: 0 });
}

const within = (at, frames) => Math.min(Math.max(Number.isFinite(at) ? Math.round(at) : 0, 0), frames - 1);
const positive = (rate) => (Number.isFinite(rate) && rate > 0 ? rate : 4);
const changed = (state, change) => Object.freeze({ ...state, ...change });

// A number of frames further or back. It stops the playing: who steps wants to look.
export function step(state, by) {
  const to = state.at + by;
  const at = state.loop ? ((to % state.frames) + state.frames) % state.frames : within(to, state.frames);
  return changed(state, { at, playing: false, owed: 0 });
}

export const seek = (state, at) => changed(state, { at: within(at, state.frames), owed: 0 });
export const pause = (state) => changed(state, { playing: false, owed: 0 });
export const setRate = (state, rate) => changed(state, { rate: positive(rate) });
export const setLoop = (state, loop) => changed(state, { loop: Boolean(loop) });

// Plays on, or pauses; at the end without a loop it starts again.
export function toggle(state) {
  if (state.playing) return pause(state);
  const over = !state.loop && state.at === state.frames - 1;
  return changed(state, { playing: state.frames > 1, at: over ? 0 : state.at, owed: 0 });
}

// What `ms` of time bring. A window that was hidden for long does not race through everything: a second counts at most.
export function tick(state, ms) {
  if (!state.playing) return state;
  const owed = state.owed + (Math.min(Math.max(ms, 0), 1000) * state.rate) / 1000, whole = Math.floor(owed);
  if (!whole) return changed(state, { owed });
  const to = state.at + whole;
  if (state.loop) return changed(state, { at: to % state.frames, owed: owed - whole });
  const at = within(to, state.frames);
  return changed(state, { at, owed: owed - whole, playing: at < state.frames - 1 });
}

// What a key does: the new state, or null where the key means nothing here.
export function press(state, key) {
  switch (key) {
    case " ": return toggle(state);
    case "ArrowRight": return step(state, 1);
    case "ArrowLeft": return step(state, -1);
    case "Home": return changed(pause(state), { at: 0 });
    case "End": return changed(pause(state), { at: state.frames - 1 });
    default: return null;
  }
}
