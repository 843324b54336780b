// Reads the AsciiDoc of many names and labels with Asciidoctor, and compares with the same in the other notations.
// Run by tests/browser.rs:
//   node asciidoc.mjs MODULES CHROMIUM ADDRESS PICTURES
import { createRequire } from "node:module";
import assert from "node:assert/strict";

const [modules, , address] = process.argv.slice(2);
const asciidoctor = createRequire(`${modules}/package.json`)("@asciidoctor/core");

const NAMES = [
  "o/r", "my--repo", "a---b", "--a", "a--", "__init__", "_private_", "a_b_c", "~b~", "a~b~c", "^b^", "a...b", "...", "a..b", "x.y",
  "*b*", "**b**", "`c`", "#h#", "a+b", "++a++", "$$a$$", "(C)", "->x", "=> y", "a'b", "you's", "\"q\"", "{name}", "<b>", "a&b;c", "&copy;",
  "[x]", "a b", "a  b", "a,b", "a=b", "me@example.org", "https://example.org/x", "mailto:me@example.org", "link:x[y]", "footnote:[x]",
  "kbd:[x]", "//a//b", "\\\\a", "你好/世界", "🎉", "a%2Fb", "100%", "pass:[x]", "((term))", "<<ref>>", "stem:[x]", "a|b", "a;b", ":a:b:c",
];
const LABELS = [
  "", "hits", "a, b", "a=b", "a,b=c,d=\"e\"", "link=x", "--", "a -- b", "a--b", "...", "C++", "++x++", "+x+", "$$x$$", "_x_", "*x*", "#x#", "^x^",
  "~x~", "(C) (R) (TM)", "-> => <-", "you's", "see https://x.example and", "me@example.org", "a & b", "&copy;", "{name}", "100%", "Profile views",
  "a  b", " a ", "你好", "a\\b", "title=\"x\",role=y", "pass:[x]", "a;b", "x | y", "kbd:[x]", "1,234",
];

const plain = (text) =>
  text.replace(/&#x([0-9a-f]+);/gi, (_, hex) => String.fromCodePoint(parseInt(hex, 16)))
    .replace(/&#(\d+);/g, (_, number) => String.fromCodePoint(Number(number)))
    .replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&");

async function check(name, label) {
  const form = { name, label, show: label.length % 2 ? "today" : "total" };
  const answer = await fetch(`${address}/name?${new URLSearchParams(form)}`);
  if (answer.status === 400) return;
  assert.equal(answer.status, 200, name);
  const page = await answer.text();
  const of = (id) => plain(new RegExp(`<textarea id="${id}"[^>]*>([^<]*)<`).exec(page)[1]);
  const [, url, target, alt] = /^\.\. image:: (.*)\n   :target: (.*)\n   :alt: (.*)$/.exec(of("rst"));
  const text = of("asciidoc");
  const html = await asciidoctor.convert(text, { doctype: "inline" });
  const found = /^<span class="image"><a class="image" href="([^"]*)"><img src="([^"]*)" alt="([^"]*)"><\/a><\/span>$/.exec(html);
  assert.ok(found, `${text}\n${html}`);
  assert.deepEqual(found.slice(1).map(plain), [target, url, alt], text);
}

let pairs = 0;
for (const [at, name] of NAMES.entries()) {
  for (const label of [LABELS[at % LABELS.length], LABELS[(at * 7 + 3) % LABELS.length]]) {
    await check(name, label);
    pairs += 1;
  }
}
for (const label of LABELS) await check("my--repo/__init__", label);
console.log(`${pairs} pairs`);
console.log("no faults");
