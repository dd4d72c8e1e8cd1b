/* The screen of one gate. It says what has just happened, for some seconds, and then waits; with the line cut it says that.
   A verdict is never shown that is older than the service says: age is told by the service's own clock, learnt anew on each
   connection, and counted on with a clock that nobody sets (performance.now). */
"use strict";

(() => {
  const stage = document.getElementById("stage");
  if (!stage) return;
  const place = document.getElementById("verdict");
  const count = document.getElementById("on-site");
  const clock = document.getElementById("clock");
  const loud = document.getElementById("sound");
  const data = document.body.dataset;
  const SHOW_MS = Number(data.showMs);
  const FRESH_MS = Number(data.freshMs);
  let offset = Infinity; // smallest (our clock - the service's) heard on this connection
  let until = 0;
  let refused = 0;
  let sound = null;

  const learn = (told) => {
    if (told.now_ms) offset = Math.min(offset, performance.now() - told.now_ms);
  };

  function idle() {
    until = 0;
    place.replaceChildren();
    stage.dataset.tone = "idle";
  }

  function verdict(told) {
    learn(told);
    const age = performance.now() - offset - told.at_ms;
    if (age > FRESH_MS) return;
    place.innerHTML = told.html;
    stage.dataset.tone = told.tone;
    until = performance.now() + SHOW_MS;
    tone(told.tone);
  }

  function tone(word) {
    if (!sound || localStorage.getItem("muster-sound") !== "on") return;
    const beeps = { admit: [880], refuse: [220, 220], ask: [440, 440, 440] }[word] || [];
    beeps.forEach((hertz, n) => {
      const one = sound.createOscillator();
      const gain = sound.createGain();
      one.frequency.value = hertz;
      gain.gain.value = 0.15;
      one.connect(gain).connect(sound.destination);
      one.start(sound.currentTime + n * 0.22);
      one.stop(sound.currentTime + n * 0.22 + 0.15);
    });
  }

  function say(word) {
    if (word === "open") {
      refused = 0;
      stage.dataset.line = "open";
      return;
    }
    // What was shown may be over by now, and what comes next nobody knows.
    offset = Infinity;
    stage.dataset.line = "lost";
    idle();
    // Taken back, or the service has another page: its own page says so.
    if (word === "closed" && ++refused >= 2) {
      refused = 0;
      Live.reload();
    }
  }

  Live.follow(
    () => data.stream,
    {
      verdict,
      counts: (told) => { count.textContent = told.on_site; },
      beat: (told) => {
        learn(told);
        if (told.own !== data.own) Live.reload();
      },
    },
    say,
  );

  setInterval(() => {
    if (until && performance.now() > until) idle();
    clock.textContent = new Intl.DateTimeFormat("zh-CN", { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: data.zone }).format(new Date());
  }, 250);

  const shown = () => { loud.setAttribute("aria-pressed", String(localStorage.getItem("muster-sound") === "on" && sound !== null)); };
  loud.addEventListener("click", () => {
    // A browser gives no sound before somebody has touched the page.
    sound = sound || new AudioContext();
    const on = loud.getAttribute("aria-pressed") === "true";
    localStorage.setItem("muster-sound", on ? "off" : "on");
    shown();
    if (!on) tone("admit");
  });
  shown();
  document.getElementById("full").addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen?.();
  });
})();
