// Fails when the first load, a page or the fonts outgrow what ux.md allows (kB gzip).
import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../src/marketbell/processes/api/static");
const FIRST_JS = 250;
const FIRST_CSS = 40;
const PAGE_JS = 60;
const CHART_JS = 80;

const manifest = JSON.parse(readFileSync(join(root, "manifest.json"), "utf8"));
const size = (file) => gzipSync(readFileSync(join(root, file)), { level: 9 }).length / 1000;

/** Every chunk that `key` loads at once, itself included. */
function staticChunks(key, found = new Set()) {
  if (found.has(key)) return found;
  found.add(key);
  for (const next of manifest[key].imports ?? []) staticChunks(next, found);
  return found;
}

const sum = (files) => [...files].reduce((total, file) => total + size(file), 0);
const jsOf = (keys) =>
  new Set([...keys].map((key) => manifest[key].file).filter((file) => file.endsWith(".js")));
const cssOf = (keys) => new Set([...keys].flatMap((key) => manifest[key].css ?? []));

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
const first = staticChunks(entry);
// The overview is what a visitor sees first: its chunks belong to the first load.
const pages = manifest[entry].dynamicImports ?? [];
const overview = pages.find((key) => key.includes("overview"));
const landing = new Set([...first, ...(overview ? staticChunks(overview) : [])]);

const rows = [
  ["first load, JS", sum(jsOf(landing)), FIRST_JS],
  ["first load, CSS", sum(cssOf(landing)), FIRST_CSS],
  ...pages
    .filter((key) => key !== overview)
    .map((key) => {
      const own = new Set([...staticChunks(key)].filter((one) => !first.has(one)));
      return [
        manifest[key].name ?? key,
        sum(jsOf(own)),
        key.includes("symbol") ? CHART_JS + PAGE_JS : PAGE_JS,
      ];
    }),
];
let failed = false;
for (const [name, is, most] of rows) {
  const over = is > most;
  failed ||= over;
  console.log(`${over ? "OVER" : "  ok"}  ${name.padEnd(24)} ${is.toFixed(1).padStart(7)} kB of ${most}`);
}
if (statSync(join(root, "index.html")).size === 0 || failed) process.exit(1);
