/* Following a stream of server-sent events, for every live screen of ours.
   The browser resumes by Last-Event-ID. When it gives up (an error page in between) or nothing is heard (the service says
   something every 3 s), we open anew, after the last number told. */
"use strict";

const Live = {
  /* address: function of the last number -> where the stream is. on: event name -> function(told, number).
     say("open" | "lost" | "closed"): how the line is; "closed" each time the service refuses the stream. */
  follow(address, on, say) {
    const SILENCE_MAX_MS = 10000;
    let last = null;
    let source = null;
    let heardAt = performance.now();
    let openedAt = 0;

    const heard = () => {
      heardAt = performance.now();
      say("open");
    };

    function open() {
      source?.close();
      openedAt = performance.now();
      source = new EventSource(address(last));
      source.addEventListener("open", heard);
      source.addEventListener("error", () => say(source.readyState === EventSource.CLOSED ? "closed" : "lost"));
      for (const [name, told] of Object.entries(on)) {
        source.addEventListener(name, (event) => {
          heard();
          const number = event.lastEventId ? Number(event.lastEventId) : null;
          // A number already told is not told twice; what has no number carries the last one's id.
          if (number !== null) last = Math.max(last ?? 0, number);
          told(JSON.parse(event.data), number);
        });
      }
    }

    open();
    setInterval(() => {
      const silent = performance.now() - heardAt > SILENCE_MAX_MS;
      if (silent) say("lost");
      if ((source.readyState === EventSource.CLOSED || silent) && performance.now() - openedAt > 2000) {
        heardAt = performance.now();
        open();
      }
    }, 1000);
    addEventListener("pagehide", () => source.close());
    addEventListener("pageshow", (event) => { if (event.persisted) open(); });
    addEventListener("online", open);
  },

  /* Loads the page anew when the service can answer: a screen that nobody attends must not end on the browser's own error page. */
  reload() {
    fetch(location.href, { cache: "no-store" }).then((reply) => { if (reply.status < 500) location.reload(); }).catch(() => {});
  },

  /* Goes to where one signs in, when that is why the service refuses: a page left open over night must not say "reconnecting" for ever.
     What is typed on a page whose reader is still signed in stays. */
  leave() {
    fetch(location.href, { cache: "no-store" }).then((reply) => { if (reply.redirected) location.reload(); }).catch(() => {});
  },

  /* Shows how the line is: data-open, data-lost of an element. Refused twice, it asks whether its reader is signed in. */
  state(element) {
    let refused = 0;
    return (word) => {
      if (word === "open") refused = 0;
      else if (word === "closed" && ++refused >= 2) {
        refused = 0;
        Live.leave();
      }
      const shown = word === "open" ? "open" : "lost";
      if (element.dataset.state === shown) return;
      element.dataset.state = shown;
      element.textContent = element.dataset[shown];
    };
  },
};
