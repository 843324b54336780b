// Comfort for the badge maker, which works without it: the badge follows the form, and texts are copied by a button.
(() => {
  "use strict";
  const WAIT = 250;
  const maker = document.getElementById("maker");
  const said = document.createElement("p");
  said.setAttribute("role", "status");
  said.className = "unseen";
  document.querySelector("main").append(said);

  async function copy(text, button) {
    try {
      await navigator.clipboard.writeText(text.value);
    } catch {
      // Without HTTPS there is no clipboard to write to, but a selection can be copied.
      text.select();
      document.execCommand("copy");
    }
    said.textContent = "";
    requestAnimationFrame(() => { said.textContent = "Copied"; });
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }

  for (const text of document.querySelectorAll("textarea[readonly]")) {
    text.addEventListener("focus", () => text.select());
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet copy";
    button.textContent = "Copy";
    button.addEventListener("click", () => copy(text, button));
    text.after(button);
  }

  if (!maker) return;
  let timer = 0, turn = 0;

  // The server makes the badge; this takes over what its page shows.
  async function show() {
    const mine = ++turn;
    const address = `${maker.action.split("#")[0]}?${new URLSearchParams(new FormData(maker))}`;
    const answer = await fetch(address, { cache: "no-store" });
    if (!answer.ok || mine !== turn) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== turn) return;
    const made = document.getElementById("made"), fresh = page.getElementById("made");
    if (fresh && fresh.innerHTML !== made.innerHTML) made.replaceChildren(...fresh.childNodes);
    for (const text of document.querySelectorAll("#texts textarea")) {
      const other = page.getElementById(text.id);
      if (other) text.value = other.value;
    }
  }

  maker.querySelector("button[type=submit]").hidden = true;
  maker.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => show().catch(() => {}), WAIT);
  });
  maker.addEventListener("submit", (event) => {
    event.preventDefault();
    show().catch(() => maker.submit());
  });
})();
