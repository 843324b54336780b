// Comfort for pages that work without it: fresh numbers every few seconds, and the numbers of a chart under the pointer.
(() => {
  "use strict";
  const EVERY = 5000, LONGEST = 60000;
  let wait = EVERY, timer = 0, paused = false;

  const live = () => document.querySelectorAll("[data-live]");

  // What each part showed when it was last taken over.
  const shown = new Map();
  const note = (part) => shown.set(part.id, part.innerHTML);

  // A picture keeps its address while its counts change, so it is asked for under another one; it is loaded before it is
  // shown, so that nothing flickers.
  async function load(fresh) {
    const again = `_=${Date.now()}`;
    for (const one of fresh.querySelectorAll("picture source, img")) {
      for (const key of ["src", "srcset"]) {
        const address = one.getAttribute(key);
        if (address) one.setAttribute(key, address + (address.includes("?") ? "&" : "?") + again);
      }
    }
    const holder = document.createElement("div");
    holder.append(...fresh.childNodes);
    await Promise.allSettled([...holder.querySelectorAll("img")].map((img) => img.decode()));
    return holder;
  }

  // Takes over what is marked data-live from the same page of now; ticks and the focus stay where they are.
  async function take(page) {
    for (const old of live()) {
      const fresh = page.getElementById(old.id);
      if (!fresh || fresh.innerHTML === shown.get(old.id)) continue;
      const text = fresh.innerHTML, holder = await load(fresh);
      if (paused) return;
      shown.set(old.id, text);
      const ticked = new Set([...old.querySelectorAll("input:checked")].map((box) => box.value));
      const focused = old.contains(document.activeElement) && document.activeElement.id;
      old.replaceChildren(...holder.childNodes);
      for (const box of old.querySelectorAll("input[type=checkbox]")) box.checked = ticked.has(box.value);
      reachable();
      const focus = focused && document.getElementById(focused);
      if (focus) focus.focus({ preventScroll: true });
      // What was one part may have parts of its own now.
      if (!fresh.hasAttribute("data-live")) old.removeAttribute("data-live");
      old.querySelectorAll("[data-live]").forEach(note);
    }
  }

  async function look() {
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      // Nothing moves under a selection or after a pause.
      if (!paused && getSelection().isCollapsed) await take(page);
      wait = EVERY;
    } catch {
      wait = Math.min(wait * 2, LONGEST);
    }
    later();
  }

  function later() {
    clearTimeout(timer);
    if (!paused && !document.hidden) timer = setTimeout(look, wait);
  }

  if (live().length > 0) {
    live().forEach(note);
    document.addEventListener("visibilitychange", later);
    for (const place of document.querySelectorAll("[data-pause]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "quiet";
      button.textContent = place.dataset.pause;
      button.addEventListener("click", () => {
        paused = !paused;
        button.textContent = paused ? place.dataset.resume : place.dataset.pause;
        later();
      });
      place.append(button);
    }
    later();
  }

  // A chart is a picture; the table below it has the same numbers, the newest first. Both may be replaced at any time.
  const tip = document.createElement("div"), cross = document.createElement("div");
  [tip.className, cross.className] = ["tip", "cross"];
  let at = -1;
  const hide = () => { tip.hidden = cross.hidden = true; at = -1; };
  hide();
  document.body.append(cross, tip);

  // A chart can be reached with the keyboard, for its arrow keys.
  const reachable = () => document.querySelectorAll("img.chart[data-plot]").forEach((chart) => { chart.tabIndex = 0; });
  reachable();

  // Where the buckets of a chart are on the screen, if there is one here.
  function plot(chart) {
    const table = document.getElementById("series");
    if (!table || !chart.matches?.("img.chart[data-plot]")) return null;
    const drawn = [...chart.parentNode.children].find((one) => one === chart || matchMedia(one.media).matches);
    const box = chart.getBoundingClientRect(), scale = box.width / drawn.getAttribute("width");
    const [left, top, wide, high] = drawn.dataset.plot.split(" ").map((length) => length * scale);
    return { table, rows: table.tBodies[0].rows, left: box.left + left, top: box.top + top, wide, high };
  }

  // One line for each name, the largest count first, beside a line through the bucket.
  function show({ table, rows, left, top, wide, high }, said) {
    const [when, ...counts] = [...rows[rows.length - 1 - at].cells].map((cell) => cell.textContent);
    const heads = [...table.tHead.rows[0].cells].slice(1);
    const size = (text) => Number(text.replace(/[^\d-]/g, ""));
    const lines = counts.map((count, i) => ({ count, head: heads[i] })).sort((a, b) => size(b.count) - size(a.count));
    tip.replaceChildren(...[{ count: when }, ...lines].map(({ count, head }) => {
      const line = document.createElement("p");
      if (head && counts.length > 1) line.append(...[...head.childNodes].map((node) => node.cloneNode(true)));
      line.append(Object.assign(document.createElement(head ? "b" : "span"), { textContent: count }));
      return line;
    }));
    // Values under the pointer are in the table for screen readers; values chosen with a key are read out.
    tip.setAttribute("aria-live", said ? "polite" : "off");
    tip.hidden = cross.hidden = false;
    const x = left + ((at + 0.5) * wide) / rows.length;
    Object.assign(cross.style, { left: `${x}px`, top: `${top}px`, height: `${high}px` });
    // On the side with more room.
    const beside = x > document.documentElement.clientWidth / 2 ? x - tip.offsetWidth - 12 : x + 12;
    const most = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(beside, most))}px`;
    tip.style.top = `${Math.max(8, top)}px`;
  }

  for (const kind of ["pointermove", "pointerdown"]) {
    document.addEventListener(kind, (event) => {
      const here = plot(event.target);
      at = here ? Math.floor(((event.clientX - here.left) / here.wide) * here.rows.length) : -1;
      if (here && at >= 0 && at < here.rows.length) show(here, false);
      else hide();
    });
  }
  document.addEventListener("keydown", (event) => {
    const here = plot(event.target), step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Escape") hide();
    if (!here || !step || here.rows.length === 0) return;
    event.preventDefault();
    const last = here.rows.length - 1;
    at = at < 0 && step === -1 ? last : Math.max(0, Math.min(last, at + step));
    show(here, true);
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, { capture: true, passive: true });
})();
