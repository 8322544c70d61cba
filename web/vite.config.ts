import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env["CHARTROOM_SERVER"] ?? "127.0.0.1:8080";

export default defineConfig({
  base: "/",
  plugins: [react()],
  // The package finds its wasm file relative to its own module, which pre-bundling would move.
  optimizeDeps: { exclude: ["chartroom"] },
  build: {
    outDir: "dist",
    target: "es2022",
    sourcemap: false,
    // A content security policy that allows scripts of this origin only must do.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
  },
  server: {
    host: "127.0.0.1",
    fs: { allow: [".."] },
    proxy: {
      "/rooms": { target: `http://${server}` },
      "/sync": { target: `ws://${server}`, ws: true },
    },
  },
  test: {
    environment: "jsdom",
    setupFiles: ["test/setup.ts"],
    include: ["src/**/*.test.{ts,tsx}"],
    css: false,
    // Opening a dialog in jsdom takes seconds where two cores build everything else as well.
    testTimeout: 30_000,
  },
});
