/* The enrolment desk: the pen, and the camera with advice before each photograph. A shot is put into the form's own file
   field, so the camera and the upload are one road. Nothing is kept in the browser. */
"use strict";

/* ---- the pen: a stroke is black on white, written into a hidden field as PNG ---- */
function holdPen(box) {
  const canvas = box.querySelector("canvas"), field = box.querySelector("input"), ink = canvas.getContext("2d");
  let drawn = false, down = false;
  const clear = () => {
    ink.fillStyle = "#fff";
    ink.fillRect(0, 0, canvas.width, canvas.height);
    field.value = "";
    drawn = false;
  };
  const at = (event) => {
    const place = canvas.getBoundingClientRect();
    return [((event.clientX - place.left) * canvas.width) / place.width, ((event.clientY - place.top) * canvas.height) / place.height];
  };
  canvas.addEventListener("pointerdown", (event) => {
    down = drawn = true;
    canvas.setPointerCapture(event.pointerId);
    ink.lineWidth = 6;
    ink.lineCap = ink.lineJoin = "round";
    ink.strokeStyle = "#000";
    ink.beginPath();
    ink.moveTo(...at(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!down) return;
    ink.lineTo(...at(event));
    ink.stroke();
  });
  ["pointerup", "pointercancel"].forEach((name) => canvas.addEventListener(name, () => { down = false; }));
  box.querySelector("[data-clear]").addEventListener("click", clear);
  canvas.closest("form").addEventListener("submit", () => { field.value = drawn ? canvas.toDataURL("image/png") : ""; });
  clear();
  box.hidden = false;
}

/* ---- the camera ---- */
const FRAME_WIDTH = 640;
const PAUSE_MS = 200;
const BUSY_MS = 1200;

function standCamera(form) {
  const part = (name) => form.querySelector(`[data-${name}]`);
  const word = (name) => form.querySelector("[data-words]").content.querySelector(`[data-${name}]`).textContent;
  const live = part("live"), video = form.querySelector("video"), shots = part("shots"), says = part("says");
  const input = form.querySelector("input[name=photographs]"), send = part("send"), answer = part("answer");
  const most = Number(form.dataset.max), enough = Number(form.dataset.enough);
  let files = [], stream = null;

  const put = () => {
    const holder = new DataTransfer();
    files.forEach((one) => holder.items.add(one.file));
    input.files = holder.files;
    shots.replaceChildren(...files.map((one, at) => card(one, at)));
    part("shoot").disabled = files.length >= most;
  };
  const card = (one, at) => {
    const item = document.createElement("li"), label = document.createElement("div"), remove = document.createElement("button");
    label.textContent = word("count").replace("{n}", String(at + 1)) + (one.says ? ` ${one.says}` : "");
    item.className = one.state || "";
    remove.type = "button";
    remove.textContent = word("removed");
    remove.setAttribute("aria-label", `${word("removed")} ${at + 1}`);
    remove.addEventListener("click", () => { files.splice(at, 1); put(); });
    item.append(one.small, label, remove);
    return item;
  };
  const small = (source, width, height) => {
    const canvas = document.createElement("canvas");
    canvas.width = 264;
    canvas.height = 198;
    const scale = Math.max(264 / width, 198 / height);
    canvas.getContext("2d").drawImage(source, (264 - width * scale) / 2, (198 - height * scale) / 2, width * scale, height * scale);
    return canvas;
  };
  const drawn = (width) => {
    const canvas = document.createElement("canvas");
    const scale = Math.min(1, width / video.videoWidth);
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    return canvas;
  };
  const jpeg = (canvas, quality) => new Promise((done) => { canvas.toBlob(done, "image/jpeg", quality); });
  /* A picture of another kind is written anew as JPEG; the browser that shows it can do that. */
  const asJpeg = async (file, picture) => {
    if (file.type === "image/jpeg") return file;
    const canvas = document.createElement("canvas");
    canvas.width = picture.width;
    canvas.height = picture.height;
    canvas.getContext("2d").drawImage(picture, 0, 0);
    return new File([await jpeg(canvas, 0.95)], `${file.name}.jpg`, { type: "image/jpeg" });
  };
  const later = (ms) => new Promise((done) => { setTimeout(done, ms); });

  /* Where the face was seen, as a frame over the picture. */
  const frame = (box, good) => {
    const over = form.querySelector("canvas.frame"), ink = over.getContext("2d");
    over.width = video.videoWidth;
    over.height = video.videoHeight;
    if (!box) return;
    ink.lineWidth = Math.max(3, over.width / 160);
    ink.strokeStyle = good ? "#35c26f" : "#f0b429";
    ink.strokeRect(box[0] * over.width, box[1] * over.height, (box[2] - box[0]) * over.width, (box[3] - box[1]) * over.height);
  };
  /* One picture under way at a time: the next is taken when the answer to the last is here. */
  async function advise() {
    while (stream && form.isConnected) {
      if (document.hidden || !video.videoWidth) {
        await later(PAUSE_MS);
        continue;
      }
      const body = new FormData();
      body.append("frame", await jpeg(drawn(FRAME_WIDTH), 0.75), "frame.jpg");
      try {
        const reply = await fetch(form.dataset.advice, { method: "POST", body, headers: { Accept: "application/json" } });
        const told = await reply.json();
        if (reply.ok) {
          says.textContent = told.says;
          says.classList.toggle("good", told.good);
          says.dataset.code = told.code || "good";
          frame(told.box, told.good);
        } else if (reply.status !== 503 && reply.status !== 429) {
          says.textContent = told.error ? told.error.message : "";
          says.classList.remove("good");
        }
        await later(reply.ok ? PAUSE_MS : BUSY_MS);
      } catch {
        await later(BUSY_MS);
      }
    }
  }
  async function open() {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 960 }, facingMode: "user" }, audio: false });
    } catch {
      says.textContent = word("denied");
      return;
    }
    video.srcObject = stream;
    await video.play();
    part("open").hidden = true;
    part("shoot").hidden = false;
    part("shoot").focus();
    advise();
  }
  async function shoot() {
    if (files.length >= most || !video.videoWidth) return;
    const canvas = drawn(video.videoWidth), blob = await jpeg(canvas, 0.92);
    /* What the advice said at that moment is told beside the shot, not only after all of them were sent. */
    const doubt = says.dataset.code && says.dataset.code !== "good" ? says.textContent : "";
    files.push({
      file: new File([blob], `${files.length + 1}.jpg`, { type: "image/jpeg" }), small: small(canvas, canvas.width, canvas.height),
      says: doubt, state: doubt ? "bad" : "",
    });
    put();
    if (files.length >= enough) send.focus();
  }
  /* Files that were chosen are shown like shots. */
  input.addEventListener("change", async () => {
    const chosen = [...input.files].slice(0, most);
    files = await Promise.all(chosen.map(async (file) => {
      try {
        const picture = await createImageBitmap(file);
        return { file: await asJpeg(file, picture), small: small(picture, picture.width, picture.height) };
      } catch {
        return { file, small: document.createElement("canvas"), says: word("nopicture"), state: "bad" };
      }
    }));
    put();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    answer.textContent = word("wait");
    answer.className = "";
    try {
      const reply = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
      const told = await reply.json();
      const wrong = new Map((told.photographs || []).map((one) => [one.number, one.says]));
      files.forEach((one, at) => {
        const aside = told.set_aside === at + 1;
        const alike = (told.alike || []).includes(at + 1);
        one.says = wrong.get(at + 1) || (told.done ? word(aside ? "aside" : alike ? "alike" : "used") : "");
        one.state = wrong.has(at + 1) || aside || alike ? "bad" : told.done ? "good" : "";
      });
      put();
      answer.textContent = told.says || (told.error && told.error.message) || "";
      answer.className = told.done ? "state good" : "wrong";
      if (told.done && told.set_aside === null && !told.alike.length) {
        location.href = told.next;
        return;
      }
      if (told.done) {
        /* One was left out, or some are one picture: they stay in sight until somebody has looked at them, and can be taken anew. */
        const on = document.createElement("a");
        on.className = "button main";
        on.href = told.next;
        on.textContent = word("next");
        answer.append(" ", on);
        on.focus();
        send.disabled = !told.alike.length;
        return;
      }
    } catch {
      answer.textContent = word("lost");
      answer.className = "wrong";
    }
    send.disabled = false;
  });

  if (window.isSecureContext && navigator.mediaDevices && navigator.mediaDevices.getUserMedia) {
    live.hidden = false;
    part("open").addEventListener("click", open);
    part("shoot").addEventListener("click", shoot);
    if (!document.querySelector("[role=alert]")) part("open").focus();
  } else {
    part("nocamera").hidden = false;
  }
}

/* ---- the name of a worker whom the clerk may see already: put where nothing is typed, and gone with another number ---- */
function knowNames(says, field) {
  let put = "";
  says.addEventListener("htmx:afterSwap", () => {
    const known = says.querySelector("[data-known-name]")?.dataset.knownName || "";
    if (field.value === put) field.value = put = known;
  });
}

/* ---- a form that is refused: its page is put in place of this one, so that the browser's Back never asks for it again ---- */
function stay(form) {
  form.addEventListener("submit", async (event) => {
    if (event.submitter?.formMethod === "dialog") return;
    event.preventDefault();
    const fields = new URLSearchParams(new FormData(form));
    if (event.submitter?.name) fields.append(event.submitter.name, event.submitter.value);
    const buttons = form.querySelectorAll("button");
    setTimeout(() => buttons.forEach((button) => { button.disabled = true; }));
    try {
      const reply = await fetch(form.action, { method: "POST", body: fields, headers: { "X-Muster-Stay": "1" } });
      const next = reply.headers.get("X-Muster-Next");
      if (next || reply.redirected) {
        location.assign(next || reply.url);
        return;
      }
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      const here = document.getElementById("main"), fresh = document.importNode(page.getElementById("main"), true);
      here.replaceWith(fresh);
      htmx.process(fresh);
      stand(fresh);
      scrollTo(0, 0);
      fresh.querySelector("[autofocus]")?.focus();
      (fresh.querySelector("[role=alert]") || fresh.querySelector("[role=status]"))?.scrollIntoView({ block: "nearest" });
    } catch {
      const lost = form.querySelector("[data-lost-says]") || document.createElement("p");
      lost.dataset.lostSays = "";
      lost.className = "wrong whole";
      lost.setAttribute("role", "alert");
      lost.textContent = form.dataset.lost;
      form.append(lost);
      /* After the buttons went off. */
      setTimeout(() => buttons.forEach((button) => { button.disabled = false; }), 50);
    }
  });
}

function stand(page) {
  const says = page.querySelector("#number-says");
  if (says) knowNames(says, page.querySelector("#name"));
  page.querySelectorAll("[data-pen]").forEach(holdPen);
  page.querySelectorAll("form[data-camera]").forEach(standCamera);
  page.querySelectorAll("form[data-stay]").forEach(stay);
  page.querySelectorAll("[data-print]").forEach((button) => button.addEventListener("click", () => print()));
}

addEventListener("DOMContentLoaded", () => stand(document));
