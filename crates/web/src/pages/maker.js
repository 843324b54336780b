// Comfort for the badge maker, which works without it: the badge and the address follow the form, a sample is taken over
// with a click, and texts are copied by a button.
(() => {
  "use strict";
  const WAIT = 250, AGAIN = 5000, words = document.body.dataset;
  const maker = document.getElementById("maker"), builder = document.getElementById("builder");
  const said = document.createElement("p");
  said.setAttribute("role", "status");
  said.className = "unseen";
  const made = document.getElementById("made");
  if (made) made.after(said);
  else document.querySelector("main").append(said);

  function say(text, isFault) {
    said.className = isFault ? "late" : "unseen";
    said.textContent = "";
    if (text) requestAnimationFrame(() => { said.textContent = text; });
  }

  async function copy(text, button) {
    // What is in a form and not yet in the text is not copied as if it were.
    if (!(await settled())) return say(words.old, true);
    if (text.matches(":disabled")) return say(words.wrong, true);
    try {
      await navigator.clipboard.writeText(text.value);
    } catch {
      // Without HTTPS there is no clipboard to write to, but a selection can be copied.
      text.select();
      document.execCommand("copy");
    }
    say(words.copied, false);
    button.textContent = words.copied;
    setTimeout(() => { button.textContent = words.copy; }, 2000);
  }

  for (const text of document.querySelectorAll("textarea[readonly]")) {
    text.addEventListener("focus", () => text.select());
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet copy";
    button.textContent = words.copy;
    button.addEventListener("click", () => copy(text, button));
    text.after(button);
  }

  // A link that makes a choice of the form makes it here, and what was typed stays.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-set]"), form = maker ?? builder;
    if (!link || !form || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const [key, value] = link.dataset.set.split("=");
    const field = form.elements[key];
    if (!field) return;
    event.preventDefault();
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.closest("details")?.setAttribute("open", "");
    if (form === builder) form.elements.name.focus();
  });

  // The address of the page as its form is. What is as usual stays out of it.
  function address(form) {
    const place = new URL(location.href), query = place.searchParams;
    const fields = [...form.elements].filter(({ name }) => name && name !== "name" && name !== "event");
    const isUsual = (field) => field.value === (field.options ? field.options[0].value : "");
    for (const { name } of fields) query.delete(name);
    for (const field of fields) {
      // Two numbers are one choice.
      const asUsual = fields.filter(({ name }) => name === field.name).every(isUsual);
      if (field.value !== "" && !asUsual) query.append(field.name, field.value);
    }
    // Elsewhere on the page a plus is one.
    place.search = query.toString().replaceAll("+", "%20");
    return place.href;
  }

  // What the form says, in the address and in every way from here to the same page: its links, and its other forms.
  function keep(form) {
    history.replaceState(history.state, "", address(form));
    const here = new URL(location.href), chosen = new Set();
    for (const { name } of form.elements) if (name && !["name", "event", "period", "scale", "compare"].includes(name)) chosen.add(name);
    const values = [...chosen].flatMap((key) => here.searchParams.getAll(key).map((value) => [key, value]));
    const isHere = (url) => url.origin === here.origin && url.pathname === here.pathname;
    for (const link of document.links) {
      const url = new URL(link.href);
      if (!isHere(url) || url.hash || url.searchParams.get("name") !== here.searchParams.get("name")) continue;
      chosen.forEach((key) => url.searchParams.delete(key));
      values.forEach(([key, value]) => url.searchParams.append(key, value));
      url.search = url.searchParams.toString().replaceAll("+", "%20");
      link.href = url.href;
    }
    for (const other of document.forms) {
      if (other === form || other.method !== "get" || !isHere(new URL(other.action))) continue;
      for (const old of [...other.elements]) if (old.type === "hidden" && chosen.has(old.name)) old.remove();
      other.prepend(...values.map(([name, value]) => Object.assign(document.createElement("input"), { type: "hidden", name, value })));
    }
  }

  // The fields that the chosen picture has. The one that is being filled in stays where it is.
  function fit(form, page) {
    for (const field of form.elements) {
      const place = field.closest(".controls > div"), fresh = page.getElementById(field.id)?.closest(".controls > div");
      if (place && fresh) place.hidden = fresh.hidden && !place.contains(document.activeElement);
    }
  }

  async function read(url) {
    const answer = await fetch(url, { cache: "no-store" });
    if (!answer.ok) throw new Error(` (${answer.status})`);
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  }

  if (builder) {
    let turn = 0;
    builder.addEventListener("input", async ({ target }) => {
      keep(builder);
      if (target.name !== "style") return;
      const mine = ++turn, page = await read(location.href).catch(() => null);
      // Without an answer, all of them are there.
      if (mine === turn && page) fit(builder, page);
      else if (mine === turn) for (const place of builder.querySelectorAll(".controls > div")) place.hidden = false;
    });
    return;
  }
  if (!maker) return;

  const wanted = () => new URLSearchParams(new FormData(maker)).toString();
  const served = () => {
    const all = [];
    for (const field of maker.elements) {
      if (!field.name) continue;
      const option = field.options && ([...field.options].find((one) => one.defaultSelected) ?? field.options[0]);
      all.push([field.name, option ? option.value : field.defaultValue]);
    }
    return new URLSearchParams(all).toString();
  };
  // What the badge and the texts on the page are of.
  let shown = served(), timer = 0, turn = 0;

  // The server makes the badge; this takes over what its page shows.
  async function show() {
    clearTimeout(timer);
    const mine = ++turn, asked = wanted();
    try {
      const page = await read(`${maker.action.split("#")[0]}?${asked}`);
      if (mine !== turn) return;
      for (const part of document.querySelectorAll("[data-made]")) {
        const fresh = page.getElementById(part.id);
        if (!fresh) continue;
        if (part.value !== undefined) part.value = fresh.value;
        else if (fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
      }
      // A picture of a mistake is in no page: there is nothing to copy then, and the field says why.
      document.getElementById("texts").disabled = page.getElementById("texts").disabled;
      for (const field of maker.elements) {
        const wrong = document.getElementById(`wrong-${field.id}`);
        if (wrong) field.ariaInvalid = String(wrong.textContent !== "");
      }
      fit(maker, page);
      shown = asked;
      say("", false);
    } catch (error) {
      if (mine !== turn) return;
      say(words.stale + (error instanceof TypeError ? "" : error.message), true);
      timer = setTimeout(show, AGAIN);
    }
  }

  // Whether the texts are what the form says, after a call if need be.
  async function settled() {
    for (let tries = 0; maker && shown !== wanted() && tries < 2; tries++) await show();
    return !maker || shown === wanted();
  }

  maker.querySelector("button[type=submit]").hidden = true;
  maker.addEventListener("input", () => {
    keep(maker);
    clearTimeout(timer);
    timer = setTimeout(show, WAIT);
  });
  maker.addEventListener("submit", (event) => {
    event.preventDefault();
    show();
  });
  // A browser that comes back to a page, or loads it anew, fills in the form as it was left.
  addEventListener("pageshow", () => {
    if (shown !== wanted()) show();
  });
})();
