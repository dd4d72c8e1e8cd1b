/* The wall, and the numbers of today's page: they follow the stream of counts. */
"use strict";

(() => {
  const wall = document.getElementById("wall");
  const figures = document.getElementById("figures");
  if (!wall && !figures) return;
  const from = wall || figures;
  const state = document.getElementById("link-state");
  let refused = 0;

  function counts(told) {
    for (const [name, value] of Object.entries(told.figures)) {
      document.querySelectorAll(`[data-figure="${name}"]`).forEach((place) => { place.textContent = value; });
    }
    if (!wall) {
      Lists.told(told.stand);
      return;
    }
    document.getElementById("wall-body").innerHTML = told.wall;
    const bar = document.getElementById("today-bar");
    bar.style.width = `${Math.min(100, (100 * told.figures.came) / Number(bar.dataset.most))}%`;
    // A new work date: the last seven days are others.
    if (told.day !== wall.dataset.day) Live.reload();
  }

  const line = Live.state(state);
  Live.follow(
    () => from.dataset.stream,
    { counts, beat: (told) => { if (wall && told.own !== wall.dataset.own) Live.reload(); } },
    (word) => {
      line(word);
      if (word === "open") { refused = 0; return; }
      if (wall && word === "closed" && ++refused >= 2) {
        refused = 0;
        Live.reload();
      }
    },
  );
  const full = document.getElementById("full");
  full?.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen?.();
  });
})();
