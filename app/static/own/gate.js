/* The guard's desk: passages as they come, and the keys that let somebody in without a mouse. */
"use strict";

(() => {
  const live = document.getElementById("live");
  if (!live) return;
  const rows = document.getElementById("passages");
  const panel = document.getElementById("verdict");
  const ROWS_MAX = 60;
  const first = Number(live.dataset.after);
  let shown = first;

  const rowOf = (html) => {
    const holder = document.createElement("tbody");
    holder.innerHTML = html;
    return holder.firstElementChild;
  };

  function passage(told) {
    if (told.seq <= shown) return;
    shown = told.seq;
    const row = rowOf(told.row);
    row.classList.add("fresh");
    rows.prepend(row);
    while (rows.children.length > ROWS_MAX) rows.lastElementChild.remove();
    document.getElementById("no-passages")?.remove();
    panel.innerHTML = told.panel;
  }

  function changed(told) {
    rows.querySelector(`tr[data-seq="${told.seq}"]`)?.replaceWith(rowOf(told.row));
    if (told.seq === shown) panel.innerHTML = told.panel;
  }

  const part = (id) => (told) => {
    const place = document.getElementById(id);
    place.innerHTML = told.html;
    if (window.htmx) htmx.process(place);
  };

  /* Who waits. A photograph that is on the screen stays there: each time one is loaded somebody has looked at him. And when
     another card moves to where one was, a press meant for that one is not taken for it. */
  const STILL_MS = 700;
  let movedAt = -Infinity;
  const cardsOf = (root) => [...root.querySelectorAll("[data-passage]")];
  function asks(told) {
    const place = document.getElementById("asks");
    const old = cardsOf(place);
    const next = document.createElement("template");
    next.innerHTML = told.html;
    const cards = cardsOf(next.content);
    if (cards.length === old.length && cards.every((card, n) => card.dataset.passage === old[n].dataset.passage)) return;
    if (old.some((card, n) => cards[n] && cards[n].dataset.passage !== card.dataset.passage)) movedAt = performance.now();
    for (const card of cards) {
      const face = old.find((one) => one.dataset.passage === card.dataset.passage)?.querySelector("figure");
      if (face) card.querySelector("figure")?.replaceWith(face);
    }
    place.replaceChildren(next.content);
    if (window.htmx) htmx.process(place);
  }
  document.getElementById("asks").addEventListener("click", (event) => {
    if (performance.now() - movedAt < STILL_MS) { event.preventDefault(); event.stopPropagation(); }
  }, true);

  Live.follow(
    (last) => `${live.dataset.stream}?after=${last ?? first}`,
    { passage, changed, asks, hand: part("hand"), strangers: part("strangers"), beat: () => {} },
    Live.state(document.getElementById("link-state")),
  );

  /* Keys, as long as nobody types: / to the number, Y and N for the oldest who waits, 1 to 5 for the reason. */
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input:not([type=radio]), textarea, select");
    if (event.key === "Escape" && typing) { event.target.blur(); return; }
    if (typing) return;
    const press = (button) => { if (button) { event.preventDefault(); button.focus(); button.click(); } };
    if (event.key === "/") {
      const field = document.getElementById("value");
      if (field) { event.preventDefault(); field.focus(); field.select(); }
    } else if (event.key === "y" || event.key === "Y") {
      press(document.querySelector("#asks [data-key=y]"));
    } else if (event.key === "n" || event.key === "N") {
      press(document.querySelector("#asks [data-key=n]"));
    } else if (/^[1-5]$/.test(event.key)) {
      press(document.querySelector(`#found [data-key="${event.key}"]`));
    }
  });
  document.addEventListener("htmx:after:swap", () => {
    const found = document.getElementById("found");
    const wanted = found?.querySelector("[data-focus]");
    if (wanted && !wanted.dataset.done) { wanted.dataset.done = "yes"; wanted.focus(); }
    const field = document.getElementById("value");
    if (field && found?.querySelector("[data-empties]")) field.value = "";
  });
})();
