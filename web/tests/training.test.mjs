import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./typescript.mjs";

const { blamed, described, FIELDS, requestOf } = await load("training");
const inputs = {
  epochs: { default: 12 }, schedule: { default: "cosine" }, quantization: { default: "" }, dora: { default: false },
  packing: { default: true },
};

test("what is empty or the node's default is left to the node", () => {
  assert.deepEqual(requestOf({}, inputs), {});
  const untouched = {
    epochs: null, rank: undefined, schedule: "cosine", quantization: "", dora: false, packing: true, target_modules: " , ",
    rank_pattern: " \n", alpha_pattern: "",
  };
  assert.deepEqual(requestOf(untouched, inputs), {});
});

test("what was changed is sent, a zero and an off too", () => {
  const values = { epochs: 3, dropout: 0, learning_rate: 0.01, schedule: "linear", quantization: "q4_0", dora: true, packing: false };
  assert.deepEqual(requestOf(values, inputs), values);
});

test("names and patterns are read from text", () => {
  const values = {
    target_modules: "q_proj,v_proj  lm_head,\n", rank_pattern: "q_proj=8\n\n  layers\\.(0|1)\\..*=4 ", alpha_pattern: "a=b = 1.5",
  };
  assert.deepEqual(requestOf(values, inputs), {
    target_modules: ["q_proj", "v_proj", "lm_head"],
    rank_pattern: { q_proj: 8, "layers\\.(0|1)\\..*": 4 },
    alpha_pattern: { "a=b": 1.5 },
  });
});

test("what is no MODULE=NUMBER is refused in the field's name", () => {
  for (const text of ["q_proj", "q_proj=", "=8", "q_proj=eight", "q_proj=8\nv_proj", "q_proj= ", "q_proj=8\nq_proj=4"]) {
    assert.throws(() => requestOf({ rank_pattern: text }, inputs), (error) => blamed(error.message) === "rank_pattern", text);
  }
});

test("a refusal blames the field that it names first", () => {
  assert.equal(blamed("body.epochs: must be at least 1, is 0"), "epochs");
  assert.equal(blamed('target_modules: "rank" is not a projection'), "target_modules");
  assert.equal(blamed("rank_pattern: q_proj: rank is 0, must be 1 to 1024"), "rank_pattern");
  assert.equal(blamed("an adapter 'rank' exists; choose another name"), "name");
  assert.equal(blamed("The node does not answer. Is it running?"), "");
  assert.equal(blamed(""), "");
});

test("keys and labels of fields are told apart", () => {
  assert.equal(new Set(FIELDS.map((field) => field.key)).size, FIELDS.length);
  assert.equal(new Set(FIELDS.map((field) => field.label)).size, FIELDS.length);
  assert.ok(FIELDS.every((field) => field.hint.length > 0));
});

const plain = {
  epochs: 1, batch_examples: 4, accumulation: 1, max_tokens: 64, packing: false, neftune_alpha: 0, quantization: "", record_limit: 0,
  seed: 1, checkpointing: false,
  lora: { rank: 8, alpha: 16, targets: ["q_proj", "v_proj"], embedding: false, head: false, rslora: false, dora: false, dropout: 0 },
  optimizer: { learning_rate: 0.005, schedule: "constant", minimum_ratio: 0.1, lora_plus_ratio: 1 },
};

test("a plain run in words", () => {
  assert.deepEqual(described(plain), [
    ["Method", "LoRA, rank 8, alpha 16"],
    ["Modules", "q_proj, v_proj"],
    ["Learning rate", "0.005, constant"],
    ["Data", "1 epoch over all records, seed 1; 4 examples a step, of at most 64 tokens"],
    ["Base", "not quantized"],
  ]);
});

test("a run that turns everything on in words", () => {
  const config = {
    ...plain, epochs: 3, accumulation: 2, packing: true, neftune_alpha: 5, quantization: "q8_0", record_limit: 8, checkpointing: true,
    lora: {
      ...plain.lora, embedding: true, head: true, rslora: true, dora: true, dropout: 0.1, rank_pattern: { q_proj: 2, v_proj: 4 },
      alpha_pattern: { q_proj: 1.5 },
    },
    optimizer: { ...plain.optimizer, schedule: "linear", lora_plus_ratio: 16 },
  };
  assert.deepEqual(described(config), [
    ["Method", "DoRA with rsLoRA's scale, rank 8, alpha 16, rank of q_proj 2, v_proj 4, alpha of q_proj 1.5"],
    ["Modules", "q_proj, v_proj, embed_tokens, lm_head"],
    ["Learning rate", "0.005, linear to 0.1 of it, B 16 times as fast (LoRA+)"],
    ["Data", "3 epochs over a sample of 8 records, seed 1; 2 batches of 4 examples a step, of at most 64 tokens"],
    ["Base", "quantized to q8_0 while training"],
    ["Also", "packing, dropout 0.1, NEFTune alpha 5, checkpointing"],
  ]);
  assert.equal(described({ ...plain, lora: { ...plain.lora, dora: true } })[0][1], "DoRA, rank 8, alpha 16");
  assert.equal(described({ ...plain, lora: { ...plain.lora, rslora: true } })[0][1], "rsLoRA, rank 8, alpha 16");
});
