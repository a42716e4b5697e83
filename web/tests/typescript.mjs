// Imports a module of src/lib that imports nothing but types itself: Node.js 20 does not read TypeScript.
import { readFileSync } from "node:fs";
import ts from "typescript";

export async function load(name) {
  const source = readFileSync(new URL(`../src/lib/${name}.ts`, import.meta.url), "utf8");
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    fileName: `${name}.ts`,
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputText).toString("base64")}`);
}
