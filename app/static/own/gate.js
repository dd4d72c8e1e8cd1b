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

  Live.follow(
    (last) => `${live.dataset.stream}?after=${last ?? first}`,
    { passage, changed, asks: part("asks"), hand: part("hand"), strangers: part("strangers"), beat: () => {} },
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
