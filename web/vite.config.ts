import { readFileSync } from "node:fs";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

// "virtual:abis": the interfaces of our contracts by name, as the compiler wrote them (src/abis.d.ts). Only these: the
// compiler's files hold the whole bytecode too.
const CONTRACTS = [
  "AttributionSettlement", "DatanetRegistry", "InferenceEscrow", "ModelRegistry", "ProtocolParameters", "StakeVault",
];
function abis(): Plugin {
  const id = "virtual:abis";
  return {
    name: "abis",
    resolveId: (source) => (source === id ? `\0${id}` : null),
    load(source) {
      if (source !== `\0${id}`) return null;
      const all = CONTRACTS.map((name) => {
        const file = new URL(`../contracts/out/${name}.sol/${name}.json`, import.meta.url);
        try {
          return [name, (JSON.parse(readFileSync(file, "utf8")) as { abi: unknown }).abi];
        } catch (error) {
          throw new Error(`The console needs the contracts' interfaces; build the contracts first (npm run build in contracts/): ${error}`);
        }
      });
      return `export default ${JSON.stringify(Object.fromEntries(all))};`;
    },
  };
}

export default defineConfig({
  plugins: [svelte(), abis()],
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
