// A worker's own pages, and whoever signs on a screen: the code of a link, one press once, a signature drawn with a finger.
"use strict";

function pad(form) {
  const canvas = form.querySelector("canvas"), send = form.querySelector("button.main"), pen = canvas.getContext("2d");
  let drawing = false, length = 0, last = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * canvas.width) / box.width, ((event.clientY - box.top) * canvas.height) / box.height];
  };
  const clear = () => {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    length = 0;
    send.disabled = true;
  };
  clear();
  Object.assign(pen, { lineWidth: 5, lineCap: "round", lineJoin: "round", strokeStyle: "#111" });
  canvas.addEventListener("pointerdown", (event) => {
    drawing = true;
    last = at(event);
    canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drawing) return;
    const next = at(event);
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(...next);
    pen.stroke();
    length += Math.hypot(next[0] - last[0], next[1] - last[1]);
    last = next;
    if (length > 60) send.disabled = false;
  });
  for (const over of ["pointerup", "pointercancel"]) canvas.addEventListener(over, () => { drawing = false; });
  form.querySelector("[data-clear]").addEventListener("click", clear);
  form.addEventListener("submit", () => { form.elements.drawn.value = canvas.toDataURL("image/png"); });
}

addEventListener("DOMContentLoaded", () => {
  const code = document.getElementById("code");
  if (code && location.hash.length > 1) {
    code.value = decodeURIComponent(location.hash.slice(1));
    // The code is not left in the address bar of somebody's phone.
    history.replaceState(null, "", location.pathname);
  }
  document.querySelectorAll("form[data-sign]").forEach(pad);
  document.querySelectorAll("form[data-kinds]").forEach((form) => {
    const show = () => {
      const kind = form.elements.kind.value;
      form.querySelectorAll("[data-for]").forEach((part) => { part.hidden = !part.dataset.for.split(" ").includes(kind); });
    };
    form.addEventListener("change", show);
    show();
  });
  document.querySelectorAll("form[data-once]").forEach((form) =>
    form.addEventListener("submit", () => {
      // The pressed button's own value goes with the form; off is what it is a moment later.
      setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }), 0);
    }),
  );
});
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
