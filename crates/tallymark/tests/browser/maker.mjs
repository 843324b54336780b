// The badge maker and its form, as people use and leave them. Run by tests/browser.rs:
//   node maker.mjs MODULES CHROMIUM ADDRESS PICTURES EMPTY
// EMPTY is the address of a server that has counted nothing.
import { createRequire } from "node:module";
import assert from "node:assert/strict";

const [modules, chromium, address, pictures, empty] = process.argv.slice(2);
const playwright = createRequire(`${modules}/package.json`)("playwright-core");
const browser = await playwright.chromium.launch({
  executablePath: chromium,
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
});
const PHONE = { width: 390, height: 844 };
const DESK = { width: 1280, height: 900 };
const faults = [];

async function visitor(options = {}) {
  const context = await browser.newContext({ baseURL: address, viewport: DESK, ...options });
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(`script: ${error}`));
  return page;
}

const markdown = (page) => page.locator("#markdown").inputValue();
const style = (page) => page.getByLabel("Style", { exact: true });
const draws = (page, part) => page.locator(`#made img[src*="${part}"]`).waitFor();

// After a reload, Back and from a bookmark, form, address and texts say the same.
async function theAddressFollowsTheForm(page) {
  await page.goto("/repo/o/r?period=7d&compare=a%20b");
  await style(page).selectOption("social");
  await page.getByLabel("Label", { exact: true }).fill("a + b");
  await page.getByLabel("Second number").selectOption("today");
  await draws(page, "style=social&label=a%20%2B%20b&show=total,today");
  const text = await markdown(page), place = page.url();
  const query = new URL(place).search;
  assert.match(query, /^\?period=7d&compare=a%20b&style=social&/);
  assert.ok(!query.includes("format") && !query.includes("color"), query);
  const asBefore = async (what) => {
    await page.waitForFunction((text) => document.getElementById("markdown")?.value === text, text);
    assert.equal(await style(page).inputValue(), "social", what);
    assert.equal(await page.getByLabel("Label", { exact: true }).inputValue(), "a + b", what);
  };
  await page.reload();
  await asBefore("reload");
  await page.getByRole("link", { name: "Tallymark" }).first().click();
  await page.locator("#builder").waitFor();
  await page.goBack();
  await asBefore("back");
  const other = await page.context().newPage();
  await other.goto(place);
  assert.equal(await markdown(other), text, "bookmark");
  // All of it the usual again: nothing of it is in the address.
  await style(page).selectOption("");
  await page.getByLabel("Label", { exact: true }).fill("");
  await page.getByLabel("Second number").selectOption("");
  await page.waitForFunction(() => location.search === "?period=7d&compare=a%20b");
}

// Whatever is chosen on the page, the badge that was made stays, and so does the period in the badge's form.
async function everyWayKeepsTheBadge(page, hasScript) {
  const made = async (what) => {
    assert.match(await markdown(page), /style=social&label=mine/, what);
    assert.equal(await style(page).inputValue(), "social", what);
  };
  if (hasScript) {
    await page.goto("/repo/o/r");
    await style(page).selectOption("social");
    await page.getByLabel("Label", { exact: true }).fill("mine");
    await draws(page, "style=social&label=mine");
  } else {
    await page.goto("/repo/o/r?style=social&label=mine");
  }
  for (const [link, place] of [["7 days", /period=7d/], ["Visits", /event=visit/], ["Hits", (url) => !url.search.includes("event=visit")]]) {
    await page.locator(".tabs").getByRole("link", { name: link }).click();
    await page.waitForURL(place);
    await made(link);
  }
  await page.getByLabel("Compare with another name").fill("a/b");
  await page.getByRole("button", { name: "Compare" }).click();
  await page.waitForURL(/add=a%2Fb/);
  await made("compare");
  await page.getByRole("link", { name: "remove" }).click();
  await page.waitForURL((url) => !url.search.includes("a%2Fb"));
  await made("remove");
  if (!hasScript) {
    await page.getByLabel("Colour", { exact: true }).fill("red");
    await page.getByRole("button", { name: "Show the picture" }).click();
    await page.waitForURL(/period=7d.*color=red/);
    await made("the form itself");
  }
  await page.getByRole("link", { name: "中文" }).click();
  await page.waitForURL(/lang=zh/);
  assert.match(await markdown(page), /style=social&label=mine/, "language");
}

// A picture of a mistake is not offered for a page, and its field says what is wrong.
async function aMistakeIsNotCopied(page, hasScript) {
  const colour = page.getByLabel("Colour", { exact: true });
  await page.goto(hasScript ? "/repo/o/r" : "/repo/o/r?color=bleu");
  if (hasScript) await colour.fill("bleu");
  await page.locator("#wrong-make-color").filter({ hasText: "color=bleu: did you mean blue?" }).waitFor();
  assert.equal(await colour.getAttribute("aria-invalid"), "true");
  assert.equal(await markdown(page), "");
  assert.ok(await page.locator("#markdown").isDisabled());
  if (!hasScript) return;
  assert.ok(await page.locator(".as.markdown .copy").isDisabled());
  await colour.fill("blue");
  await draws(page, "color=blue");
  await page.waitForFunction(() => document.getElementById("markdown").value.includes("color=blue"));
  assert.equal(await colour.getAttribute("aria-invalid"), "false");
  assert.ok(await page.locator(".as.markdown .copy").isEnabled());
}

// A chart has no label and no second number. The form keeps them for the picture that has, also over a reload.
async function choicesOutliveAPictureWithoutThem(page) {
  await page.goto("/repo/o/r");
  await page.getByLabel("Label", { exact: true }).fill("mine");
  await page.getByLabel("Second number").selectOption("likes");
  await style(page).selectOption("chart");
  await page.getByText("Not drawn on a chart: label, number").waitFor();
  await page.reload();
  await page.getByText("Not drawn on a chart: label, number").waitFor();
  assert.equal(await page.getByLabel("Second number").inputValue(), "likes");
  assert.doesNotMatch(await markdown(page), /mine|likes/);
  await style(page).selectOption("spark");
  await page.getByText("Not drawn on a sparkline badge: likes").waitFor();
  await page.reload();
  await style(page).selectOption("flat");
  await draws(page, "style=flat&label=mine&show=total,likes");
}

// The form has the fields of the picture, with a script and without; what a hidden one says is not lost.
async function theFormHasTheFieldsOfThePicture(page, hasScript) {
  const shown = async (label, is) => {
    const field = page.getByLabel(label, { exact: true });
    await field.waitFor({ state: is ? "visible" : "hidden" });
  };
  const fields = { Label: [true, false, false], Theme: [false, true, true], "Number format": [true, false, false] };
  const styles = ["", "chart", "panel.badge"];
  for (const place of ["/repo/o/r", "/"]) {
    if (hasScript) await page.goto(place);
    if (hasScript && place === "/") await page.getByText("How it looks").click();
    for (const [at, one] of styles.entries()) {
      if (hasScript) await style(page).selectOption(one);
      else await page.goto(`${place}?style=${one}&file=png`);
      for (const [label, is] of Object.entries(fields)) await shown(label, is[at]);
    }
  }
  if (!hasScript) return;
  // The theme of a panel is still there when a badge has been one.
  await page.goto("/repo/o/r?style=panel.badge&theme=dark");
  await style(page).selectOption("flat");
  await page.getByText("Not drawn on a badge: theme").waitFor();
  await shown("Theme", true);
  await page.getByLabel("Theme", { exact: true }).selectOption("");
  await page.getByLabel("Label", { exact: true }).focus();
  await page.getByLabel("Label", { exact: true }).fill("mine");
  await shown("Theme", false);
}

// A sample of the front page is a choice and no way to another name.
async function samplesAreChoices(page) {
  await page.goto("/");
  await page.getByLabel("What do you want to count?").fill("my/repo");
  await page.locator('.samples a:has(img[alt="for-the-badge"])').click();
  assert.equal(await style(page).inputValue(), "for-the-badge");
  assert.ok(await style(page).isVisible(), "the choice is seen");
  assert.equal(await page.getByLabel("What do you want to count?").inputValue(), "my/repo");
  await page.getByRole("button", { name: "Make the badge" }).click();
  await page.waitForURL(/name=my/);
  assert.match(await markdown(page), /repo=my\/repo&style=for-the-badge\)/);
}

async function samplesWithoutAScript(page) {
  await page.goto("/");
  await page.locator('.samples a:has(img[alt="plastic"])').click();
  await page.waitForURL(/style=plastic/);
  assert.equal(await style(page).inputValue(), "plastic");
  assert.equal(await page.getByLabel("What do you want to count?").inputValue(), "");
  await page.getByLabel("What do you want to count?").fill("my/repo");
  await page.getByRole("button", { name: "Make the badge" }).click();
  await page.waitForURL(/name=my/);
  assert.match(await markdown(page), /repo=my\/repo&style=plastic\)/);
}

// Also while nothing was counted.
async function anEmptyPageHasSamples(page) {
  await page.goto(empty);
  const samples = page.locator(".samples img");
  await page.waitForFunction(() => [...document.querySelectorAll(".samples img")].every((img) => img.complete));
  assert.ok((await samples.count()) > 6 && (await samples.first().evaluate((img) => img.naturalWidth > 0)));
  assert.ok(await page.getByText("The numbers are examples").isVisible());
  await page.screenshot({ path: `${pictures}/empty.png`, fullPage: true });
}

// What is pasted is told, and one click takes the name with every choice.
async function pastedAddresses(page) {
  await page.goto("/");
  await page.getByLabel("What do you want to count?").fill("git@github.com:octo/hello.git");
  await page.locator('.samples a:has(img[alt="social"])').click();
  await page.getByRole("button", { name: "Make the badge" }).click();
  await page.getByLabel("Label", { exact: true }).fill("mine");
  await draws(page, "label=mine");
  await page.getByRole("link", { name: "octo/hello" }).click();
  await page.waitForURL(/\/repo\/octo\/hello/);
  assert.match(await markdown(page), /repo=octo\/hello&style=social&label=mine\)/);
  // A whole snippet is longer than a name: it is not cut, and told.
  const snippet = `[![${"a".repeat(250)}](https://hits.sh/github.com/octo/hello.svg)](https://hits.sh/github.com/octo/hello/)`;
  await page.goto("/");
  await page.getByLabel("What do you want to count?").fill(snippet);
  await page.getByRole("button", { name: "Make the badge" }).click();
  const made = page.getByRole("link", { name: "Make a badge for github.com/octo/hello" });
  const leads = await made.getAttribute("href");
  await made.click();
  await page.waitForURL((url) => url.pathname === new URL(leads, page.url()).pathname);
  assert.match(await markdown(page), /repo=github\.com\/octo\/hello\)/);
}

// Nothing old is copied as if it were new.
async function serverGone(page) {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto("/repo/o/r");
  await page.evaluate(() => navigator.clipboard.writeText("nothing"));
  await page.context().setOffline(true);
  await style(page).selectOption("plastic");
  await page.getByRole("status").filter({ hasText: "older than the form" }).waitFor();
  await page.locator(".as.markdown .copy").click();
  await page.getByRole("status").filter({ hasText: "Not copied" }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "nothing");
  await page.context().setOffline(false);
  await page.locator(".as.markdown .copy").click();
  await page.getByRole("status").filter({ hasText: /^Copied$/ }).waitFor({ state: "attached" });
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /style=plastic/);
}

// Forums want PNG.
async function forums(page) {
  await page.goto("/repo/o/r?style=flat");
  await page.getByRole("radio", { name: "BBCode" }).check({ force: true });
  await page.getByRole("link", { name: "make it a PNG" }).click();
  await page.waitForFunction(() => document.getElementById("bbcode").value.includes("badge.png?repo=o/r&style=flat&scale=1"));
  assert.ok(await page.getByRole("radio", { name: "BBCode" }).isChecked());
  assert.equal(await page.getByText("Most forums").count(), 0);
  const html = await page.locator("#html").inputValue();
  assert.match(html, /&amp;scale=2" height="20" alt=/);
  await page.locator('#made img[src*="badge.png"]').waitFor();
  // As large as the SVG.
  const size = await page.evaluate(async (html) => {
    const holder = document.createElement("div");
    holder.innerHTML = html;
    document.body.append(holder);
    const img = holder.querySelector("img");
    img.src = new URL(img.src).pathname + new URL(img.src).search + "&count=false";
    await img.decode();
    return [img.naturalHeight, img.height];
  }, html);
  assert.deepEqual(size, [40, 20]);
}

// Nothing that only a screen can press is on paper.
async function paper(page) {
  await page.emulateMedia({ media: "print" });
  for (const path of ["/", "/repo/o/r", "/compare?name=o/r&name=a/b"]) {
    await page.goto(path);
    const dead = page.locator("button, select, input, summary").filter({ visible: true });
    assert.deepEqual(await dead.evaluateAll((all) => all.map((one) => one.outerHTML)), [], path);
  }
}

try {
  await theAddressFollowsTheForm(await visitor());
  await choicesOutliveAPictureWithoutThem(await visitor());
  for (const javaScriptEnabled of [true, false]) {
    await everyWayKeepsTheBadge(await visitor({ javaScriptEnabled }), javaScriptEnabled);
    await aMistakeIsNotCopied(await visitor({ javaScriptEnabled }), javaScriptEnabled);
    await theFormHasTheFieldsOfThePicture(await visitor({ javaScriptEnabled }), javaScriptEnabled);
  }
  await samplesAreChoices(await visitor());
  await samplesWithoutAScript(await visitor({ javaScriptEnabled: false, viewport: PHONE }));
  await anEmptyPageHasSamples(await visitor());
  await pastedAddresses(await visitor());
  await serverGone(await visitor());
  await forums(await visitor());
  await paper(await visitor());
} finally {
  await browser.close();
}
assert.deepEqual(faults, []);
console.log("no faults");
