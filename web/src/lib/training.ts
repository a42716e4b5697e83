// How a run trains: the fields of the form that starts one, and a run's configuration in words. Defaults, limits and
// choices are the node's (/openapi.json); none is repeated here.
import type { Input, RunConfig } from "./api.ts";

export interface TrainingField {
  key: string; // of the request
  label: string;
  hint: string;
  // names: with commas between. numbers: MODULE=NUMBER, one a line.
  kind: "whole" | "number" | "flag" | "choice" | "names" | "numbers";
}

export const ESSENTIALS: TrainingField[] = [
  { key: "epochs", label: "Epochs", kind: "whole", hint: "Passes over the records." },
  { key: "rank", label: "Rank", kind: "whole", hint: "The adapter's size: more can hold more." },
  { key: "learning_rate", label: "Learning rate", kind: "number", hint: "How far a step goes." },
  { key: "record_limit", label: "Records", kind: "whole", hint: "A sample of so many; 0: all." },
  { key: "seed", label: "Seed", kind: "whole", hint: "Another one, another sample and order." },
];

export const METHOD: { legend: string; fields: TrainingField[] }[] = [
  {
    legend: "The adapter",
    fields: [
      { key: "target_modules", label: "Modules", kind: "names", hint: "What gets an adapter, by PEFT's names: q_proj, lm_head, all-linear." },
      { key: "alpha", label: "Alpha", kind: "number", hint: "What the adapter adds is scaled by alpha / rank." },
      { key: "dropout", label: "Dropout", kind: "number", hint: "Part of the adapter's input that a step leaves out, against learning by rote." },
      { key: "lora_plus_ratio", label: "LoRA+ ratio", kind: "number", hint: "The adapter's matrix B learns so many times faster than A." },
      { key: "rank_pattern", label: "Ranks by module", kind: "numbers", hint: "One a line; the first that fits a module counts." },
      { key: "alpha_pattern", label: "Alphas by module", kind: "numbers", hint: "Likewise: a module's name or a pattern of it." },
      { key: "rslora", label: "rsLoRA", kind: "flag", hint: "Scale by alpha / √rank, so that high ranks learn too." },
      { key: "dora", label: "DoRA", kind: "flag", hint: "Learn the lengths of outputs apart from their directions; slower." },
    ],
  },
  {
    legend: "The steps",
    fields: [
      { key: "schedule", label: "Schedule", kind: "choice", hint: "How the learning rate falls over the run." },
      { key: "minimum_ratio", label: "Rate at the end", kind: "number", hint: "Part of the learning rate that is left in the end." },
      { key: "batch", label: "Examples a batch", kind: "whole", hint: "Records that are learned from together." },
      { key: "accumulation", label: "Batches a step", kind: "whole", hint: "Batches whose gradients make one step." },
      { key: "max_tokens", label: "Tokens an example", kind: "whole", hint: "What is longer is cut." },
      { key: "neftune_alpha", label: "NEFTune alpha", kind: "number", hint: "Noise on the embeddings, against learning by rote; 0: none." },
      { key: "packing", label: "Packing", kind: "flag", hint: "Short records share a row: fewer, fuller steps." },
    ],
  },
  {
    legend: "Memory",
    fields: [
      { key: "quantization", label: "Quantization", kind: "choice", hint: "Of the base while training: 8 or 4 bits a weight." },
      { key: "checkpointing", label: "Checkpointing", kind: "flag", hint: "Less memory for more time; the same result." },
    ],
  },
];

export const FIELDS = [...ESSENTIALS, ...METHOD.flatMap((group) => group.fields)];

export type Values = Record<string, string | number | boolean | null | undefined>;

// The members of a request that say what the form was told: what is empty, or as the node has it, is left to the node.
export function requestOf(values: Values, inputs: Record<string, Input>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const field of FIELDS) {
    const value = values[field.key];
    if (value === undefined || value === null || value === inputs[field.key]?.default) continue;
    if (field.kind === "names" || field.kind === "numbers") {
      const parts = String(value).split(field.kind === "names" ? /[\s,]+/ : "\n").map((each) => each.trim()).filter(Boolean);
      if (parts.length > 0) out[field.key] = field.kind === "names" ? parts : numbersOf(field, parts);
    } else {
      out[field.key] = value;
    }
  }
  return out;
}

function numbersOf({ key }: TrainingField, lines: string[]): Record<string, number> {
  const out = new Map<string, number>();
  for (const line of lines) {
    const [, module, number] = /^(.+?)\s*=\s*([^=]+)$/.exec(line) ?? [];
    if (!module || !Number.isFinite(Number(number))) throw new Error(`${key}: “${line}”: write MODULE=NUMBER, such as q_proj=8.`);
    if (out.has(module)) throw new Error(`${key}: ${module} is there twice.`);
    out.set(module, Number(number));
  }
  return Object.fromEntries(out);
}

// The field that a refusal speaks of: the one whose name in the API comes first, outside of what it quotes. Empty: none.
export function blamed(message: string): string {
  const keys = ["name", ...FIELDS.map((field) => field.key)];
  const words = message.replace(/'[^']*'/g, "").match(/\w+/g) ?? [];
  return words.find((word) => keys.includes(word)) ?? "";
}

// What a run was trained with, as terms and their descriptions. What is off is not spoken of.
export function described(config: RunConfig): [term: string, description: string][] {
  const { lora, optimizer } = config;
  const pattern = (what: string, members?: Record<string, number>) =>
    members ? `, ${what} of ${Object.entries(members).map(([module, value]) => `${module} ${value}`).join(", ")}` : "";
  const method = lora.dora ? (lora.rslora ? "DoRA with rsLoRA's scale" : "DoRA") : lora.rslora ? "rsLoRA" : "LoRA";
  const modules = [...lora.targets, ...(lora.embedding ? ["embed_tokens"] : []), ...(lora.head ? ["lm_head"] : [])];
  const batch = `${config.accumulation > 1 ? `${config.accumulation} batches of ` : ""}${config.batch_examples}`;
  const falls = optimizer.schedule === "constant" ? "constant" : `${optimizer.schedule} to ${optimizer.minimum_ratio} of it`;
  const also = [
    config.packing && "packing",
    lora.dropout > 0 && `dropout ${lora.dropout}`,
    config.neftune_alpha > 0 && `NEFTune alpha ${config.neftune_alpha}`,
    config.checkpointing && "checkpointing",
  ].filter((each) => each !== false);
  return [
    ["Method", `${method}, rank ${lora.rank}, alpha ${lora.alpha}${pattern("rank", lora.rank_pattern)}${pattern("alpha", lora.alpha_pattern)}`],
    ["Modules", modules.join(", ")],
    ["Learning rate", `${optimizer.learning_rate}, ${falls}${optimizer.lora_plus_ratio === 1 ? "" : `, B ${optimizer.lora_plus_ratio} times as fast (LoRA+)`}`],
    ["Data", `${config.epochs} ${config.epochs === 1 ? "epoch" : "epochs"} over ${config.record_limit > 0 ? `a sample of ${config.record_limit} records` : "all records"}, ` +
      `seed ${config.seed}; ${batch} examples a step, of at most ${config.max_tokens} tokens`],
    ["Base", config.quantization ? `quantized to ${config.quantization} while training` : "not quantized"],
    ...(also.length > 0 ? [["Also", also.join(", ")] as [string, string]] : []),
  ];
}
