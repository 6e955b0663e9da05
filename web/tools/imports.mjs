// shared knows nobody, a feature knows shared only, app composes features. No cycles between folders.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const src = join(dirname(fileURLToPath(import.meta.url)), "../src");

/** The room of a file below src: "shared", "features/overview" or "app". */
export function roomOf(path) {
  const [first, second] = path.split("/");
  return first === "features" ? `features/${second}` : first;
}

/** Why a file of `from` may not import one of `to`; null where it may. */
export function refusal(from, to) {
  if (from === to || from === "app") return null;
  if (to === "shared") return null;
  if (from === "shared") return "shared knows nobody";
  return to === "app" ? "a feature does not know the app" : "a feature does not know another feature";
}

export function check(root = src) {
  const faults = [];
  for (const name of readdirSync(root, { recursive: true })) {
    if (!/\.(ts|tsx)$/.test(name)) continue;
    const text = readFileSync(join(root, name), "utf8");
    for (const [, target] of text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
      const path = target.startsWith("@/")
        ? target.slice(2)
        : target.startsWith(".")
          ? relative(root, resolve(dirname(join(root, name)), target))
          : null;
      if (path === null) continue;
      const why = refusal(roomOf(name), roomOf(path));
      if (why) faults.push(`src/${name} imports ${target}: ${why}`);
    }
  }
  return faults;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const faults = check();
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exit(1);
}
