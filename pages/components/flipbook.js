// Pictures of the same size, one after the other, in the player. data: {identity, pictures (data URLs or PNGs in base64), captions,
// label, first (number of the first one), at, rate, loop, alt}

import { attach } from "./player.js";

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".root");
  if (root.identity !== data.identity) {
    root.identity = data.identity;
    root.innerHTML = `<div class="pages"></div><div class="steps"></div>`;
    data.pictures.forEach((address, n) => {
      const image = new Image();
      image.src = address;
      image.alt = data.captions[n];
      image.hidden = true;
      root.firstElementChild.append(image);
    });
  }
  root.firstElementChild.classList.toggle("wide", Boolean(data.wide));
  const pictures = root.firstElementChild.children;
  attach(root.querySelector(".steps"), {
    frames: data.pictures.length, at: data.at ?? 0, rate: data.rate ?? 2, loop: data.loop ?? true, label: data.label, first: data.first ?? 1,
    title: data.title, keys: root, caption: (at) => data.captions[at],
    draw: (at) => { for (let n = 0; n < pictures.length; n++) pictures[n].hidden = n !== at; },
    onSettle: (at) => setStateValue("settings", { at }),
  });
}
