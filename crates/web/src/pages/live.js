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
      button.textContent = "Pause updates";
      button.addEventListener("click", () => {
        paused = !paused;
        button.textContent = paused ? "Resume updates" : "Pause updates";
        later();
      });
      place.append(button);
    }
    later();
  }

  // A chart is a picture; the table below it has the same numbers, the newest first. Both may be replaced at any time.
  const tip = document.createElement("p");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);

  document.addEventListener("pointermove", (event) => {
    tip.hidden = true;
    const chart = event.target, table = document.getElementById("series");
    if (!table || !chart.matches("img.chart[data-wide]")) return;
    const drawn = [...chart.parentNode.children].find((one) => one === chart || matchMedia(one.media).matches);
    const rows = table.tBodies[0].rows, box = chart.getBoundingClientRect();
    const scale = box.width / drawn.getAttribute("width"), wide = drawn.dataset.wide * scale;
    const x = event.clientX - box.left - drawn.dataset.left * scale;
    const at = Math.floor((x / wide) * rows.length);
    if (at < 0 || at >= rows.length) return;
    const names = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent);
    const [when, ...counts] = [...rows[rows.length - 1 - at].cells].map((cell) => cell.textContent);
    const said = counts.length > 1 ? counts.map((count, i) => `${names[i]}: ${count}`) : counts;
    tip.textContent = `${when} \u2013 ${said.join(", ")}`;
    tip.hidden = false;
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 12, room))}px`;
    tip.style.top = `${event.clientY + 16}px`;
  });
})();
