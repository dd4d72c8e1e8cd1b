/* The gate's screen: one stream of server-sent events.
   "passage" carries a row and the large panel, its id is the passage's number in the project's chain;
   "asks" carries every card that waits for a person, so a missed one cannot leave a stale card behind.
   The browser resumes by Last-Event-ID; when it gives up (an error page in between) we open anew, after the
   last number shown. A number already shown is not shown twice. */
"use strict";

(() => {
  const live = document.getElementById("live");
  if (!live) return;
  const state = document.getElementById("link-state");
  const rows = document.getElementById("passages");
  const panel = document.getElementById("verdict");
  const asks = document.getElementById("asks");
  const ROWS_MAX = 60;
  const SILENCE_MAX_MS = 20000; // the server says something every 8 s at least
  let last = Number(live.dataset.after);
  let source = null;
  let heardAt = Date.now();

  const say = (word) => {
    if (state.dataset.state === word) return;
    state.dataset.state = word;
    state.textContent = state.dataset[word];
  };

  const heard = () => {
    heardAt = Date.now();
    say("open");
  };

  function passage(event) {
    heard();
    const seq = Number(event.lastEventId);
    if (seq <= last) return;
    last = seq;
    const told = JSON.parse(event.data);
    const holder = document.createElement("tbody");
    holder.innerHTML = told.row;
    const row = holder.firstElementChild;
    row.classList.add("fresh");
    rows.prepend(row);
    while (rows.children.length > ROWS_MAX) rows.lastElementChild.remove();
    document.getElementById("no-passages")?.remove();
    panel.innerHTML = told.panel;
  }

  function waiting(event) {
    heard();
    asks.innerHTML = JSON.parse(event.data).html;
    if (window.htmx) htmx.process(asks);
  }

  function open() {
    source?.close();
    source = new EventSource(`${live.dataset.stream}?after=${last}`);
    source.addEventListener("open", heard);
    source.addEventListener("passage", passage);
    source.addEventListener("asks", waiting);
    source.addEventListener("beat", heard);
    source.addEventListener("error", () => say("lost"));
  }

  open();
  setInterval(() => {
    const silent = Date.now() - heardAt > SILENCE_MAX_MS;
    if (silent) say("lost");
    if (source.readyState === EventSource.CLOSED || silent) {
      heardAt = Date.now();
      open();
    }
  }, 2000);
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) open(); });
})();
