// Walks through the pages as a person with a browser does. Run by tests/browser.rs:
//   node dashboard.mjs MODULES CHROMIUM ADDRESS PICTURES CLOSED
// CLOSED is the address of a server that shows pages only to people with a token.
// Every console message, failed request and request to another host is a failure; so is what axe-core calls serious.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";

const [modules, chromium, address, pictures, closed] = process.argv.slice(2);
const load = createRequire(`${modules}/package.json`);
const playwright = load("playwright-core");
const axe = readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");

const PHONE = { width: 390, height: 844 };
const DESK = { width: 1280, height: 900 };
const browser = await playwright.chromium.launch({
  executablePath: chromium,
  // The kernel keeps a browser out of a sandbox of its own in containers and for root.
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
});
const faults = [];

async function visitor(options) {
  // axe-core is put into the page by the test, which the page's own policy forbids.
  const context = await browser.newContext({ baseURL: address, bypassCSP: options.axe === true, ...options });
  const page = await context.newPage();
  page.on("console", (message) => {
    // chromium says so itself of every answer that is an error.
    if (!options.mayBeRefused || !message.text().includes("401")) faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`script: ${error}`));
  page.on("requestfailed", (request) => {
    // Leaving a page ends what it was still asking for.
    const failure = request.failure()?.errorText;
    if (failure !== "net::ERR_ABORTED") faults.push(`${failure}: ${request.url()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(options.baseURL ?? address)) faults.push(`another host is asked: ${request.url()}`);
  });
  page.on("response", (answer) => {
    if (answer.status() >= 400 && !options.mayBeRefused) faults.push(`${answer.status()}: ${answer.url()}`);
  });
  return page;
}

const names = (page) => page.locator("table.names tbody th").allInnerTexts();

// A click ends before the page that it leads to is there.
async function becomes(read, expected) {
  for (let tries = 0; ; tries += 1) {
    // A page that is left while it is read is no answer.
    const found = await read().catch(String);
    if (isDeepStrictEqual(found, expected) || tries === 600) return assert.deepEqual(found, expected);
    await new Promise((done) => setTimeout(done, 100));
  }
}

async function fits(page, where) {
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= room, `${where}: the page is ${wide} wide in a window of ${room}`);
}

// The tabs, the columns, a comparison and the page of a name. Without a script the same.
async function walk(page) {
  await page.goto("/");
  assert.equal(await page.locator("h1").innerText(), "Hits");
  const busiest = await names(page);
  assert.equal(busiest.length, 25);
  assert.equal(busiest[0], "busy/name");
  for (const [tab, first] of [
    ["This month", /month=?/], ["This week", /week/], ["Today", /day/], ["Last 60 minutes", /hour/], ["Last 2 minutes", /minute/],
    ["All time", /\/$/],
  ]) {
    await page.getByRole("navigation", { name: "Period" }).getByRole("link", { name: tab }).click();
    await page.waitForURL(first);
    const current = page.locator('nav[aria-label="Period"] a[aria-current]');
    await becomes(() => current.innerText(), tab);
  }
  // Who asked, in words and numbers: the rows of each table are all visits.
  await page.goto("/repo/who/asks?event=visit");
  const askers = async (id) => {
    const rows = await page.locator(`#${id} tbody tr`).all();
    return Promise.all(rows.map(async (row) => [
      (await row.locator("th").textContent()).trim(), Number(await row.locator("td").first().textContent()),
    ]));
  };
  for (const [id, one] of [["by-client", "GitHub its image proxy, for a reader"], ["by-country", "United States"]]) {
    const rows = await askers(id);
    assert.equal(rows.reduce((sum, [, count]) => sum + count, 0), 10, `${id}: ${rows}`);
    assert.ok(rows.some(([label]) => label === one), `${id}: ${rows}`);
  }
  await page.getByText("for 1 of them, neither the country nor the client").waitFor();
  await page.goto("/");

  await page.locator("th.name a").first().click();
  await becomes(() => names(page), [...busiest].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)));
  assert.equal(await page.locator("thead th.name").getAttribute("aria-sort"), "ascending");
  await page.getByRole("columnheader").getByRole("link", { name: "Hits", exact: true }).click();
  await becomes(() => names(page), busiest);

  await page.getByRole("searchbox").fill("<script>");
  await page.getByRole("button", { name: "Find" }).click();
  await becomes(() => names(page), ["<script>alert(1)</script>"]);
  await page.goBack();

  // With the keyboard alone.
  for (const at of [0, 1]) {
    await page.locator("table.names input").nth(at).focus();
    await page.keyboard.press("Space");
  }
  await page.getByRole("button", { name: "Compare selected" }).press("Enter");
  await page.waitForURL(/\/compare\?/);
  const shown = page.locator("picture img");
  assert.ok(await shown.evaluate((img) => img.complete && img.naturalWidth > 0), "the chart is there");
  await page.locator("summary").click();
  assert.deepEqual((await page.locator("#series thead th").allInnerTexts()).slice(1), busiest.slice(0, 2));
  await page.locator(".compared th a").first().click();
  await becomes(() => page.locator("h1").innerText(), busiest[0]);
  await page.getByRole("link", { name: "Tallymark" }).click();
  await becomes(() => names(page), busiest);
}

// A number that goes on in the next line is read as two. A change has a second text, for screen readers, elsewhere.
async function whole(page, where) {
  const broken = await page.evaluate(() => [...document.querySelectorAll(".counts dd:not(.change)")].filter((dd) => {
    const range = document.createRange();
    range.selectNodeContents(dd);
    return new Set([...range.getClientRects()].map((rect) => Math.round(rect.bottom))).size > 1;
  }).map((dd) => dd.textContent));
  assert.deepEqual(broken, [], `${where}: numbers are broken`);
}

// Pictures for whoever wants to look, and axe-core's opinion of each page.
async function look(page, kind) {
  for (const [name, path] of [
    ["dashboard", "/?period=week"],
    ["likes", "/?event=like"],
    ["urls", "/?event=url"],
    ["blank", "/name/%20?event=url&compare=a%E2%80%AEgpj.exe"],
    ["orders", "/repo/busy/name?event=order"],
    ["search", "/?search=o"],
    ["compare", "/compare?name=busy/name&name=owner1/project&name=%3Cscript%3Ealert(1)%3C/script%3E"],
    ["name", "/repo/busy/name"],
    ["visits", "/repo/who/asks?event=visit"],
    ["log", "/compare?name=busy/name&name=owner29/project&scale=log"],
    ["maker", "/repo/busy/name?style=for-the-badge&show=today&show=total&logo=github&color=blue"],
    ["choose", "/compare"],
    ["never", "/name/never"],
    ["nothing", "/?event=like&period=minute"],
  ]) {
    await page.goto(path, { waitUntil: "networkidle" });
    await fits(page, `${kind} ${name}`);
    await whole(page, `${kind} ${name}`);
    for (const part of name === "dashboard" ? [".bar svg", ".spark svg"] : []) {
      assert.ok(await page.locator(`table.names ${part}`).first().isVisible(), `${kind}: ${part} is there`);
    }
    await page.screenshot({ path: `${pictures}/${name}-${kind}.png`, fullPage: true });
    // Each palette and each width once: it takes longer than all the rest.
    if (["desk-light", "phone-dark"].includes(kind)) await check(page, `${kind} ${name}`);
    const size = page.viewportSize();
    await page.setViewportSize({ width: 320, height: 640 });
    await fits(page, `${kind} ${name}, narrow`);
    await page.setViewportSize(size);
  }
}

async function check(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run());
  for (const { id, impact, help, nodes } of violations) {
    const what = `${id} (${impact}): ${help}: ${nodes.map((node) => node.html).join(" ").slice(0, 300)}`;
    if (impact === "serious" || impact === "critical") faults.push(`${where}: ${what}`);
    else console.log(`${where}: ${what}`);
  }
}

// The pages in Chinese for a browser that asks for it, and in the language that was chosen with a link.
async function speak(page) {
  await page.goto("/");
  assert.equal(await page.locator("html").getAttribute("lang"), "zh-Hans");
  assert.equal(await page.locator("h1").innerText(), "浏览");
  await page.getByRole("link", { name: "本周" }).click();
  await page.getByRole("button", { name: "暂停更新" }).waitFor();
  await page.getByRole("link", { name: "English" }).click();
  await becomes(() => page.locator("h1").innerText(), "Hits");
  assert.match(page.url(), /period=week/);
  await page.goto("/repo/busy/name");
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  await page.getByRole("link", { name: "中文" }).click();
  await becomes(() => page.locator("html").getAttribute("lang"), "zh-Hans");
  await page.goto("/compare");
  assert.equal(await page.locator("h1").innerText(), "对比");
}

// A token in the form, the page that was asked for, and out again.
async function logIn(page, kind) {
  await page.goto("/name/a%2Fb?period=7d");
  assert.equal(await page.locator("h1").innerText(), "Log in");
  await page.getByLabel("Token").fill("another-token-of-it");
  await page.getByLabel("Token").press("Enter");
  await page.getByRole("alert").waitFor();
  await fits(page, `${kind} login`);
  await page.screenshot({ path: `${pictures}/login-${kind}.png`, fullPage: true });
  await check(page, `${kind} login`);
  await page.getByLabel("Token").fill("a-token-of-sixteen");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL(/\/name\/a%2Fb\?period=7d$/);
  assert.equal(await page.locator("h1").innerText(), "a/b");
  await fits(page, `${kind} logged in`);
  await page.screenshot({ path: `${pictures}/logged-in-${kind}.png`, fullPage: true });
  const [cookie, ...others] = await page.context().cookies();
  assert.ok(others.length === 0 && cookie.httpOnly && cookie.sameSite === "Strict", JSON.stringify(cookie));
  assert.equal((await page.goto("/api/v1/summary")).status(), 200);
  await page.goto("/");
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForURL(/\/login$/);
  assert.deepEqual(await page.context().cookies(), []);
  assert.equal((await page.goto("/")).status(), 401);
}

// What only the script does.
async function comfort(page) {
  await page.goto("/");
  const total = page.locator("#totals dd").first();
  const before = await total.innerText();
  await page.locator("#tick-2").check();
  await page.locator("#tick-3").focus();
  await page.request.get("/badge.svg?repo=busy/name");
  await page.waitForFunction((before) => document.querySelector("#totals dd").innerText !== before, before);
  assert.ok(await page.locator("#tick-2").isChecked(), "a tick stays");
  assert.equal(await page.evaluate(() => document.activeElement.id), "tick-3", "the focus stays");
  await page.getByRole("button", { name: "Pause updates" }).click();
  await page.getByRole("button", { name: "Resume updates" }).click();

  await page.goto("/repo/busy/name?period=7d");
  // An update in between takes the words away with the old chart.
  await page.getByRole("button", { name: "Pause updates" }).click();
  await page.waitForLoadState("networkidle");
  // A scroll hides the words, and it is told with the next frame.
  await page.locator("img.chart").scrollIntoViewIfNeeded();
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const box = await page.locator("img.chart").boundingBox();
  await page.mouse.move(box.x + box.width - 40, box.y + box.height / 2);
  await page.locator(".tip").waitFor();
  const said = async () => (await page.locator(".tip").innerText()).split(/\s*\n\s*/);
  const row = (at) => page.locator("#series tbody tr").nth(at).locator("th, td").allTextContents();
  assert.deepEqual(await said(), await row(0));
  assert.ok(await page.locator(".cross").isVisible(), "a line goes through the bucket");
  await page.locator("img.chart").focus();
  await page.keyboard.press("Home");
  assert.deepEqual(await said(), await row(6));
  await page.keyboard.press("ArrowRight");
  assert.deepEqual(await said(), await row(5));
  await page.keyboard.press("Escape");
  assert.ok(await page.locator(".tip").isHidden(), "Escape ends it");

  // One line for each name, the largest first.
  await page.goto("/compare?period=7d&name=owner1/project&name=busy/name");
  await page.locator("img.chart").focus();
  await page.keyboard.press("ArrowLeft");
  const [, first, second] = await page.locator(".tip p").allTextContents();
  assert.match(first, /^busy\/name[\d,]+$/);
  assert.match(second, /^owner1\/project[\d,]+$/);
  assert.equal(await page.locator(".tip .swatch").count(), 2);
}

// The badge maker with the keyboard alone: the badge follows the form, its Markdown is copied, and it counts once shown.
async function make(page) {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto("/name?name=key/board");
  await page.getByLabel("Style", { exact: true }).focus();
  await page.keyboard.type("flat-s");
  await page.keyboard.press("Tab");
  await page.keyboard.type("today");
  for (const text of ["", "", "", "Profile views", "", "", "github"]) {
    await page.keyboard.press("Tab");
    await page.keyboard.type(text);
  }
  const wanted = "/badge.svg?repo=key/board&style=flat-square&label=Profile%20views&logo=github&show=today";
  await page.locator(`#made img[src^="${wanted}"]`).waitFor();
  await page.getByRole("radio", { name: "Markdown" }).focus();
  await page.keyboard.press("ArrowRight");
  assert.match(await page.getByLabel("HTML").last().inputValue(), /^<a href=/);
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("status").filter({ hasText: "Copied" }).waitFor({ state: "attached" });
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const [, url] = /^\[!\[Profile views\]\((.*)\)\]\(.*\/repo\/key\/board\)$/.exec(copied);
  assert.ok(url.endsWith(wanted), url);
  const count = async () => (await (await page.request.get("/badge/key/board.json")).json()).total;
  assert.equal(await count(), 0, "a preview counts nothing");
  await page.request.get(wanted);
  assert.equal(await count(), 1);
}

// The same as a plain form.
async function makePlainly(page) {
  await page.goto("/name?name=plain/form");
  await page.getByLabel("Style", { exact: true }).selectOption("social");
  await page.getByLabel("Label", { exact: true }).fill("a & b");
  await page.getByRole("button", { name: "Show the picture" }).click();
  await page.waitForURL(/style=social/);
  assert.match(await page.locator("#markdown").inputValue(), /repo=plain\/form&style=social&label=a%20%26%20b\)/);
  assert.equal(await page.getByLabel("Label", { exact: true }).inputValue(), "a & b");
  assert.ok(await page.locator("#made img").evaluate((img) => img.naturalWidth > 0));
}

try {
  await Promise.all([
    visitor({ viewport: DESK }).then(walk),
    visitor({ viewport: PHONE, javaScriptEnabled: false }).then(walk),
    visitor({ viewport: DESK }).then(comfort),
    visitor({ viewport: DESK }).then(make),
    visitor({ viewport: PHONE, javaScriptEnabled: false }).then(makePlainly),
    visitor({ viewport: DESK, locale: "zh-CN" }).then(speak),
  ]);
  const behindForm = { baseURL: closed, mayBeRefused: true, axe: true };
  await logIn(await visitor({ ...behindForm, viewport: DESK }), "desk-light");
  const phone = { viewport: PHONE, colorScheme: "dark", deviceScaleFactor: 2 };
  await logIn(await visitor({ ...behindForm, ...phone }), "phone-dark");
  await Promise.all(
    [["desk-light", DESK, "light"], ["desk-dark", DESK, "dark"], ["phone-light", PHONE, "light"], ["phone-dark", PHONE, "dark"],
      ["desk-chinese", DESK, "light", "zh-CN"]].map(
      async ([kind, viewport, colorScheme, locale = "en-GB"]) => {
        const deviceScaleFactor = kind === "phone-dark" ? 2 : 1;
        return look(await visitor({ viewport, colorScheme, locale, axe: true, deviceScaleFactor }), kind);
      },
    ),
  );
} finally {
  await browser.close();
}
assert.deepEqual(faults, []);
console.log("no faults");
