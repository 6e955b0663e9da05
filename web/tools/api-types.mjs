// Makes src/shared/api/schema.d.ts from openapi.json; with --check it only compares.
// The generator lives in this folder's own package (TypeScript 5); it is installed on first need.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const spec = join(here, "../src/shared/api/openapi.json");
const target = join(here, "../src/shared/api/schema.d.ts");
const generator = join(here, "node_modules/openapi-typescript/bin/cli.js");

if (!existsSync(generator)) execFileSync("npm", ["ci", "--loglevel=error"], { cwd: here, stdio: "inherit" });
const made = execFileSync(process.execPath, [generator, spec, "--default-non-nullable=false"], {
  encoding: "utf8",
  stdio: ["ignore", "pipe", "ignore"],
});
if (!process.argv.includes("--check")) {
  writeFileSync(target, made);
} else if (!existsSync(target) || readFileSync(target, "utf8") !== made) {
  console.error("src/shared/api/schema.d.ts is not what openapi.json gives: run node tools/api-types.mjs");
  process.exit(1);
}
