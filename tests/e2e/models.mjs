// `openledger model`: folders as Hugging Face has them are described, answered with, merged,
// exported and fine-tuned, without a node.
import { cpSync, existsSync, readFileSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { check, done, equal, run, temporary, up } from "./harness.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const shipped = join(root, "models/base-8m");
const testdata = join(root, "src/model/testdata");
const folder = temporary();
const data = join(folder, "node");
const ask = (...args) => run(data, ["model", ...args]).value;
function refused(args, pattern, what) {
  const result = run(data, ["model", ...args], { allowFailure: true });
  equal(result.status, 1, `${what} fails`);
  check(pattern.test(result.stderr), `${what} says why: ${result.stderr}`);
}

const info = ask("info", shipped);
equal(info.family, "llama", "the family");
equal(info.parameters, 8131328, "the parameters");
equal(info.tokenizer, "there", "the tokenizer");
const bare = ask("info", join(testdata, "families/mistral"));
equal(`${bare.family} ${bare.tokenizer} ${bare.tokens}`, "mistral none null", "a folder without a tokenizer is described");
check(bare.window > 0 && bare.windowed_layers > 0, "and so is its window");
check(/tokenizer +none/.test(run(data, ["model", "info", join(testdata, "families/mistral")], { json: false }).stdout),
  "in words, too");
const answer = ask("complete", shipped, "A list is", "--max-tokens", "8");
equal(answer.tokens.length, 8, "as many tokens as were asked for");
equal(JSON.stringify(ask("complete", shipped, "A list is", "--max-tokens", "8").tokens), JSON.stringify(answer.tokens),
  "the same answer again");
equal(ask("complete", shipped, "A list is", "--max-tokens", "8", "--quantize", "q8_0").tokens.length, 8, "quantized");
const messages = join(folder, "messages.json");
writeFileSync(messages, JSON.stringify([{ role: "user", content: "What is <|end|> a list?" }]));
check(ask("chat", shipped, "--messages", messages, "--max-tokens", "4").prompt.includes("< |end|>"),
  "a special token in a message has no meaning");
refused(["complete", shipped, "x", "--quantize", "q5"], /q8_0 or q4_0/, "an unknown quantization");

for (const [format, magic] of [["gguf-f16", "GGUF"], ["gguf-q8_0", "GGUF"]]) {
  const file = join(folder, `${format}.gguf`);
  ask("export", shipped, "--format", format, "--to", file);
  equal(readFileSync(file).toString("latin1", 0, 4), magic, `${format} begins as GGUF`);
  refused(["export", shipped, "--format", format, "--to", file], /exists/, "writing over a file");
}
const copy = join(folder, "copy");
ask("export", shipped, "--to", copy);
equal(ask("info", copy).parameters, info.parameters, "an exported folder is read again");
equal(JSON.stringify(ask("complete", copy, "A list is", "--max-tokens", "8").tokens), JSON.stringify(answer.tokens),
  "and answers equally");

// Every kind of adapter that PEFT writes merges into its base, and into no other.
const bases = { gpt2: "base_gpt2", gpt2_dora: "base_gpt2", gpt2_table: "base_gpt2", dora_tied: "base_tied", table_tied: "base_tied" };
const adapters = readdirSync(join(testdata, "peft")).filter((name) => !name.startsWith("base_") && !name.includes("."));
check(adapters.length >= 10, "there are adapters");
for (const name of adapters) {
  const base = join(testdata, "peft", bases[name] ?? "base_llama");
  const merged = ask("export", base, "--adapter", join(testdata, "peft", name), "--to", join(folder, `merged-${name}`));
  check(merged.bytes > 0 && existsSync(join(merged.to, "model.safetensors")), `${name} is merged`);
}
refused(["export", join(testdata, "peft/base_llama"), "--adapter", join(testdata, "peft/gpt2"), "--to", join(folder, "no")],
  /c_attn/, "an adapter of another family");
check(!existsSync(join(folder, "no")), "which leaves no folder");

for (const name of readdirSync(join(testdata, "families"))) {
  ask("export", join(testdata, "families", name), "--to", join(folder, `family-${name}`));
}

// Fine-tuned by one command, an adapter and all weights, to answers of their own.
const chats = join(folder, "chats.jsonl");
writeFileSync(chats, Array.from({ length: 12 }, (_, i) => JSON.stringify(
  { messages: [{ role: "user", content: `What is a ${i % 2 ? "list" : "lamp"}?` }, { role: "assistant", content: "Zebra zebra." }] },
)).join("\n"));
const how = ["--data", chats, "--epochs", "4", "--batch", "4", "--max-tokens", "48"];
const adapter = join(folder, "tuned-adapter"), tuned = join(folder, "tuned");
const lora = ask("tune", shipped, ...how, "--out", adapter, "--learning-rate", "0.005", "--dora", "--dropout", "0.05",
  "--target", "all-linear", "--target", "lm_head", "--rank-pattern", "q_proj=4");
check(lora.loss_last < lora.loss_first / 2, `the adapter learns: ${lora.loss_first} -> ${lora.loss_last}`);
const full = ask("tune", shipped, ...how, "--out", tuned, "--full", "--learning-rate", "0.001");
check(full.loss_last < full.loss_first / 2, `the model learns: ${full.loss_first} -> ${full.loss_last}`);
for (const args of [[shipped, "--adapter", adapter], [tuned]]) {
  const said = ask("chat", args[0], "What is a list?", ...args.slice(1), "--max-tokens", "12").text;
  check(said.startsWith("Zebra"), `what was learnt is said: ${said}`);
}
refused(["tune", shipped, ...how, "--out", adapter], /has a model/, "tuning into a finished folder");
// Again from their records: the same bytes with other threads, or what is not the same.
const again = (record, ...args) => ["tune", "reproduce", record, "--model", shipped, "--data", chats, ...args];
for (const [record, made] of [[adapter, lora], [join(tuned, "tuning_record.json"), full]]) {
  for (const threads of ["1", "3"]) {
    const verdict = ask(...again(record, "--threads", threads));
    equal(`${verdict.reproduced} ${verdict.hash}`, `true ${made.hash}`, `${record} comes out again with ${threads} threads`);
  }
}
check(/reproduced.*the same bytes/.test(run(data, ["model", ...again(adapter)], { json: false }).stdout), "in words, too");
const altered = join(folder, "altered.json");
const record = readFileSync(join(adapter, "tuning_record.json"), "utf8");
writeFileSync(altered, record.replace('"seed":1', '"seed":2'));
refused(again(altered), /tuning again gives 0x[0-9a-f]{64}, the tuning record names 0x/, "another seed");
writeFileSync(altered, record.replace('"epochs":4', '"epochs":5'));
refused(again(altered), /steps is 12, not 15/, "another number of epochs");
refused(["tune", "reproduce", adapter, "--model", tuned, "--data", chats], /another model: .*hashes to 0x/, "another model");
refused(["tune", "reproduce", adapter, "--model", shipped, "--data", altered], /other data: .*altered\.json hashes to 0x/, "other data");
refused(["tune", shipped], /--data is required/, "tuning without data");
equal(run(data, ["model", "tune", "reproduce", adapter], { allowFailure: true }).status, 2, "and reproducing without it");
refused(["tune", shipped, ...how, "--out", join(folder, "none"), "--rank-pattern", "q_proj"], /MODULE=NUMBER/, "half a pattern");

const damaged = join(folder, "damaged");
cpSync(shipped, damaged, { recursive: true });
truncateSync(join(damaged, "model.safetensors"), 1000);
refused(["complete", damaged, "x"], /model\.safetensors/, "a truncated file");
writeFileSync(join(damaged, "config.json"), JSON.stringify({ model_type: "mamba" }));
refused(["info", damaged], /mamba/, "an unknown family");
refused(["info", join(folder, "nowhere")], /nowhere/, "a folder that is not there");

// A node starts with a base whose chat template is outside the subset, and refuses only chats.
const odd = join(folder, "odd");
cpSync(shipped, odd, { recursive: true });
writeFileSync(join(odd, "chat_template.jinja"), "{% include 'turns' %}");
const node = await up(data, ["--base", odd]);
const post = async (path, body) => {
  const reply = await fetch(node.url + path, { method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "odd", max_tokens: 8, temperature: 0, ...body }) });
  return { status: reply.status, body: await reply.json() };
};
const text = await post("/v1/completions", { prompt: "A list is" });
equal(text.status, 200, "a prompt is answered");
equal(text.body.choices[0].text, answer.text, "as without a node");
const chat = await post("/v1/chat/completions", { messages: [{ role: "user", content: "What is a list?" }] });
equal(chat.status, 501, "a chat is refused");
check(/odd\/chat_template\.jinja: .*'include'.*write one .*\/v1\/completions/.test(chat.body.error.message),
  `with place and remedy: ${chat.body.error.message}`);
await node.stop();
check(/WARN.*base odd answers no chats: .*chat_template\.jinja/i.test(node.errors()), `and a warning at the start: ${node.errors()}`);
done();
