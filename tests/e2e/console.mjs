// The console in a real browser, against a real node: what a reader sees and can do, from a record to a
// paid answer. OL_SCREENSHOT=FOLDER/NAME.png takes pictures, light, dark and narrow.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { check, done, equal, sleep, temporary } from "./harness.mjs";
import { makeWorld, require, trainAndRegister } from "./world.mjs";

// The sources first: types and accessibility rules, then the pure parts (money, highlights, streams, proofs).
const sources = spawnSync("npm", ["run", "--silent", "check"], {
  cwd: fileURLToPath(new URL("../../web/", import.meta.url)), encoding: "utf8",
});
equal(sources.status, 0, `the console's sources: ${sources.stdout}${sources.stderr}`);
const units = spawnSync(process.execPath, ["--test", fileURLToPath(new URL("../../web/tests/", import.meta.url))], {
  encoding: "utf8",
});
equal(units.status, 0, `the console's unit tests: ${units.stdout}${units.stderr}`);

const { chromium } = require("playwright-core");
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
check(existsSync(executablePath), `a browser is at ${executablePath} (or name one by CHROMIUM)`);

const world = await makeWorld();
const { api, rows, wallets } = world;
await trainAndRegister(api, "notes-v1");

const browser = await chromium.launchPersistentContext(temporary(), {
  executablePath,
  headless: true,
  viewport: { width: 1180, height: 900 },
  colorScheme: "light",
  permissions: ["clipboard-read", "clipboard-write"],
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const page = browser.pages()[0] ?? (await browser.newPage());
page.setDefaultTimeout(60_000);

const troubles = [];
page.on("pageerror", (error) => troubles.push(`exception: ${error.stack}`));
page.on("console", (message) => {
  // The quote of a paid answer comes with a 402, which the browser reports by itself.
  if (["error", "warning"].includes(message.type()) && !/status of 402/.test(message.text())) {
    troubles.push(`console: ${message.text()} (${message.location().url})`);
  }
});
browser.on("request", (request) => {
  if (new URL(request.url()).origin !== api.url) troubles.push(`a request to ${request.url()}`);
});
let leaving = false; // what is under way when the page is left breaks off
browser.on("requestfailed", (request) => {
  const aborted = /ERR_ABORTED/.test(request.failure()?.errorText ?? "");
  if (!(aborted && (leaving || /\/events\?/.test(request.url())))) troubles.push(`failed: ${request.url()} ${request.failure()?.errorText}`);
});
browser.on("response", (reply) => {
  if (reply.status() >= 400 && reply.status() !== 402) troubles.push(`HTTP ${reply.status()}: ${reply.url()}`);
});
const calm = (where) => equal(troubles.splice(0).join("\n"), "", `nothing goes wrong in ${where}`);

const at = (id) => page.getByTestId(id).filter({ visible: true });
const text = async (locator) => (await locator.innerText()).replace(/\s+/g, " ").trim();
async function until(look, what) {
  for (let i = 0; i < 600; i += 1) {
    if (await look()) return;
    await sleep(100);
  }
  check(false, `${what} within a minute`);
}
let pictures = 0;
async function picture(name) {
  const base = process.env.OL_SCREENSHOT;
  if (!base) return;
  pictures += 1;
  const path = (look) => base.replace(/(\.png)?$/, `-${pictures}-${name}-${look}.png`);
  const size = page.viewportSize();
  for (const look of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: look });
    await page.screenshot({ path: path(look), fullPage: true });
  }
  await page.setViewportSize({ width: 400, height: 800 });
  await page.emulateMedia({ colorScheme: "light" });
  await sleep(200);
  await page.screenshot({ path: path("narrow"), fullPage: true });
  await page.setViewportSize(size);
}
// Nothing may stick out of the page's side, however narrow it is.
async function fits(where) {
  const size = page.viewportSize();
  for (const width of [400, size.width]) {
    await page.setViewportSize({ width, height: size.height });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(wide <= 0, `${where} fits a page of ${width} pixels (${wide} too wide)`);
  }
}

// --- Status and datanets ---------------------------------------------------------------------------

await page.goto(`${api.url}/`);
const status = await api.get("/api/status");
await until(async () => (await at("status-records").count()) === 1, "the status shows");
equal(await text(at("status-chain")), String(status.chain.id), "chain id");
equal(await text(at("status-datanets")), "1", "datanets");
equal(await text(at("status-records")), "40", "records");
equal(await text(at("status-models")), "1", "models");
check(Number((await text(at("status-block"))).replaceAll(",", "")) >= status.chain.block, "block");

await at("records").locator("tbody tr").first().waitFor();
check((await text(at("datanets"))).includes("notes Observations of a small town 40 2 1 CC-BY-4.0"), "the datanet's row");
equal(await at("records").locator("tbody tr").count(), 15, "a page of records");
check((await text(at("records"))).includes(rows.alice[0].title), "with their titles");
await page.getByRole("navigation", { name: "Pages of records" }).getByRole("button", { name: "Next" }).click();
await page.getByRole("link", { name: rows.alice[20].title, exact: true }).waitFor();
await picture("datanets");
await fits("the datanets");

const record = rows.bob[3];
await page.getByRole("navigation", { name: "Pages of records" }).getByRole("button", { name: "Next" }).click();
await page.getByRole("link", { name: rows.bob[6].title, exact: true }).waitFor();
await page.getByRole("navigation", { name: "Pages of records" }).getByRole("button", { name: "Previous" }).click();
await page.getByRole("link", { name: record.title, exact: true }).click();
await at("record-text").waitFor();
equal(await text(at("record-text")), record.text, "a record's text");
await page.getByRole("button", { name: "Check the proof against the ledger" }).click();
await until(async () => (await text(at("proof-outcome"))).includes("proved"), "the record's proof leads to the ledger's root");
check((await text(at("record"))).toLowerCase().includes(wallets.bob.slice(0, 6).toLowerCase()), "the record's owner");
await picture("record");
await fits("a record");

{ // A hash is shown short, whole in its title, and copied whole.
  const leaf = at("record").locator("dd").filter({ has: page.locator("button[aria-label*='leaf hash']") });
  const whole = await leaf.locator("code").getAttribute("title");
  check(/^0x[0-9a-f]{64}$/.test(whole), `the title holds the whole hash: ${whole}`);
  await leaf.getByRole("button").click();
  equal(await page.evaluate(() => navigator.clipboard.readText()), whole, "and it is copied whole");
}

await at("versions").getByRole("button", { name: "Verify version 1" }).click();
await until(async () => (await text(at("versions"))).includes("agrees with the ledger"), "the version verifies");

// Bytes before the spans that are no ASCII: highlights must not shift.
await page.getByLabel("Text", { exact: true }).fill(`Grüße 🧾: ${rows.alice[5].text} Und: ${rows.bob[7].text}`);
await page.getByRole("button", { name: "Trace", exact: true }).click();
const traced = at("trace");
await traced.getByTestId("legend").waitFor();
const spans = traced.locator("[data-testid=attributed] .span");
check((await spans.count()) >= 2, "spans of both are highlighted");
const highlighted = await spans.evaluateAll((all) => all.map((span) => ({ text: span.textContent, owner: span.dataset.owner })));
check(highlighted.some((span) => rows.alice[5].text.includes(span.text) && span.text.length > 40), "alice's text is a span");
check(highlighted.some((span) => rows.bob[7].text.includes(span.text) && span.text.length > 40), "bob's text is a span");
equal(new Set(highlighted.map((span) => span.owner)).size, 2, "in the colours of two owners");
equal(await traced.getByTestId("legend").locator("li").count(), 2, "with a legend");
await spans.first().focus();
check((await text(traced.getByTestId("why"))).includes(rows.alice[5].title), "a span in focus says whose record it repeats");
await page.keyboard.press("Enter");
equal(await spans.first().getAttribute("aria-pressed"), "true", "and is pinned by a key");
await spans.last().hover();
check((await text(traced.getByTestId("why"))).includes(rows.alice[5].title), "so that the pointer passes by");
await page.keyboard.press("Escape");
await page.mouse.move(0, 0);
await spans.last().hover();
check((await text(traced.getByTestId("why"))).includes(rows.bob[7].title), "then the pointer shows another");
await picture("trace");
await fits("a trace");
calm("datanets");

// --- Ask --------------------------------------------------------------------------------------------

await page.getByRole("link", { name: "Ask", exact: true }).click();
await at("balance").waitFor();
equal(await text(at("balance")), "0 OPEN", "a new account has nothing");
const address = await at("wallet").locator("code").first().getAttribute("title");

// Without a deposit the question is refused in place, with the way out.
await page.getByLabel("Model").selectOption("notes-v1");
await page.getByLabel("Tokens at most").fill("40");
await page.getByLabel("Question").fill(`What is ${rows.alice[0].title}?`);
await at("ask-form").getByRole("button", { name: "Ask" }).click();
await at("exchange").getByRole("alert").waitFor();
check(/deposit/i.test(await text(at("exchange").getByRole("alert"))), "who has no deposit is told so");

await at("deposit-button").click();
await until(async () => (await text(at("deposit"))) === "10 OPEN", "the deposit is made");
equal((await api.get(`/api/accounts/${address}`)).deposited_wei, (10n * 10n ** 18n).toString(), "on the ledger too");
check(/^\d[\d,.]* OPEN$/.test(await text(at("balance"))) && (await text(at("balance"))) !== "0 OPEN", "and a balance is left");

// The text as it stands at every change: it grows, piece by piece.
await page.evaluate(() => {
  window.seen = [];
  new MutationObserver(() => {
    const now = document.querySelector("[data-testid=streamed]")?.textContent ?? "";
    if (now && now !== window.seen.at(-1)) window.seen.push(now);
  }).observe(document.getElementById("main"), { subtree: true, childList: true, characterData: true });
});
await at("ask-form").getByRole("button", { name: "Ask" }).click();
const answered = page.locator("[data-testid=exchange][data-state=done]").filter({ visible: true });
await answered.first().waitFor();
const { receipts } = await api.get("/api/receipts?limit=1");
const receipt = await api.get(`/api/receipts/${receipts[0].hash}`);
equal(receipt.payer.toLowerCase(), address.toLowerCase(), "the browser's account has paid");
const seen = await page.evaluate(() => window.seen);
check(seen.length >= 2 && seen.every((piece, i) => i === 0 || piece.startsWith(seen[i - 1])), `the answer streamed in (${seen.length} steps)`);
check(receipt.answer.startsWith(seen.at(-1).trimEnd()) || seen.at(-1).startsWith(receipt.answer), "and is the receipt's");
equal(await answered.first().getByTestId("attributed").evaluate((node) => node.textContent), receipt.answer, "the attributed answer is the same text");
const marks = await answered.first().locator("[data-testid=attributed] .span").allTextContents();
check(receipt.spans.length > 0 && marks.length > 0, "what was taught is recognised and highlighted");
for (const mark of marks) check(receipt.spans.some((span) => span.text.includes(mark)), `“${mark}” is a span of the receipt`);
await answered.first().getByRole("button", { name: "Verify" }).click();
await until(async () => (await text(answered.first().getByTestId("verify-outcome"))).startsWith("verified"), "the receipt verifies");
equal(receipt.cumulative_wei, receipt.fee_wei, "the first answer's debt is its fee");
await answered.first().locator("[data-testid=attributed] .span").first().hover();
check((await text(answered.first().getByTestId("why"))).includes(receipt.spans[0].matches[0].title), "a highlight names its record");
await picture("ask");
await fits("an answer");

// The base model is free and traced to nobody.
await page.getByLabel("Model").selectOption(status.base);
await at("ask-form").getByRole("button", { name: "Ask" }).click();
await until(async () => (await answered.count()) === 2, "the base model answers");
check((await text(answered.first())).includes("traced to nobody"), "for nothing");

// The key stays in the browser: after a reload it is the same account.
leaving = true;
await page.reload();
leaving = false;
await at("deposit").waitFor();
equal(await at("wallet").locator("code").first().getAttribute("title"), address, "the account outlives a reload");
equal(await text(at("deposit")), "10 OPEN", "with its deposit");
calm("asking");

// --- Training ---------------------------------------------------------------------------------------

await page.getByRole("link", { name: "Training", exact: true }).click();
await at("runs").locator("tbody tr").first().waitFor();
check((await text(at("runs"))).includes("notes-v1 done notes v1"), "the first run is listed");
const entry = (label) => at("run-form").getByLabel(label, { exact: true });
const start = page.getByRole("button", { name: "Start", exact: true });
const inputs = (await api.get("/openapi.json")).paths["/api/runs"].post.requestBody.content["application/json"].schema.properties;
await entry("Name").fill("from-the-console");
equal(await entry("Epochs").getAttribute("placeholder"), String(inputs.epochs.default), "an empty field shows the node's default");
await entry("Epochs").fill("3");
await entry("Rank").fill("4");
await entry("Records").fill("8");

// How to train: by the keyboard alone.
const folded = at("run-form").locator("details");
equal(await entry("Modules").isVisible(), false, "how to train is folded away");
await page.getByText("How to train", { exact: true }).focus();
await page.keyboard.press("Enter");
await page.keyboard.press("Tab");
check(await entry("Modules").evaluate((field) => field === document.activeElement), "unfolded by a key, its first field comes next");
equal(await entry("Modules").getAttribute("placeholder"), inputs.target_modules.default.join(", "), "with its default");
await page.keyboard.type("q_proj, nonsense");
for (const [label, value] of [["LoRA+ ratio", "4"], ["Dropout", "0.1"], ["Batches a step", "2"], ["NEFTune alpha", "5"]]) {
  await entry(label).fill(value);
}
await entry("Ranks by module").fill("v_proj=2\n.*down_proj = 3");
for (const label of ["rsLoRA", "DoRA", "Packing"]) {
  await entry(label).focus();
  await page.keyboard.press("Space");
}
equal(await entry("Schedule").inputValue(), inputs.schedule.default, "a choice begins as the node would choose");
await entry("Schedule").selectOption("linear");
await entry("Quantization").selectOption("q8_0");
await picture("run-form");
await fits("the run's form");

// What the browser refuses is not left folded away; what the node refuses stands at the form, in its words.
await entry("Batches a step").fill("0");
await page.getByText("How to train", { exact: true }).click();
equal(await folded.getAttribute("open"), null, "folded again");
await start.click();
await until(async () => (await folded.getAttribute("open")) !== null, "a field out of its range is shown");
await entry("Batches a step").fill("2");
calm("the run's form");
await start.click();
const refused = at("run-form").getByRole("alert"); // under the field
await refused.waitFor();
check(/^target_modules: "nonsense" is not .*q_proj/.test(await text(refused)), `the node's refusal is shown: ${await text(refused)}`);
equal(await entry("Modules").getAttribute("aria-invalid"), "true", "at the field");
await until(() => entry("Modules").evaluate((field) => field === document.activeElement), "the field is in focus");
equal(troubles.splice(0).filter((each) => !/501/.test(each)).join("\n"), "", "nothing but the refusal");
await picture("run-refused");

await entry("Modules").fill("v_proj, down_proj, lm_head");
await start.click();
await until(async () => (await text(at("run"))).includes("from-the-console"), "the new run is shown");
equal(await refused.count(), 0, "the refusal is gone");
await until(async () => (await at("run").locator("svg polyline").count()) === 1, "its loss is drawn");
await until(async () => (await at("run").getAttribute("data-state")) === "done", "it ends");
const trained = (await api.get("/api/runs")).runs[0];
equal(trained.name, "from-the-console", "it is the newest run of the node");
{
  const { epochs, lora, optimizer, ...how } = trained.config;
  const told = {
    epochs, rank: lora.rank, record_limit: how.record_limit, accumulation: how.accumulation, packing: how.packing, neftune_alpha: how.neftune_alpha,
    quantization: how.quantization, dropout: lora.dropout, rslora: lora.rslora, dora: lora.dora, targets: lora.targets, head: lora.head,
    rank_pattern: lora.rank_pattern, schedule: optimizer.schedule, lora_plus_ratio: optimizer.lora_plus_ratio,
  };
  equal(JSON.stringify(told), JSON.stringify({
    epochs: 3, rank: 4, record_limit: 8, accumulation: 2, packing: true, neftune_alpha: 5, quantization: "q8_0", dropout: 0.1, rslora: true, dora: true,
    targets: ["v_proj", "down_proj"], head: true, rank_pattern: { v_proj: 2, ".*down_proj": 3 }, schedule: "linear", lora_plus_ratio: 4,
  }), "trained as the form says");
  const left = {
    learning_rate: optimizer.learning_rate, seed: how.seed, batch: how.batch_examples, max_tokens: how.max_tokens, minimum_ratio: optimizer.minimum_ratio,
    checkpointing: how.checkpointing,
  };
  for (const [key, value] of Object.entries(left)) equal(value, inputs[key].default, `${key}, left empty, is the node's default`);
}
const facts = await text(at("run-facts"));
for (const what of ["Method DoRA with rsLoRA's scale, rank 4, alpha 8, rank of v_proj 2, .*down_proj 3", "Modules v_proj, down_proj, lm_head",
  "linear to 0.1 of it, B 4 times as fast (LoRA+)", "3 epochs over a sample of 8 records", "2 batches of 4 examples a step",
  "Base quantized to q8_0 while training", "Also packing, dropout 0.1, NEFTune alpha 5"]) {
  check(facts.includes(what), `the run says “${what}”: ${facts}`);
}
await until(async () => (await text(at("loss"))).startsWith(`step ${trained.steps} of ${trained.steps}, loss ${trained.loss_last.toFixed(4)}`),
  "every step was followed");
equal((await at("run").locator("svg polyline").getAttribute("points")).split(" ").length, trained.steps, "the line has every step");
await picture("training");
await fits("a run");
await page.getByText("Register on the ledger").click();
await page.getByLabel("Wallet").fill("bob");
await page.getByRole("button", { name: "Register", exact: true }).click();
await page.getByRole("link", { name: "Ask from-the-console" }).waitFor();
await until(async () => (await text(at("status-models"))) === "2", "the status follows");
calm("training");

// --- Receipts, epochs, claims -----------------------------------------------------------------------

await page.getByRole("link", { name: "Receipts", exact: true }).click();
await at("receipts").locator("tbody tr").first().waitFor();
await at("receipts").getByRole("link").first().click();
await at("receipt").getByTestId("attributed").waitFor();
check(page.url().includes(receipt.hash), "a receipt has an address of its own");
await page.getByRole("button", { name: "Settle open receipts" }).click();
await at("pending").waitFor();
check(await page.getByRole("button", { name: "Finalise" }).isDisabled(), "a pending epoch cannot be final yet");
await picture("pending");
await page.getByRole("button", { name: "past the window" }).click();
await until(async () => page.getByRole("button", { name: "Finalise" }).isEnabled(), "after its window it can");
await page.getByRole("button", { name: "Finalise" }).click();
await until(async () => (await text(at("epochs"))).includes("Epoch 1 finalised"), "the epoch is final");
await until(async () => (await text(at("status-epochs"))) === "1", "the status counts it");
const earner = (await api.get("/api/epochs/1")).rewards[0];
await at("claim").getByLabel("Address").fill(earner.account);
await at("claim").getByRole("button", { name: "Look up" }).click();
await at("due").waitFor();
await at("claim").getByRole("button", { name: "Claim" }).click();
await until(async () => (await api.get(`/api/accounts/${earner.account}`)).claimed_wei === earner.cumulative_wei, "the account is paid");
await until(async () => (await text(at("claim"))).includes("paid to the account"), "which the page says");
await picture("receipts");
await fits("receipts and epochs");
calm("receipts and epochs");

// --- Explorer ---------------------------------------------------------------------------------------

const rpc = async (method, ...params) => {
  const reply = await api.post("/rpc", { jsonrpc: "2.0", id: 1, method, params });
  check(reply.error === undefined, `${method}: ${JSON.stringify(reply.error)}`);
  return reply.result;
};
const contracts = await api.get("/api/contracts");
const lookUp = async (what) => {
  await at("explorer-search").getByRole("textbox").fill(what);
  await at("explorer-search").getByRole("button").click();
};
const alerts = () => page.getByRole("alert").filter({ visible: true });

await page.getByRole("link", { name: "Explorer", exact: true }).click();
const height = Number(await rpc("eth_blockNumber"));
await at("blocks").getByRole("link", { name: `Block ${height}`, exact: true }).waitFor();
equal(await at("blocks").locator("tbody tr").count(), Math.min(10, height + 1), "the latest blocks are listed");
await picture("explorer");

// The deposit that this browser made, from its transaction's hash.
const word = (hex) => `0x${hex.slice(2).toLowerCase().padStart(64, "0")}`;
const [made] = await rpc("eth_getLogs", { fromBlock: "0x0", address: contracts.escrow, topics: [null, word(address)] });
const [sent, paid] = [await rpc("eth_getTransactionByHash", made.transactionHash), await rpc("eth_getTransactionReceipt", made.transactionHash)];
await lookUp(made.transactionHash);
await until(async () => (await text(at("transaction-state"))) === "done", "a transaction is found by its hash");
check(page.url().endsWith(`#/explorer/tx/${made.transactionHash}`), "and has an address of its own");
await until(async () => (await text(at("call"))).startsWith("Calls deposit"), "its call is decoded");
check((await text(at("call"))).includes("host address host of this node"), "with its argument, and whose address that is");
check((await text(at("transaction"))).includes("To InferenceEscrow"), "contracts are named");
check((await text(at("transaction"))).includes("Value 10 OPEN"), "the value");
check((await text(at("event"))).startsWith("Deposited of InferenceEscrow"), "its event is decoded");
check((await at("event").locator("code[title]").evaluateAll((all) => all.map((each) => each.title.toLowerCase()))).includes(address.toLowerCase()),
  "with who paid");
const fee = BigInt(paid.gasUsed) * BigInt(paid.effectiveGasPrice);
check((await at("transaction-fee").locator("[title]").getAttribute("title")).includes(`(${fee} wei)`), "the fee is exact");
await picture("transaction");
await fits("a transaction");

// Its block, and the blocks beside it.
await at("transaction").getByRole("link", { name: String(Number(sent.blockNumber)), exact: true }).click();
await at("block").locator("tbody tr").first().waitFor();
check((await text(at("block"))).includes("deposit"), "the block's transactions say what they do");
equal(await at("block").locator(`code[title="${made.transactionHash}"]`).count(), 1, "the deposit among them");
await picture("block");
await fits("a block");
await at("block").getByRole("link", { name: "Block before" }).click();
await page.getByRole("heading", { name: `Block ${Number(sent.blockNumber) - 1}`, exact: true }).waitFor();
await lookUp("#0");
await page.getByRole("heading", { name: "Block 0", exact: true }).waitFor();
equal(await at("block").getByRole("link", { name: "Block before" }).count(), 0, "nothing is before the first block");
const genesis = await rpc("eth_getBlockByNumber", "0x0", false);
await lookUp(genesis.hash);
await until(async () => page.url().endsWith(`#/explorer/block/${genesis.hash}`), "a block is found by its hash");

// The account, and what its contract knows.
await lookUp(address);
await until(async () => (await text(at("scanned"))).startsWith("In blocks"), "blocks are looked through for an account");
equal(BigInt(await rpc("eth_getBalance", address, "latest")),
  BigInt(/\((\d+) wei\)/.exec(await at("address-balance").locator("[title]").getAttribute("title"))[1]), "its balance is exact");
equal(await text(at("address-nonce")), String(Number(await rpc("eth_getTransactionCount", address, "latest"))), "its nonce");
equal(await text(at("address-code")), "none", "it has no code");
equal(await at("address").locator(`[data-testid=transactions] code[title="${made.transactionHash}"]`).count(), 1, "its deposit is listed");
check((await text(at("address"))).includes("Deposited of InferenceEscrow"), "and the event that names it");
await picture("account");
await fits("an account");
await lookUp(contracts.datanets);
await page.getByRole("heading", { name: "DatanetRegistry", exact: true }).waitFor();
const code = await rpc("eth_getCode", contracts.datanets, "latest");
await until(async () => (await text(at("address-code"))) === `${((code.length - 2) / 2).toLocaleString("en")} bytes`, "a contract has code");
await until(async () => (await text(at("scanned"))).startsWith("In blocks 0 to"), "all blocks of a young ledger are looked through");
const about = await text(at("address"));
for (const what of ["anchorBatch", "publishVersion", "BatchAnchored of DatanetRegistry", "VersionPublished of DatanetRegistry"]) {
  check(about.includes(what), `a contract's page shows ${what}`);
}
check(about.includes("makes a contract"), "and how it was made");

// What is not there, and what is nothing.
await lookUp("twelve");
check(/no block's number/.test(await text(alerts().first())), "what is nothing is said to be nothing");
await lookUp(`0x${"0".repeat(63)}1`);
await until(async () => /neither a transaction nor a block/.test(await text(alerts().first())), "an unknown hash");
await lookUp("123456789");
await until(async () => /no block 123456789 yet/.test(await text(alerts().first())), "a block to come");

// Deposits of an OP chain: they come from layer 1, without a signature. This ledger has none; what such a chain answers
// (OP Stack specification, "Deposits") is put in the place of its answer.
const depositHash = `0x${"de".repeat(32)}`;
const depositor = "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001", l1Block = "0x4200000000000000000000000000000000000015";
const hexOf = (value, bytes) => value.toString(16).padStart(2 * bytes, "0");
const attributes = `0x098999be${hexOf(1, 4)}${hexOf(2, 4)}${hexOf(3, 8)}${hexOf(1700000000, 8)}${hexOf(21000000, 8)}`
  + `${hexOf(6, 32)}${hexOf(7, 32)}${"ab".repeat(32)}${"cd".repeat(32)}${hexOf(8, 4)}${hexOf(9, 8)}`;
const depositAnswers = {
  eth_getTransactionByHash: {
    hash: depositHash, type: "0x7e", blockNumber: "0x1", blockHash: genesis.hash, transactionIndex: "0x0", from: depositor, to: l1Block,
    sourceHash: word("0x77"), mint: "0x0", value: "0x0", gas: "0xf4240", isSystemTx: false, input: attributes, nonce: "0x0", gasPrice: "0x0",
    depositReceiptVersion: "0x1", r: "0x0", s: "0x0", v: "0x0",
  },
  eth_getTransactionReceipt: {
    status: "0x1", gasUsed: "0xb0c4", effectiveGasPrice: "0x0", logs: [], contractAddress: null, depositNonce: "0x2a", depositReceiptVersion: "0x1",
  },
};
const instead = async (handler) => {
  const call = handler.request().postDataJSON();
  const result = call.params?.[0] === depositHash ? depositAnswers[call.method] : undefined;
  await (result === undefined ? handler.fallback() : handler.fulfill({ json: { jsonrpc: "2.0", id: call.id, result } }));
};
await page.route("**/rpc", instead);
await lookUp(depositHash);
await until(async () => (await text(at("transaction"))).includes("deposit from layer 1"), "a deposit shows its type");
const deposited = await text(at("transaction"));
for (const what of ["From L1 attributes depositor", "To L1Block", "Minted 0 OPEN", "Signature none", "Nonce 42", "Fee none", "Source hash",
  "Calls setL1BlockValuesIsthmus", "number uint64 21000000", "operatorFeeConstant uint64 9", "0 events"]) {
  check(deposited.includes(what), `a deposit shows “${what}”: ${deposited}`);
}
await picture("deposit");
await fits("a deposit");
await page.unroute("**/rpc", instead);
calm("the explorer");

// --- Errors, and a node that goes away --------------------------------------------------------------

await page.goto(`${api.url}/#/receipts/0x12`);
await page.getByRole("alert").filter({ visible: true }).first().waitFor();
check(/hash/i.test(await text(page.getByRole("alert").filter({ visible: true }).first())), "an error is shown in place, in the node's words");
await world.node.stop();
await at("unreachable").waitFor();
check((await text(at("unreachable"))).startsWith("The node cannot be reached."), "a node that is gone is missed");
await picture("unreachable");
await browser.close();
done();
