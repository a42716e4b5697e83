// The HTTP API as clients use it: the description against what really comes, refusals, paid answers.
import { spawnSync } from "node:child_process";
import http from "node:http";
import { check, done, equal } from "./harness.mjs";
import { makeWorld, Payer, trainAndRegister } from "./world.mjs";

const world = await makeWorld();
const { api } = world;
const model = "notes-v1";
const run = await trainAndRegister(api, model);
const question = { model, messages: [{ role: "user", content: `What is ${world.rows.alice[0].title}?` }], max_tokens: 24, temperature: 0 };

async function refusal(reply, status, code, what) {
  const text = await reply.text();
  equal(reply.status, status, `${what}: ${text.slice(0, 300)}`);
  const body = JSON.parse(text);
  equal(body.error.code, code, `${what}: code`);
  check(typeof body.error.message === "string" && body.error.message.length > 10, `${what}: a message`);
  return body;
}

const sameWei = (actual, expected, what) => equal(String(actual), String(expected), what);

// A request as no fetch would send it.
function raw(method, path, headers, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(api.url + path, { method, headers }, (reply) => {
      let text = "";
      reply.setEncoding("utf8").on("data", (part) => (text += part)).on("end", () => {
        resolve({ status: reply.statusCode, headers: reply.headers, text: async () => text });
        request.destroy();
      });
    });
    request.on("error", reject);
    if (body !== undefined) request.write(body);
    if (headers["content-length"] === undefined) request.end();
  });
}

function events(text) {
  return text.split("\n\n").filter((part) => part.startsWith("data: ") || part.startsWith("event: ")).map((part) => {
    const out = {};
    for (const line of part.split("\n")) {
      const [, field, value] = /^(\w+): ?(.*)$/.exec(line);
      out[field] = value;
    }
    return out;
  });
}

// --- Paid answers ---------------------------------------------------------------------------------

const payer = await Payer.open(api, 20n);
{
  const quote = await payer.quote(question);
  equal(quote.host, payer.contracts.host, "the quote names the host");
  equal(quote.chain_id, payer.contracts.chain_id, "and the chain");
  check(BigInt(quote.price_wei) > 0n, "an answer has a price");
  sameWei(BigInt(quote.cumulative_wei), BigInt(quote.owed_wei) + BigInt(quote.price_wei), "cumulative = owed + price");
  sameWei(BigInt(quote.deposited_wei), 20n * 10n ** 18n, "the deposit is seen");
  const nobody = await (await api.send("POST", "/v1/chat/completions", question)).json();
  equal(nobody.quote.owed_wei, "0", "without a payer nothing is owed");
}

const plain = await (await payer.pay(question)).json();
equal(plain.object, "chat.completion", "a chat completion");
equal(plain.usage.total_tokens, plain.usage.prompt_tokens + plain.usage.completion_tokens, "usage adds up");
const first = plain.openledger;
equal(first.answer, plain.choices[0].message.content, "the receipt is about the answer");
sameWei(first.payouts.reduce((sum, payout) => sum + BigInt(payout.wei), 0n), BigInt(first.fee_wei), "payouts sum to the fee");
for (const span of first.spans) {
  equal(Buffer.from(first.answer).subarray(span.start_byte, span.end_byte).toString(), span.text, "a span's bytes are its text");
}

const streamed = await payer.pay({ ...question, stream: true });
equal(streamed.status, 200, "a streamed answer");
check(streamed.headers.get("content-type").startsWith("text/event-stream"), "comes as events");
const chunks = events(await streamed.text());
equal(chunks.at(-1).data, "[DONE]", "and ends by [DONE]");
const bodies = chunks.slice(0, -1).map((chunk) => JSON.parse(chunk.data));
equal(bodies[0].choices[0].delta.role, "assistant", "the first chunk names the role");
equal(bodies.map((body) => body.choices[0].delta.content ?? "").join(""), plain.choices[0].message.content,
  "streamed or not, the text is the same");
const second = bodies.at(-1).openledger;
equal(second.nonce, first.nonce + 1, "nonces go up by one");
sameWei(BigInt(second.cumulative_wei), BigInt(first.cumulative_wei) + BigInt(second.fee_wei), "the debt adds up");
equal(JSON.stringify(second.spans), JSON.stringify(first.spans), "the same answer has the same spans");
check((await api.get(`/api/receipts/${second.hash}/verify`)).verified, "the receipt verifies");
equal((await api.get(`/api/receipts/${second.hash}`)).raw, second.raw, "the receipt is kept as it was sent");

{ // The text form.
  const prompt = "The copper lantern";
  const reply = await (await payer.pay({ model, prompt, max_tokens: 8 }, "/v1/completions")).json();
  equal(reply.object, "text_completion", "a text completion");
  equal(reply.openledger.answer, reply.choices[0].text, "has a receipt too");
}

{ // Eight at once, each with a promise that covers them all.
  const quote = await payer.quote(question);
  const owed = BigInt(quote.owed_wei);
  const voucher = await payer.voucher(owed + 8n * BigInt(quote.price_wei));
  const replies = await Promise.all(Array.from({ length: 8 }, () =>
    api.post("/v1/chat/completions", question, { "x-openledger-voucher": voucher })));
  const receipts = replies.map((reply) => reply.openledger).sort((a, b) => a.nonce - b.nonce);
  let at = owed;
  receipts.forEach((receipt, i) => {
    equal(receipt.nonce, receipts[0].nonce + i, "a nonce for each of eight requests at once");
    sameWei(BigInt(receipt.cumulative_wei) - BigInt(receipt.fee_wei), at, "each is paid from where the one before ended");
    at = BigInt(receipt.cumulative_wei);
  });
  equal(new Set(replies.map((reply) => reply.choices[0].message.content)).size, 1, "side by side, the answers are the same");
  check(at <= owed + 8n * BigInt(quote.price_wei), "together they cost no more than was promised");
}

{ // Six at once on a promise that covers one: nobody answers for nothing.
  const quote = await payer.quote(question);
  const voucher = await payer.voucher(BigInt(quote.cumulative_wei));
  const replies = await Promise.all(Array.from({ length: 6 }, () =>
    api.send("POST", "/v1/chat/completions", question, { "x-openledger-voucher": voucher })));
  const answered = replies.filter((reply) => reply.status === 200);
  const refused = replies.filter((reply) => reply.status === 402);
  equal(answered.length + refused.length, 6, `answers and refusals: ${replies.map((reply) => reply.status)}`);
  for (const reply of answered) {
    const { openledger } = await reply.json();
    check(BigInt(openledger.cumulative_wei) <= BigInt(quote.cumulative_wei), "no answer passes the promise");
  }
  check(answered.length >= 1, "the promise covers one");
  for (const reply of refused) check(BigInt((await reply.json()).quote.price_wei) > 0n, "a refusal has a quote");
}

{ // What a voucher must be.
  const quote = await payer.quote(question);
  const cumulative = BigInt(quote.cumulative_wei);
  const withVoucher = (voucher, body = question) =>
    api.send("POST", "/v1/chat/completions", body, { "x-openledger-voucher": voucher });
  await refusal(await withVoucher(await payer.voucher(cumulative - 1n)), 402, "payment", "one wei too little");
  const forged = JSON.parse(await payer.voucher(cumulative));
  forged.cumulative = (cumulative + 1n).toString();
  await refusal(await withVoucher(JSON.stringify(forged)), 422, "unverified", "an amount that was not signed");
  await refusal(await withVoucher(await payer.voucher(cumulative, payer.address)), 402, "payment", "another host's voucher");
  await refusal(await withVoucher(await payer.voucher(21n * 10n ** 18n)), 402, "payment", "more than the deposit");
  await refusal(await withVoucher("{"), 400, "invalid_argument", "a voucher that is no JSON");
  const poor = await Payer.open(api, 0n);
  const wanted = await poor.quote(question);
  equal(wanted.deposited_wei, "0", "a quote for a payer without deposit");
  await refusal(await api.send("POST", "/v1/chat/completions", question,
    { "x-openledger-voucher": await poor.voucher(BigInt(wanted.cumulative_wei)) }), 402, "payment", "no deposit");
}

{ // The base model is free and traced to nobody; a model that is not there is not found.
  const { base } = await api.get("/api/status");
  const reply = await api.post("/v1/chat/completions", { ...question, model: base });
  equal(reply.openledger, null, "the base model has no receipt");
  check(reply.usage.completion_tokens > 0, "but an answer");
  await refusal(await api.send("POST", "/v1/chat/completions", { ...question, model: "nobody" }), 404, "not_found", "an unknown model");
  await refusal(await api.send("POST", "/v1/chat/completions", { ...question, n: 2 }), 501, "unsupported", "two answers at once");
  await refusal(await api.send("POST", "/v1/chat/completions", { ...question, messages: "hello" }), 400, "invalid_argument", "messages that are none");
  await refusal(await api.send("POST", "/v1/chat/completions", { ...question, max_tokens: 0 }), 400, "invalid_argument", "no tokens");
}

// --- Runs' events -------------------------------------------------------------------------------

{
  const read = async (from) => events(await (await api.send("GET", `/api/runs/${run.id}/events?from=${from}`)).text());
  const all = await read(0);
  equal(all.at(-1).event, "end", "the events of a run that is done end");
  const stored = all.slice(0, -1);
  stored.forEach((event, i) => equal(Number(event.id), i, "ids count from 0"));
  const steps = stored.filter((event) => event.event === "step").map((event) => JSON.parse(event.data));
  equal(steps.length, run.steps, "each step has its event");
  equal(steps.at(-1).loss, run.loss_last, "with its loss");
  equal(JSON.stringify(await read(3)), JSON.stringify(all.slice(3)), "they can be read from any offset");
}

// --- What the description says, against what comes -----------------------------------------------

const doc = await api.get("/openapi.json");
check(/^3\.1\.\d+$/.test(doc.openapi), `OpenAPI 3.1: ${doc.openapi}`);
check(doc.info.title && doc.info.version, "the description has title and version");
const resolve = (schema) => {
  if (!schema?.$ref) return schema;
  const target = schema.$ref.replace(/^#\//, "").split("/").reduce((at, part) => at?.[part], doc);
  check(target, `${schema.$ref} resolves`);
  return resolve(target);
};
(function walk(value) {
  if (value && typeof value === "object") {
    if (typeof value.$ref === "string") resolve(value);
    Object.values(value).forEach(walk);
  }
})(doc);

// The part of JSON Schema that the description uses.
function conforms(given, value, place) {
  const schema = resolve(given);
  if (schema.anyOf) {
    const fits = schema.anyOf.some((each) => { try { conforms(each, value, place); return true; } catch { return false; } });
    if (!fits) throw new Error(`${place} fits none of its forms`);
    return;
  }
  const kind = value === null ? "null" : Array.isArray(value) ? "array" : Number.isInteger(value) ? "integer" : typeof value;
  const kinds = [schema.type ?? kind].flat();
  if (!kinds.includes(kind) && !(kinds.includes("number") && kind === "integer")) {
    throw new Error(`${place} is ${kind}, documented as ${kinds}`);
  }
  if (value === null) return;
  if (schema.pattern && !new RegExp(schema.pattern).test(value)) throw new Error(`${place}: ${value} is not ${schema.pattern}`);
  if (schema.enum && !schema.enum.includes(value)) throw new Error(`${place}: ${value} is none of ${schema.enum}`);
  for (const name of schema.required ?? []) {
    if (!(name in value)) throw new Error(`${place} lacks '${name}'`);
  }
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    if (!(name in value)) throw new Error(`${place} lacks '${name}', which is documented`);
    conforms(member, value[name], `${place}.${name}`);
  }
  if (schema.items) value.forEach((each, i) => conforms(schema.items, each, `${place}[${i}]`));
}

const settled = await api.post("/api/epochs/settle");
equal(settled.epoch, 1, "the receipts are settled as epoch 1");
check((await api.get("/api/receipts?limit=1000")).receipts.every((receipt) => receipt.epoch === 1), "each receipt is in it");
await refusal(await api.send("POST", "/api/epochs/settle", {}), 409, "conflict", "settling while an epoch is pending");
await refusal(await api.send("POST", "/api/epochs/finalise", {}), 409, "conflict", "finalising inside the window");

const { records } = await api.get("/api/datanets/notes/records?limit=1");
const real = {
  "/api/datanets/{id}": { id: "notes", record: records[0].id, version: "1" },
  "/api/runs/{id}": { id: run.id },
  "/api/models/{model}": { model },
  "/v1/models/{id}": { id: model },
  "/api/receipts/{hash}": { hash: second.hash },
  "/api/epochs/{n}": { n: "1" },
  "/api/accounts/{address}": { address: payer.address },
};
const operations = new Set();
const unlike = [];
let gets = 0;
for (const [pattern, item] of Object.entries(doc.paths)) {
  check(pattern.startsWith("/"), `${pattern} begins with a slash`);
  const names = [...pattern.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
  const values = Object.entries(real).find(([prefix]) => pattern.startsWith(prefix))?.[1] ?? {};
  const path = pattern.replace(/\{(\w+)\}/g, (_, name) => {
    check(values[name], `the test has a value for ${name} of ${pattern}`);
    return encodeURIComponent(values[name]);
  });
  for (const [method, operation] of Object.entries(item)) {
    const what = `${method.toUpperCase()} ${pattern}`;
    check(["get", "post"].includes(method), `${what} is an operation`);
    check(operation.operationId && !operations.has(operation.operationId), `${what} has an id of its own`);
    operations.add(operation.operationId);
    check(operation.summary, `${what} has a summary`);
    const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
    equal(inPath.map((parameter) => parameter.name).sort().join(), [...names].sort().join(), `${what} describes its path`);
    check(inPath.every((parameter) => parameter.required && parameter.schema), `${what}: parameters of the path are required`);
    const answer = operation.responses["200"];
    check(answer?.description && operation.responses.default, `${what} describes answer and error`);

    if (method === "post") {
      // Stops before anything is changed, and only on a route that is there.
      await refusal(await api.send("POST", path, "x", { "content-type": "text/plain" }), 415, "invalid_argument", `${what} as text/plain`);
      continue;
    }
    gets += 1;
    const reply = await api.send("GET", path);
    const type = Object.keys(answer.content)[0];
    equal(reply.status, 200, what);
    equal(reply.headers.get("content-type").split(";")[0], type, `${what}: its type is as described`);
    equal(reply.headers.get("x-content-type-options"), "nosniff", `${what}: nosniff`);
    const text = await reply.text();
    if (type === "application/json") {
      try {
        conforms(answer.content[type].schema ?? {}, JSON.parse(text), "body");
      } catch (error) {
        unlike.push(`${what}: ${error.message}`);
      }
    }
    if (names.length > 0) {
      const wrong = await api.send("GET", pattern.replace(/\{\w+\}/g, "0x1234"));
      const body = await wrong.json();
      check([400, 404].includes(wrong.status) && !/no route/.test(body.error.message), `${what} of nothing: ${JSON.stringify(body)}`);
    }
  }
}
equal(unlike.join("\n"), "", "answers are as they are described");
check(gets >= 18, `the description has ${gets} GET operations`);
for (const [what, body] of [["a chat completion", plain], ["a streamed receipt", { ...plain, openledger: second }]]) {
  conforms(doc.paths["/v1/chat/completions"].post.responses["200"].content["application/json"].schema, body, what);
}

// --- Refusals ---------------------------------------------------------------------------------------

await refusal(await api.send("GET", "/api/nothing"), 404, "not_found", "an unknown route");
await refusal(await api.send("GET", "/v1/nothing"), 404, "not_found", "an unknown route of /v1");
await refusal(await api.send("DELETE", "/api/datanets"), 405, "invalid_argument", "a method that the route lacks");
await refusal(await api.send("POST", "/api/trace", "{\"datanet\":"), 400, "invalid_argument", "a body cut off");
await refusal(await api.send("POST", "/api/trace", { datanet: "notes" }), 400, "invalid_argument", "a body without its text");
await refusal(await api.send("GET", "/api/receipts?limit=-1"), 400, "invalid_argument", "a negative limit");
await refusal(await api.send("GET", "/api/receipts?limit=1001"), 400, "invalid_argument", "a page too large");
await refusal(await raw("GET", "/api/status", { host: "evil.example" }), 403, "permission_denied", "another host's name (DNS rebinding)");
await refusal(await raw("POST", "/api/trace", { "content-type": "application/json", "content-length": 1 << 27 }, "{"),
  413, "too_large", "a body of 128 MiB");

{ // A page of another site may not change anything; curl shows what a browser would be told.
  const curl = spawnSync("curl", ["-s", "-i", "-X", "POST", "-H", "origin: https://evil.example", "-H", "content-type: application/json",
    "-d", "{}", `${api.url}/api/epochs/settle`], { encoding: "utf8" });
  equal(curl.status, 0, `curl runs: ${curl.error ?? curl.stderr}`);
  check(curl.stdout.startsWith("HTTP/1.1 403 "), `a cross-origin POST: ${curl.stdout}`);
  check(!/access-control-allow-origin/i.test(curl.stdout), "no other origin is let in");
  equal(JSON.parse(curl.stdout.split("\r\n\r\n")[1]).error.code, "permission_denied", "in the one form of errors");
  const own = await api.send("POST", "/api/trace", { datanet: "notes", text: "no words of it" }, { origin: api.url });
  equal(own.status, 200, "the node's own page may");
}

// --- The rest ------------------------------------------------------------------------------------

{
  const text = world.rows.bob[3].text;
  const trace = await api.post("/api/trace", { datanet: "notes", version: 1, text });
  equal(trace.shares.length, 1, "a record's text is traced to one record");
  equal(trace.shares[0].owner.toLowerCase(), world.wallets.bob.toLowerCase(), "that of its owner");
  equal(trace.explained, 1, "and explained wholly");
}
equal((await api.post("/rpc", { jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] })).result,
  `0x${payer.contracts.chain_id.toString(16)}`, "the ledger answers through /rpc");
equal((await api.post("/v1/unload_lora_adapter", { lora_name: model })).loaded, false, "an adapter is unloaded");
equal((await api.get(`/v1/models/${model}`)).resident, false, "and is not resident");
equal((await api.post("/v1/load_lora_adapter", { lora_name: model })).loaded, true, "an adapter is loaded");
equal((await api.post("/api/datanets/notes/versions/0/verify")).verified, true, "the version verifies");
equal((await api.post(`/api/models/${model}/verify`)).files_match_ledger, true, "the adapter's files verify");
{
  const page = await api.send("GET", "/");
  equal(page.status, 200, "the console is served");
  check(/default-src 'self'/.test(page.headers.get("content-security-policy")), "with a content policy");
}
await world.node.stop();
done();
