/* The roster's Excel file: what only the browser knows (the file was saved again, nobody answered), and the codes that are
   shown once: to print, and not to lose by leaving. */
"use strict";

addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form[data-file]"), file = form.querySelector("input[type=file]");
  const words = form.querySelector("template").content;
  /* Codes on the page of which nobody has said that they are on paper. */
  const atStake = () => document.querySelector("#codes [data-kept]:not(:checked)") !== null;
  const say = (word) => {
    const report = document.getElementById("report");
    // The answer to an earlier file is not the answer to this one; codes stay until somebody has them.
    report.querySelectorAll(":scope > :not(#codes)").forEach((old) => old.remove());
    report.prepend(words.querySelector(`[data-says="${word}"]`).cloneNode(true));
  };
  let entering = false;

  document.addEventListener("submit", (event) => {
    if (event.target !== form) return;
    entering = event.submitter?.value === "enter";
    if (atStake() && !confirm(words.querySelector('[data-says="stake"]').textContent)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);
  // A file saved or moved after it was chosen is not sent: the browser breaks off and tells nobody.
  form.addEventListener("htmx:error", async () => {
    const chosen = file.files[0];
    const there = !chosen || (await chosen.slice(0, 1).arrayBuffer().then(() => true, () => false));
    say(!there ? "changed" : entering ? "unsure" : "unreached");
    if (!there) {
      file.value = "";
      file.focus();
    }
  });
  // An answer without a report is another page: one signs in there, or something failed.
  form.addEventListener("htmx:after:request", (event) => {
    if (event.detail.ctx.text.includes('id="report"')) return;
    event.preventDefault();
    say(event.detail.ctx.response.raw.redirected ? "signed" : entering ? "unsure" : "unreached");
  });
  document.addEventListener("click", (event) => { if (event.target.closest("[data-print]")) print(); });
  addEventListener("beforeunload", (event) => { if (atStake()) event.preventDefault(); });
});
