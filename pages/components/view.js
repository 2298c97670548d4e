// How a component begins and what it tells the server; the same for all.

export const SETTLE_MS = 500;

// A module's default function: build(root) makes a view once, whose take(data) gets the data each time there is some. The view
// can send its settings, and set off or set anything else by name.
export function component(build) {
  return ({ parentElement, data, setStateValue, setTriggerValue }) => {
    const root = parentElement.querySelector(".root");
    const view = (root.view ??= build(root));
    view.send = (settings) => setStateValue("settings", settings);
    view.set = setStateValue;
    view.trigger = setTriggerValue;
    view.take(data);
  };
}

// A function to call at every change: the settings that kept() names are sent once the visitor has paused, if they are others.
export function settling(view, kept) {
  let waiting = 0, sent = "";
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const now = kept(), text = JSON.stringify(now);
      if (text !== sent) view.send(now);
      sent = text;
    }, SETTLE_MS);
  };
}
