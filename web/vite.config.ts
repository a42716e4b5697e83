import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the content policy allows no data: URLs
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
    rollupOptions: {
      output: {
        // The node lets browsers keep files whose names end in a hash of hex digits.
        hashCharacters: "hex",
        entryFileNames: "assets/[name]-[hash:16].js",
        chunkFileNames: "assets/[name]-[hash:16].js",
        assetFileNames: "assets/[name]-[hash:16][extname]",
      },
    },
  },
  server: {
    // `npm run dev` speaks to a node on its usual port.
    proxy: Object.fromEntries(
      ["/api", "/v1", "/rpc", "/openapi.json"].map((path) => [path, "http://127.0.0.1:8420"]),
    ),
  },
});
