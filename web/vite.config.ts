import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env.MARKETBELL_URL ?? "http://127.0.0.1:8700";

// The build lands inside the Python package, so that the wheel carries it and users need no Node.
export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../src/marketbell/processes/api/static",
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 900,
    // Fonts and icons stay files: `font-src 'self'` needs no `data:`.
    assetsInlineLimit: 0,
    manifest: "manifest.json",
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": server, "/login": server, "/healthz": server } },
  test: {
    // Tests that draw ask for jsdom in their first line; the rest start without it.
    environment: "node",
    include: ["src/**/*.test.{ts,tsx}", "tools/*.test.mjs"],
    restoreMocks: true,
  },
});
