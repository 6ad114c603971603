// Keeps the page of what goes on now true, and says so where it cannot.
"use strict";
(() => {
  const live = document.getElementById("live");
  if (!live) return;
  const list = document.getElementById("cases");
  const head = document.getElementById("head");
  const none = document.getElementById("none");
  const stale = document.getElementById("stale");
  const LATE = 15000; // three ticks of the server's

  let heard = Date.now();
  let ahead = Date.now() - Date.parse(live.dataset.at); // of this clock before the server's
  let source = null;
  let again = 0;

  const made = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html; // escaped by the server, and nothing in it could run here
    return template.content;
  };

  const span = (seconds) => {
    const s = Math.max(0, Math.floor(seconds));
    const minutes = Math.floor(s / 60), hours = Math.floor(s / 3600), days = Math.floor(s / 86400);
    if (days) return `${days} d ${hours % 24} h`;
    if (hours) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
    return minutes ? `${minutes} min` : `${s} s`;
  };

  const age = () => {
    const now = Date.now() - ahead;
    for (const time of list.querySelectorAll("time[data-since]")) {
      const told = span((now - Date.parse(time.dateTime)) / 1000);
      if (time.textContent !== told) time.textContent = told;
    }
    const silent = Date.now() - heard;
    const old = silent > LATE;
    live.classList.toggle("old", old);
    if (old) stale.textContent = `${stale.dataset.stale} ${span(silent / 1000)}. ${stale.dataset.away}`;
    stale.hidden = !old;
  };

  const alive = (at) => {
    heard = Date.now();
    ahead = heard - Date.parse(at);
    live.dataset.ready = "true";
  };

  // But for the age, which ticks here.
  const same = (known, row) => {
    const [ours, theirs] = [known, row].map((one) => one.querySelector("time[data-since]"));
    if (ours && theirs) theirs.textContent = ours.textContent;
    known.classList.remove("changed");
    return known.className === row.className && known.innerHTML === row.innerHTML;
  };

  const state = (row) => row.querySelector(".state").textContent;

  const show = (told, whole) => {
    if (head.innerHTML !== told.head) head.replaceChildren(made(told.head));
    const there = new Map();
    for (const row of list.children) there.set(row.id, row);
    const wanted = told.order.map((number) => {
      const html = told.rows[number];
      const known = there.get(`case-${number}`);
      if (html === undefined) return known;
      const row = made(html).firstElementChild;
      if (known && same(known, row)) return known;
      if (!whole && (!known || state(known) !== state(row))) row.classList.add("changed");
      return row;
    }).filter(Boolean);
    for (const row of [...list.children]) if (!wanted.includes(row)) row.remove();
    wanted.forEach((row, place) => {
      if (list.children[place] !== row) list.insertBefore(row, list.children[place] || null);
    });
    none.hidden = wanted.length > 0;
    alive(told.at);
    age();
  };

  const open = () => {
    source = new EventSource(live.dataset.events);
    source.addEventListener("whole", (event) => show(JSON.parse(event.data), true));
    source.addEventListener("step", (event) => show(JSON.parse(event.data), false));
    source.addEventListener("tick", (event) => { alive(JSON.parse(event.data).at); age(); });
    source.addEventListener("open", () => { again = 0; });
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      source.close();
      again = Math.min(again + 1, 10);
      setTimeout(look, 1000 * again);
    });
  };

  // It was refused: the session is over, or the bot is away or starting.
  const look = () => {
    fetch(live.dataset.events, { method: "HEAD", cache: "no-store" }).then((answer) => {
      if (answer.status === 401) location.reload();
      else open();
    }, open);
  };

  open();
  setInterval(age, 1000);
  age();
})();
