import { defineConfig } from "vitest/config";

export default defineConfig({
  // Also where a test has a window: the package as it is, for Node.
  resolve: { alias: [{ find: /^chartroom$/, replacement: `${import.meta.dirname}/dist/node.js` }] },
  test: {
    include: ["tests/**/*.test.{ts,tsx}"],
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    server: { deps: { external: [/\/client-wasm\/dist\//] } },
  },
});
