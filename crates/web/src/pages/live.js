// Comfort for pages that work without it: fresh numbers every few seconds, and the numbers of a chart under the pointer.
(() => {
  "use strict";
  const EVERY = 5000, LONGEST = 60000;
  let wait = EVERY, timer = 0, paused = false;

  const live = () => document.querySelectorAll("[data-live]");

  // Takes over what is marked data-live from the same page of now; ticks and the focus stay where they are.
  function take(page) {
    const ticked = new Set([...document.querySelectorAll("input:checked")].map((box) => box.value));
    const focused = document.activeElement && document.activeElement.id;
    for (const old of live()) {
      const fresh = page.getElementById(old.id);
      if (!fresh || fresh.innerHTML === old.innerHTML) continue;
      old.replaceChildren(...fresh.childNodes);
      for (const box of old.querySelectorAll("input[type=checkbox]")) box.checked = ticked.has(box.value);
    }
    if (focused && document.activeElement.id !== focused) {
      const again = document.getElementById(focused);
      if (again) again.focus({ preventScroll: true });
    }
  }

  async function look() {
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      // Nothing moves under a selection or after a pause.
      if (!paused && getSelection().isCollapsed) take(page);
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

  // A chart is a picture; the table below it has the same numbers, the newest first.
  for (const chart of document.querySelectorAll("img.chart[data-wide]")) {
    const table = document.getElementById("series");
    if (!table) continue;
    const tip = document.createElement("p");
    tip.className = "tip";
    tip.hidden = true;
    tip.setAttribute("aria-hidden", "true");
    chart.parentNode.after(tip);
    const names = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent);
    const hide = () => { tip.hidden = true; };
    chart.addEventListener("pointerleave", hide);
    chart.addEventListener("pointermove", (event) => {
      const drawn = [...chart.parentNode.children].find((one) => one === chart || matchMedia(one.media).matches);
      const rows = table.tBodies[0].rows, box = chart.getBoundingClientRect();
      const scale = box.width / drawn.getAttribute("width"), wide = drawn.dataset.wide * scale;
      const x = event.clientX - box.left - drawn.dataset.left * scale;
      const at = Math.floor((x / wide) * rows.length);
      if (at < 0 || at >= rows.length) return hide();
      const [when, ...counts] = [...rows[rows.length - 1 - at].cells].map((cell) => cell.textContent);
      const said = counts.length > 1 ? counts.map((count, i) => `${names[i]}: ${count}`) : counts;
      tip.textContent = `${when} \u2013 ${said.join(", ")}`;
      tip.hidden = false;
      const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
      tip.style.left = `${Math.max(8, Math.min(event.clientX + 12, room))}px`;
      tip.style.top = `${event.clientY + 16}px`;
    });
  }
})();
