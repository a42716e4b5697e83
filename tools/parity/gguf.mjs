// Whether llama.cpp (npm node-llama-cpp) reads an exported GGUF and answers as we do.
//
//   node tools/parity/gguf.mjs OPENLEDGER FOLDER MODEL.gguf [TOKENS]
//
// run where node-llama-cpp is installed (NODE_PATH is not looked at by modules: give its folder in
// LLAMA_CPP). Compares the ids of texts, greedy answers token by token, and prints how many agree.
import {execFileSync} from "node:child_process";
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";
import path from "node:path";

const [openledger, folder, file, tokenCount = "32"] = process.argv.slice(2);
const require = createRequire(path.join(process.env.LLAMA_CPP ?? process.cwd(), "x.js"));
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(require.resolve("node-llama-cpp")));
const llama = await getLlama({gpu: false, build: "never", logLevel: LlamaLogLevel.error, maxThreads: 2});
const model = await llama.loadModel({modelPath: path.resolve(file)});
const context = await model.createContext({contextSize: Math.min(512, model.trainContextSize), sequences: 1});
const sequence = context.getSequence();

const prompts = ["The list is", "In this chapter we", "A function that returns", "Hello, world! 123 times 45.",
                 "SELECT name FROM", "naïve café 日本語 🙂", "  two  spaces\n\nand lines\t.", "the"];
let sameIds = 0, sameAnswers = 0, sameTokens = 0, allTokens = 0;
for (const prompt of prompts) {
    const ours = JSON.parse(execFileSync(openledger, ["model", "complete", folder, prompt, "--max-tokens", tokenCount, "--json"],
                                         {encoding: "utf8", stdio: ["ignore", "pipe", "ignore"]}));
    let ids = [...model.tokenize(prompt, false)].map(Number);
    if (model.tokens.shouldPrependBosToken && ids[0] !== Number(model.tokens.bos)) ids = [Number(model.tokens.bos), ...ids];
    const same = JSON.stringify(ids) === JSON.stringify(ours.prompt_tokens);
    sameIds += same;
    if (!same) console.log("ids of", JSON.stringify(prompt), "theirs", ids.join(" "), "ours", ours.prompt_tokens.join(" "));
    await sequence.clearHistory();
    const theirs = [];
    for await (const token of sequence.evaluate(ours.prompt_tokens, {temperature: 0})) {
        if (ours.finish_reason === "stop" && theirs.length >= ours.tokens.length) break;
        theirs.push(Number(token));
        if (theirs.length >= ours.tokens.length) break;
    }
    let agree = 0;
    while (agree < ours.tokens.length && theirs[agree] === ours.tokens[agree]) ++agree;
    sameTokens += agree;
    allTokens += ours.tokens.length;
    sameAnswers += agree === ours.tokens.length;
    if (agree !== ours.tokens.length) console.log("answers to", JSON.stringify(prompt), "part after", agree, "of", ours.tokens.length);
}
console.log(`${path.basename(file)}: ids of ${sameIds} of ${prompts.length} texts, ${sameAnswers} of ${prompts.length} greedy answers, ` +
            `${sameTokens} of ${allTokens} tokens before the first difference`);
process.exit(0);
