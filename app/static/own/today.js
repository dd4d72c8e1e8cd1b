/* The lists of today's page follow its numbers. Nothing is asked for while nothing changes; what has changed is fetched at most
   every data-every ms, all lists in one answer, and only those are put in place that are others. A list that somebody is in
   (pointer, focus, selection, an opened row, a finger) stays as it is until he leaves it. */
"use strict";

const Lists = (() => {
  const figures = document.getElementById("figures");
  if (!figures) return { told() {} };
  const newer = document.getElementById("newer");
  const followed = document.getElementById("followed");
  const AGAIN_MS = 1000;
  const SAID_EVERY_MS = 60000;
  const WEEK_EVERY_MS = 300000;
  const points = matchMedia("(hover: hover)");
  const spread = Math.random() * 2000; // Pages that are told the same do not all ask at once.
  let stand = figures.dataset.stand;
  let due = false;
  let busy = false;
  let fetchedAt = -Infinity;
  let saidAt = performance.now();
  let weekAt = performance.now();
  let touchedAt = -Infinity;
  let touched = null;
  let timer = 0;
  const waiting = new Map(); // Lists that are others and that somebody is in: name -> template.

  const parts = () => document.querySelectorAll("[data-part]");

  function inUse(part) {
    if (points.matches && part.matches(":hover")) return true;
    if (part.contains(document.activeElement) || part.querySelector("details[open]")) return true;
    if (touched === part && performance.now() - touchedAt < 4000) return true;
    const selected = getSelection();
    return Boolean(selected.rangeCount && !selected.isCollapsed && selected.getRangeAt(0).intersectsNode(part));
  }

  function made(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template;
  }

  const same = (template, part) => template.innerHTML.trim() === part.innerHTML.trim();

  function put(part, template) {
    const scrolled = [...part.querySelectorAll(".scroll")].map((each) => [each.scrollLeft, each.scrollTop]);
    // What is above the window grows or shrinks without moving what is read (today.css switches the browser's own anchoring off).
    const before = part.getBoundingClientRect();
    part.replaceChildren(template.content);
    part.querySelectorAll(".scroll").forEach((each, n) => { if (scrolled[n]) [each.scrollLeft, each.scrollTop] = scrolled[n]; });
    const grown = part.getBoundingClientRect().height - before.height;
    if (before.bottom <= 0 && grown) scrollBy({ top: grown, behavior: "instant" });
  }

  function place(force = false) {
    for (const part of parts()) {
      const template = waiting.get(part.dataset.part);
      if (!template || (!force && inUse(part))) continue;
      waiting.delete(part.dataset.part);
      put(part, template);
    }
    newer.hidden = !waiting.size;
  }

  async function ask() {
    busy = true;
    due = false;
    fetchedAt = performance.now();
    try {
      const reply = await fetch(figures.dataset.lists, { headers: { Accept: "application/json" }, cache: "no-store" });
      // Who is signed out by now is led to the door by the stream.
      if (reply.redirected || !reply.ok) throw new Error(String(reply.status));
      const told = await reply.json();
      stand = told.stand;
      if (!document.querySelector("[data-part=groups]")) location.reload(); // The page said that nobody was there yet.
      for (const part of parts()) {
        const template = made(told.parts[part.dataset.part] ?? "");
        if (same(template, part)) waiting.delete(part.dataset.part);
        else waiting.set(part.dataset.part, template);
      }
      place();
      draw(told.teams);
      if (performance.now() - saidAt >= SAID_EVERY_MS) {
        saidAt = performance.now();
        followed.textContent = told.said;
      }
    } catch {
      due = true; // The service starts anew, or the line is down: once more, as late as after an answer.
    } finally {
      busy = false;
      soon();
    }
  }

  function draw(teams) {
    for (const chart of document.querySelectorAll("[data-chart]")) {
      if (chart.dataset.chart.endsWith("/teams")) chart.dispatchEvent(new CustomEvent("again", { detail: teams }));
      else if (performance.now() - weekAt >= WEEK_EVERY_MS) {
        weekAt = performance.now();
        chart.dispatchEvent(new CustomEvent("again"));
      }
    }
  }

  function soon() {
    clearTimeout(timer);
    if (!due && !waiting.size) return;
    timer = setTimeout(() => {
      if (waiting.size) place();
      // Nobody reads a page that is behind another.
      const since = performance.now() - fetchedAt;
      if (due && !busy && document.visibilityState === "visible" && since >= Number(figures.dataset.every) + spread) ask();
      else soon();
    }, AGAIN_MS);
  }

  newer.querySelector("button").addEventListener("click", () => place(true));
  for (const name of ["touchstart", "touchmove"]) {
    addEventListener(name, (event) => {
      touched = event.target.closest?.("[data-part]");
      touchedAt = performance.now();
    }, { passive: true });
  }

  return {
    /* The stream told that things stand so: another stand than that of the lists makes them old. */
    told(now) {
      if (now === stand) return;
      due = true;
      soon();
    },
  };
})();
