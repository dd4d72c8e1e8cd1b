/* What a page does beyond plain HTML: draw charts. Everything else is links, forms and htmx attributes. */
"use strict";

function draw(element) {
  const chart = echarts.init(element, null, { renderer: "svg" });
  const load = () =>
    fetch(element.dataset.chart, { headers: { Accept: "application/json" } })
      .then((reply) => (reply.ok ? reply.json() : Promise.reject(new Error(String(reply.status)))))
      .then((option) => {
        chart.setOption(option, true);
        element.dataset.drawn = "yes";
      })
      .catch(() => {
        // The table beside the chart says the same; a chart that cannot load leaves no hole.
        element.hidden = true;
      });
  load();
  // A page that follows draws again: what it was told, or what the address says now.
  element.addEventListener("again", ({ detail }) => { if (detail) chart.setOption(detail, true); else load(); });
  new ResizeObserver(() => chart.resize()).observe(element);
}

addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-chart]").forEach(draw);
  // A select that filters needs no button when scripts run.
  document.querySelectorAll("form[data-auto] select, form[data-auto] input[type=checkbox], form[data-auto] input[type=month]")
    .forEach((field) => field.addEventListener("change", () => field.form.requestSubmit()));
  document.querySelectorAll("[data-tick]").forEach((all) =>
    all.addEventListener("change", () => {
      document.querySelectorAll(`input[type=checkbox][name="${all.dataset.tick}"]`).forEach((box) => { box.checked = all.checked; });
    }),
  );
  // Twice pressed is once sent; the server would meet the same key anyway. A moment later: a button that is off says nothing,
  // and which one was pressed may be the answer.
  document.querySelectorAll("form[data-once]").forEach((form) =>
    form.addEventListener("submit", (event) => {
      // A button of this method sends nothing outside a dialog.
      if (event.submitter?.formMethod === "dialog") return;
      setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }));
    }),
  );
});
// Coming back by the browser's history shows the page as it was left, buttons off included.
addEventListener("pageshow", (event) => {
  if (event.persisted) document.querySelectorAll("form[data-once] button").forEach((button) => { button.disabled = false; });
});
// The browser says that a field is wrong in its own words and language; where we know what is wanted, ours.
addEventListener("invalid", ({ target }) => {
  if (target.title && !target.validity.valueMissing && !target.validity.customError) target.setCustomValidity(target.title);
}, true);
addEventListener("input", ({ target }) => { if (target.title && target.setCustomValidity) target.setCustomValidity(""); }, true);
// Copies what is too long to be typed. Over plain http a browser has no clipboard for us: there no button is shown.
addEventListener("DOMContentLoaded", () =>
  document.querySelectorAll("[data-copy]").forEach((button) => {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", () => navigator.clipboard.writeText(button.dataset.copy).then(() => { button.textContent = button.dataset.copied; }));
  }),
);
