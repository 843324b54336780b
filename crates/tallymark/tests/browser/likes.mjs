// Likes a project as a reader of a README does. Run by tests/browser.rs:
//   node likes.mjs MODULES CHROMIUM ADDRESS PICTURES
// The README is a page that this script makes up, at ADDRESS and at github.com; nothing is asked of GitHub.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";

const [modules, chromium, address, pictures] = process.argv.slice(2);
const load = createRequire(`${modules}/package.json`);
const playwright = load("playwright-core");
const axe = readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");
const browser = await playwright.chromium.launch({
  executablePath: chromium,
  // The kernel keeps a browser out of a sandbox of its own in containers and for root.
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
});

// `name` as it stands in an address.
const readme = (name) => `<!doctype html><title>README</title>
<a id="like" href="${address}/v1/like/${name}/add"><img src="${address}/v1/${name}" alt="visits and likes"></a>`;

// Chromium calls itself a robot when nobody sees it.
const userAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

async function visitor(options, at, body) {
  const context = await browser.newContext({ userAgent, ...options });
  const page = await context.newPage();
  await page.route(at, (route) => route.fulfill({ contentType: "text/html", body }));
  return page;
}

async function likes(name) {
  const answer = await fetch(`${address}/badge/${name}.json?event=like`);
  return (await answer.json()).total;
}

const says = (page, text) => page.getByRole("heading").getByText(text).waitFor();

// A click counts once a day, says so, and leads back; it can be taken back.
async function click(name, options) {
  const at = `${address}/readme-of-${name.replace("/", "-")}`;
  const page = await visitor(options, at, readme(name));
  await page.goto(at);
  const picture = page.locator("#like img");
  assert.ok(await picture.evaluate((img) => img.complete && img.naturalWidth === 780), "the panel is shown");
  await page.locator("#like").click();
  await says(page, "Like Success!");
  assert.equal(await likes(name), 1);
  await page.waitForURL(at, { timeout: 20_000 });
  await page.locator("#like").click();
  await says(page, "You already liked this today");
  await page.reload();
  await says(page, "You already liked this today");
  assert.equal(await likes(name), 1, "once a day");
  await page.getByRole("button", { name: "Unlike" }).click();
  await says(page, "Your like was taken back");
  assert.equal(await likes(name), 0);
  await page.getByRole("button", { name: "Like" }).click();
  await says(page, "Like Success!");
  assert.equal(await likes(name), 1);
}

// From GitHub, whose pages are not allowed to see more than where the reader goes.
async function fromGitHub(name) {
  const at = `https://github.com/${name}`;
  const page = await visitor({}, `${at}**`, readme(name));
  await page.goto(at);
  await page.locator("#like").click();
  await says(page, "Like Success!");
  assert.equal(await likes(name), 1);
  // A page of https tells one of http nothing of itself, so the way leads to the numbers.
  // The picture was not loaded there, so the name has no hits, and its page opens at likes.
  await page.waitForURL((url) => url.href === `${address}/repo/${name}?event=like`, { timeout: 20_000 });
}

// Pictures, frames and what a browser reads ahead like nothing.
async function looks(name) {
  const add = `${address}/v1/like/${name}/add`, at = `${address}/looks`;
  const page = await visitor({}, at, `<!doctype html><title>looks</title>
    <link rel="prefetch" href="${add}?prefetch"><img src="${add}?img" alt=""><iframe src="${add}?frame"></iframe>
    <script>fetch("${add}?fetch");</script>`);
  const done = ["img", "frame", "fetch"].map((way) => page.waitForResponse(`${add}?${way}`));
  const ahead = page.context().waitForEvent("request", (request) => request.url() === `${add}?prefetch`);
  await Promise.all([page.goto(at), ahead, ...done]);
  assert.equal(await likes(name), 0);
  // Nor does a form of another site.
  const other = await visitor({}, "https://evil.example/", `<!doctype html><title>evil</title>
    <form action="${address}/v1/like/${name}2/add" method="post"><button>like</button></form>`);
  await other.goto("https://evil.example/");
  await other.getByRole("button").click();
  await other.getByText("not from another site").waitFor();
  assert.equal(await likes(`${name}2`), 0);
  // Nor a page that sends its reader to the like by itself.
  const sends = await visitor({}, "https://evil.example/sends", `<!doctype html><title>evil</title>
    <script>location = "${address}/v1/like/${name}3/add";</script>`);
  await sends.goto("https://evil.example/sends");
  await says(sends, "Give a Like");
  assert.equal(await likes(`${name}3`), 0);
}

// The page in both themes, on a phone and on a desk.
async function look(kind, options) {
  const page = await (await browser.newContext({ userAgent, bypassCSP: true, ...options })).newPage();
  await page.goto(`${address}/v1/like/look/${kind}/add`);
  await says(page, "Like Success!");
  // Otherwise a slow machine is led away meanwhile.
  await page.evaluate(() => window.stop());
  await page.screenshot({ path: `${pictures}/like-${kind}.png`, fullPage: true });
  await page.evaluate(axe);
  // Leading back is what the page is for; it says so, and has a link for whoever does not wait.
  const { violations } = await page.evaluate(() => axe.run({ rules: { "meta-refresh": { enabled: false } } }));
  const bad = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  assert.deepEqual(bad.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), [], kind);
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= room, `${kind}: the page is ${wide} wide in a window of ${room}`);
}

try {
  const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 };
  await Promise.all([
    click("octo/desk", {}),
    click("octo/phone", { ...phone, javaScriptEnabled: false }),
    fromGitHub("octo/github"),
    looks("octo/looks"),
  ]);
  await look("desk-light", { colorScheme: "light", reducedMotion: "reduce" });
  await look("phone-dark", { ...phone, colorScheme: "dark" });
} finally {
  await browser.close();
}
console.log("no faults");
