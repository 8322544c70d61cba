import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { budget } from "./build/budget.ts";

const server = process.env["CHARTROOM_SERVER"] ?? "127.0.0.1:8080";

export default defineConfig({
  base: "/",
  plugins: [react(), budget()],
  // The package of this repository has a React and a CodeMirror of its own to be tested with; a page works with one copy alone.
  resolve: { dedupe: ["react", "react-dom", "@codemirror/state", "@codemirror/view"] },
  // The package finds its wasm file relative to its own module, which pre-bundling would move.
  optimizeDeps: { exclude: ["chartroom"] },
  build: {
    outDir: "dist",
    target: "es2022",
    sourcemap: false,
    // A content security policy that allows scripts of this origin only must do.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    // budget() judges what travels.
    reportCompressedSize: false,
    chunkSizeWarningLimit: 2_000,
  },
  server: {
    host: "127.0.0.1",
    fs: { allow: [".."] },
    proxy: {
      "/rooms": { target: `http://${server}` },
      // Not "/signed-in", which is a page.
      "^/sign-in": { target: `http://${server}` },
      "/fhir": { target: `http://${server}` },
      "/sync": { target: `ws://${server}`, ws: true },
    },
  },
  test: {
    environment: "jsdom",
    setupFiles: ["test/setup.ts"],
    include: ["src/**/*.test.{ts,tsx}"],
    css: false,
    maxWorkers: 2,
    // Opening a dialog in jsdom takes seconds where two cores build everything else as well.
    testTimeout: 30_000,
  },
});
