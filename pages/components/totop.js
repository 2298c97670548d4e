// Presenting: another part begins at its top. data: {place}, what is shown.

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".root");
  if (root.place !== undefined && root.place !== data.place) document.querySelector("[data-testid=stMain]")?.scrollTo({ top: 0 });
  root.place = data.place;
}
