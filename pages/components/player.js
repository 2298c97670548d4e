// The one player: play, pause, step, back, speed, scrubber, loop, keyboard (space, arrows, Home, End), a caption that follows.
// Everything that is stepped on a page uses it. Frames are drawn by the page's own function, in the browser.
//
//   const player = attach(host, { frames, draw, caption, at, rate, loop, label, onSettle })
//
// host: an empty element. draw(at): shows a frame. caption(at): the sentence below. label: what a frame is called ("Step").
// onSettle(at): once, after the visitor has stopped moving for a while. Attached again, with a new number of frames or new
// functions, a player stays where it is and goes on playing.

import * as timeline from "./timeline.js";
import { SETTLE_MS } from "./view.js";

// Drawn, because no two systems have the same signs in their fonts.
const icon = (path) => `<svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><path fill="currentColor" d="${path}"/></svg>`;
const ICONS = {
  back: icon("M6 5h2.5v14H6zM19 5v14L9.5 12z"), on: icon("M15.5 5H18v14h-2.5zM5 5l9.5 7L5 19z"),
  play: icon("M7 4.5v15L20 12z"), pause: icon("M6 5h4v14H6zM14 5h4v14h-4z"),
};

export function attach(host, options) {
  const player = (host.player ??= build(host));
  player.configure(options);
  return player;
}

function build(host) {
  host.classList.add("player");
  host.setAttribute("role", "group");
  host.innerHTML = `
    <div class="bar">
      <button type="button" class="back" aria-label="Step back" title="Step back (left arrow)">${ICONS.back}</button>
      <button type="button" class="play" aria-label="Play" title="Play or pause (space)">${ICONS.play}</button>
      <button type="button" class="on" aria-label="Step forward" title="Step forward (right arrow)">${ICONS.on}</button>
      <input type="range" class="scrubber" min="0" step="1" />
      <span class="place"></span>
      <label class="speed">Speed <select aria-label="Speed, steps a second"></select></label>
      <label class="loop"><input type="checkbox" /> Loop</label>
    </div>
    <p class="caption" aria-live="off"></p>`;
  const find = (selector) => host.querySelector(selector);
  const [back, play, on, scrubber, place, speed, loop, caption] =
    [".back", ".play", ".on", ".scrubber", ".place", ".speed select", ".loop input", ".caption"].map(find);
  speed.innerHTML = timeline.RATES.map((rate) => `<option value="${rate}">${rate} / s</option>`).join("");
  let state = null, options = {}, last = 0, asked = 0, settling = 0, drawn = -1;

  function become(next, { settle = true } = {}) {
    const moved = state === null || next.at !== state.at, played = state?.playing !== next.playing;
    state = next;
    if (played) {
      play.innerHTML = state.playing ? ICONS.pause : ICONS.play;
      play.setAttribute("aria-label", state.playing ? "Pause" : "Play");
      // A reader of screens hears of single steps, not of sixty a second.
      caption.setAttribute("aria-live", state.playing ? "off" : "polite");
    }
    if (moved || drawn !== state.at) show();
    if (state.playing && !asked) { last = performance.now(); asked = requestAnimationFrame(frame); }
    if (settle && !state.playing && (moved || played)) settled();
  }

  function show() {
    drawn = state.at;
    options.draw?.(state.at);
    scrubber.value = state.at;
    const named = `${options.label ?? "Step"} ${state.at + (options.first ?? 1)} of ${state.frames - 1 + (options.first ?? 1)}`;
    place.textContent = named;
    scrubber.setAttribute("aria-valuetext", named);
    caption.textContent = options.caption?.(state.at) ?? "";
    caption.hidden = !caption.textContent;
  }

  function frame(now) {
    asked = 0;
    if (!host.isConnected) return become(timeline.pause(state), { settle: false });
    const next = timeline.tick(state, now - last);
    last = now;
    if (next.playing) asked = requestAnimationFrame(frame);
    become(next);
  }

  function settled() {
    clearTimeout(settling);
    settling = setTimeout(() => options.onSettle?.(state.at), SETTLE_MS);
  }

  back.onclick = () => become(timeline.step(state, -1));
  on.onclick = () => become(timeline.step(state, 1));
  play.onclick = () => become(timeline.toggle(state));
  scrubber.oninput = () => become(timeline.seek(timeline.pause(state), scrubber.valueAsNumber));
  speed.onchange = () => become(timeline.setRate(state, Number(speed.value)));
  loop.onchange = () => become(timeline.setLoop(state, loop.checked));

  // Keys count wherever the focus is within `keys` (the whole component), but not where they write or choose something.
  function key(event) {
    const target = event.composedPath()[0];
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (target.matches?.("input:not([type=checkbox]), select, textarea") && target !== scrubber) return;
    if (target.matches?.("[data-own-keys]") && event.key !== " ") return;
    if (event.key === " " && target.matches?.("button, input")) return;  // they are pressed by it
    const next = timeline.press(state, event.key);
    if (!next) return;
    event.preventDefault();
    become(next);
  }

  return {
    configure(given) {
      options.keys?.removeEventListener("keydown", key);
      options = given;
      (options.keys ?? host).addEventListener("keydown", key);
      options.keys ??= host;
      host.setAttribute("aria-label", `Player: ${options.title ?? options.label ?? "steps"}`);
      scrubber.setAttribute("aria-label", options.label ?? "Step");
      scrubber.max = options.frames - 1;
      const next = state
        ? { ...timeline.seek(state, state.at), frames: options.frames, at: Math.min(state.at, options.frames - 1) }
        : timeline.create(options);
      speed.value = timeline.RATES.includes(next.rate) ? next.rate : 4;
      loop.checked = next.loop;
      drawn = -1;
      become(next, { settle: false });
    },
    seek: (at, { settle = true } = {}) => become(timeline.seek(timeline.pause(state), at), { settle }),
    pause: () => become(timeline.pause(state)),
    redraw: show,
    get at() { return state.at; },
    get playing() { return state.playing; },
  };
}
