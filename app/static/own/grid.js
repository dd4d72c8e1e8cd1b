/* The grid opens at today. A day of it opens beside the table; without this script its link opens the day's own page. */
"use strict";

addEventListener("DOMContentLoaded", () => {
  // Where the month is wider than the screen it opens at today.
  const now = document.querySelector("#grid th.now");
  if (now) {
    const box = now.closest(".scroll"), names = document.querySelector("#grid thead th");
    if (now.offsetLeft + now.offsetWidth > box.clientWidth) box.scrollLeft = now.offsetLeft - names.offsetWidth - 2 * now.offsetWidth;
  }
  const panel = document.getElementById("panel");
  if (!panel || typeof panel.show !== "function") return;
  let from = null;
  document.addEventListener("click", (event) => {
    const link = event.target.closest("#grid td a, a[data-panel]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    from = link;
    document.querySelectorAll("#grid td.opened").forEach((cell) => cell.classList.remove("opened"));
    if (link.parentElement.tagName === "TD") link.parentElement.classList.add("opened");
    htmx.ajax("GET", link.getAttribute("href"), { target: "#panel-in", select: "#day", swap: "innerHTML" }).then(() => {
      panel.scrollTop = 0;
      if (!panel.open) panel.show();
      panel.querySelector("button").focus({ preventScroll: true });
    });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && panel.open) panel.close();
  });
  panel.addEventListener("close", () => {
    document.querySelectorAll("#grid td.opened").forEach((cell) => cell.classList.remove("opened"));
    if (from) from.focus({ preventScroll: true });
  });
});
