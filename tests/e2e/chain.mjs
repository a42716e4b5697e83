// The embedded chain by itself, used as its clients use it: viem over HTTP and WebSocket, cast and
// forge, requests by hand, good and bad; and everything is there again after a restart.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import http from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { check, done, equal, program, run, sleep, temporary } from "./harness.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const require = createRequire(join(root, "web/package.json"));
const { createPublicClient, createTestClient, createWalletClient, defineChain, http: httpTransport, webSocket,
  parseAbi, parseEther, parseGwei, keccak256, toHex, encodeFunctionData, decodeEventLog, zeroAddress } = require("viem");
const { mnemonicToAccount, privateKeyToAccount } = require("viem/accounts");
// Node has its own from version 22 on.
const WebSocket = globalThis.WebSocket ?? require("ws");
const artifact = (name) => require(join(root, `contracts/out/${name}.sol/${name}.json`));

const folder = temporary();
const chainFolder = join(folder, "chain");

// ---- the program

async function start(args = [], where = chainFolder) {
  const child = spawn(program, ["--json", "chain", "run", "--chain-folder", where, "--port", "0", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  process.on("exit", () => child.kill("SIGKILL"));
  let output = "", errors = "";
  child.stdout.on("data", (data) => (output += data));
  child.stderr.on("data", (data) => (errors += data));
  const exit = new Promise((resolve) => child.on("exit", resolve));
  for (let i = 0; i < 600; ++i) {
    if (child.exitCode !== null) throw new Error(`chain run ended: ${errors}`);
    try {
      const ready = JSON.parse(output);
      return {
        ...ready,
        pid: child.pid,
        stop: async () => { child.kill("SIGTERM"); await exit; return child.exitCode; },
        kill: async () => { child.kill("SIGKILL"); await exit; },
      };
    } catch { /* not all of it yet */ }
    await sleep(25);
  }
  throw new Error(`chain run says nothing: ${errors}`);
}

let node = await start();

// ---- requests by hand

function post(body, { headers = {}, method = "POST", path = "/" } = {}) {
  return new Promise((resolve, reject) => {
    const url = new URL(node.url);
    const request = http.request({
      host: url.hostname, port: url.port, path, method,
      headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body), ...headers },
    }, (response) => {
      let text = "";
      response.on("data", (data) => (text += data));
      response.on("end", () => {
        let json = null;
        try { json = JSON.parse(text); } catch { /* not JSON */ }
        resolve({ status: response.statusCode, headers: response.headers, text, json });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}
let nextId = 1;
async function rpc(method, ...params) {
  const answer = await post(JSON.stringify({ jsonrpc: "2.0", id: nextId++, method, params }));
  equal(answer.status, 200, `${method} answers`);
  if (answer.json.error) {
    const failure = new Error(answer.json.error.message);
    Object.assign(failure, answer.json.error);
    throw failure;
  }
  return answer.json.result;
}
async function refused(code, pattern, method, ...params) {
  const answer = await post(JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }));
  equal(answer.json.error?.code, code, `${method} ${JSON.stringify(params).slice(0, 80)} is refused`);
  check(pattern.test(answer.json.error.message), `${method} says why: ${answer.json.error.message}`);
  return answer.json.error;
}

// ---- clients

const chain = defineChain({
  id: node.chain_id, name: "openledger", nativeCurrency: { name: "OPEN", symbol: "OPEN", decimals: 18 },
  rpcUrls: { default: { http: [node.url] } },
});
let client, wallet, tester;
const accounts = Array.from({ length: 10 }, (_, i) =>
  mnemonicToAccount("test test test test test test test test test test test junk", { addressIndex: i }));
const [alice, bob, carol] = accounts;
function connect() {
  const transport = httpTransport(node.url);
  client = createPublicClient({ chain, transport, pollingInterval: 20 });
  wallet = createWalletClient({ chain, transport, account: alice });
  tester = createTestClient({ chain, transport, mode: "anvil" });
}
connect();
const mined = (hash) => client.waitForTransactionReceipt({ hash });

// ---- what a client asks first

equal(await client.getChainId(), 7777, "chain id");
equal(await rpc("net_version"), "7777", "net_version");
equal(await rpc("net_listening"), true, "net_listening");
equal(await rpc("eth_syncing"), false, "eth_syncing");
check((await rpc("web3_clientVersion")).startsWith("openledger/"), "web3_clientVersion");
equal(await rpc("web3_sha3", "0x68656c6c6f"), keccak256("0x68656c6c6f"), "web3_sha3");
equal(node.accounts.length, 10, "ten known accounts");
equal(node.accounts[0].address, alice.address, "of the mnemonic that everybody knows");
equal((await rpc("eth_accounts")).length, 10, "eth_accounts");
equal(await client.getBalance({ address: bob.address }), parseEther("10000"), "a funded account");
const genesis = await client.getBlock({ blockTag: "earliest" });
equal(genesis.number, 0n, "genesis");
equal(await client.getBlockNumber(), 0n, "nothing has happened yet");

// ---- transactions of every type

let hash = await wallet.sendTransaction({ to: carol.address, value: parseEther("1.5") });
let receipt = await mined(hash);
equal(receipt.status, "success", "a transfer");
equal(receipt.gasUsed, 21000n, "its gas");
equal(receipt.type, "eip1559", "its type");
equal(await client.getBalance({ address: carol.address }), parseEther("10001.5"), "has arrived");
const transfer = await client.getTransaction({ hash });
equal(transfer.from.toLowerCase(), alice.address.toLowerCase(), "who sent it");
equal(transfer.blockNumber, receipt.blockNumber, "where it stands");
const block = await client.getBlock({ blockNumber: receipt.blockNumber, includeTransactions: true });
equal(block.transactions.length, 2, "the L1 attributes and the transfer");
equal(block.transactions[0].typeHex, "0x7e", "a block begins with a deposit");
equal(block.transactions[1].hash, hash, "then the transfer");
const rawReceipt = await rpc("eth_getTransactionReceipt", hash);
check("l1Fee" in rawReceipt && "l1GasUsed" in rawReceipt, "the receipt names the L1 fee");
const depositReceipt = await rpc("eth_getTransactionReceipt", block.transactions[0].hash);
check("depositNonce" in depositReceipt && depositReceipt.depositReceiptVersion === "0x1", "a deposit's receipt");
equal((await rpc("eth_getBlockReceipts", toHex(receipt.blockNumber))).length, 2, "eth_getBlockReceipts");

hash = await wallet.sendTransaction({ to: carol.address, value: 1n, gasPrice: parseGwei("3"), type: "legacy" });
equal((await mined(hash)).type, "legacy", "a legacy transaction");
hash = await wallet.sendTransaction({ to: carol.address, value: 1n, gasPrice: parseGwei("3"), type: "eip2930",
  accessList: [{ address: carol.address, storageKeys: [toHex(1n, { size: 32 })] }] });
receipt = await mined(hash);
equal(receipt.type, "eip2930", "an access list");
equal(receipt.gasUsed, 21000n + 2400n + 1900n, "costs its entries");

// ---- a contract: deployment, calls, events, reverts

const token = artifact("WrappedOpen");
const abi = token.abi;
hash = await wallet.deployContract({ abi, bytecode: token.bytecode.object });
receipt = await mined(hash);
const address = receipt.contractAddress;
check(address, "a contract was made");
equal((await client.getCode({ address })).toLowerCase(), token.deployedBytecode.object.toLowerCase(), "its code");
hash = await wallet.writeContract({ address, abi, functionName: "deposit", value: parseEther("2") });
receipt = await mined(hash);
equal(receipt.logs.length, 1, "an event");
const event = decodeEventLog({ abi, ...receipt.logs[0] });
equal(event.eventName, "Deposit", "its name");
equal(event.args.amount, parseEther("2"), "its amount");
equal(await client.readContract({ address, abi, functionName: "balanceOf", args: [alice.address] }), parseEther("2"),
  "eth_call");
let failure = await client.simulateContract({ address, abi, functionName: "withdraw", args: [parseEther("3")],
  account: bob }).then(() => null, (error) => error);
check(/BalanceTooLow/.test(String(failure)), "viem decodes the custom error of a revert");
const reverted = await refused(3, /^execution reverted/, "eth_call", { from: bob.address, to: address,
  data: encodeFunctionData({ abi, functionName: "withdraw", args: [1n] }) }, "latest");
check(reverted.data.startsWith("0x") && reverted.data.length > 10, "with its data");
await refused(3, /^execution reverted/, "eth_estimateGas", { from: bob.address, to: address,
  data: encodeFunctionData({ abi, functionName: "withdraw", args: [1n] }) });
failure = await createWalletClient({ chain, transport: httpTransport(node.url), account: bob })
  .writeContract({ address, abi, functionName: "withdraw", args: [1n], gas: 100000n });
receipt = await mined(failure);
equal(receipt.status, "reverted", "a transaction that fails is in a block and says so");

// Estimates suffice and are not far above what is used.
const estimate = await client.estimateContractGas({ address, abi, functionName: "transfer",
  args: [bob.address, 5n], account: alice });
hash = await wallet.writeContract({ address, abi, functionName: "transfer", args: [bob.address, 5n], gas: estimate });
receipt = await mined(hash);
equal(receipt.status, "success", "the estimate suffices");
check(estimate <= (receipt.gasUsed * 110n) / 100n, `estimate ${estimate} for ${receipt.gasUsed}`);
equal(await client.estimateGas({ account: alice, to: bob.address, value: 1n }), 21000n, "a transfer's estimate");
const list = await client.createAccessList({ account: alice.address, to: address,
  data: encodeFunctionData({ abi, functionName: "transfer", args: [bob.address, 1n] }) });
equal(list.accessList[0].storageKeys.length, 2, "eth_createAccessList finds both balances");

// Overrides.
const overridden = await client.call({ to: address, account: carol.address,
  data: encodeFunctionData({ abi, functionName: "balanceOf", args: [alice.address] }),
  stateOverride: [{ address, code: "0x60aa60005260206000f3" }] });
equal(BigInt(overridden.data), 0xaan, "code overridden for one call");
const blockNumber = await rpc("eth_call", { data: "0x4360005260206000f3" }, "latest", {}, { number: "0x1234" });
equal(BigInt(blockNumber), 0x1234n, "a block's number overridden for one call");

// ---- state and proofs

const slot = keccak256(("0x" + alice.address.slice(2).toLowerCase().padStart(64, "0") + "0".padStart(64, "0")));
const stored = await client.getStorageAt({ address, slot });
equal(BigInt(stored), parseEther("2") - 5n, "eth_getStorageAt");
const proof = await client.getProof({ address, storageKeys: [slot] });
equal(proof.storageProof[0].value, parseEther("2") - 5n, "eth_getProof's value");
equal(keccak256(proof.accountProof[0]), (await client.getBlock()).stateRoot, "the proof begins at the state's root");
equal(keccak256(proof.storageProof[0].proof[0]), proof.storageHash, "and the slot's at the account's");

// ---- logs and filters

const logs = await client.getLogs({ address, fromBlock: 0n, toBlock: "latest" });
check(logs.length >= 2, "eth_getLogs");
equal((await client.getLogs({ address, event: parseAbi(["event Deposit(address indexed to, uint256 amount)"])[0],
  args: { to: bob.address }, fromBlock: 0n })).length, 0, "topics are looked at");
await refused(-32602, /invalid block range/, "eth_getLogs", { fromBlock: "0x5", toBlock: "0x4" });
const blockFilter = await rpc("eth_newBlockFilter");
const logFilter = await rpc("eth_newFilter", { address });
const pendingFilter = await rpc("eth_newPendingTransactionFilter");
hash = await wallet.writeContract({ address, abi, functionName: "deposit", value: 7n });
receipt = await mined(hash);
equal((await rpc("eth_getFilterChanges", blockFilter)).join(), receipt.blockHash, "a block filter");
equal((await rpc("eth_getFilterChanges", logFilter))[0].transactionHash, hash, "a log filter");
equal((await rpc("eth_getFilterChanges", logFilter)).length, 0, "what was told is told once");
equal((await rpc("eth_getFilterChanges", pendingFilter)).join(), hash, "a filter of pending transactions");
check((await rpc("eth_getFilterLogs", logFilter)).length >= 1, "eth_getFilterLogs");
equal(await rpc("eth_uninstallFilter", logFilter), true, "uninstalled");
equal(await rpc("eth_uninstallFilter", logFilter), false, "once");
await refused(-32000, /filter not found/, "eth_getFilterChanges", logFilter);

// ---- WebSocket

const socketClient = createPublicClient({ chain, transport: webSocket(node.websocket, { reconnect: false }) });
const heads = [], seen = [], pending = [];
const unwatch = [
  socketClient.watchBlocks({ onBlock: (each) => heads.push(each.number) }),
  socketClient.watchContractEvent({ address, abi, eventName: "Deposit", onLogs: (each) => seen.push(...each) }),
  socketClient.watchPendingTransactions({ onTransactions: (each) => pending.push(...each) }),
];
await sleep(200);
hash = await wallet.writeContract({ address, abi, functionName: "deposit", value: 8n });
receipt = await mined(hash);
for (let i = 0; i < 100 && (heads.length < 1 || seen.length < 1 || pending.length < 1); ++i) await sleep(20);
equal(heads.at(-1), receipt.blockNumber, "newHeads");
equal(seen[0].args.amount, 8n, "logs");
equal(pending[0], hash, "newPendingTransactions");
equal(await socketClient.getBlockNumber(), receipt.blockNumber, "other methods over WebSocket");
unwatch.forEach((stop) => stop());
await sleep(50);
const before = heads.length;
await rpc("evm_mine");
await sleep(100);
equal(heads.length, before, "eth_unsubscribe");
(await socketClient.transport.getRpcClient()).close();

{
  const { WebSocket } = require("ws"); // viem's
  const socket = new WebSocket(node.websocket);
  await new Promise((resolve) => socket.on("open", resolve));
  const next = () => new Promise((resolve) => socket.once("message", (data) => resolve(JSON.parse(data))));
  const say = (text) => { const answer = next(); socket.send(text); return answer; };
  equal((await say(JSON.stringify({ id: 1, method: "eth_subscribe", params: ["nonsense"] }))).error.code, -32601,
    "an unknown subscription");
  equal((await say("nonsense")).error.code, -32700, "nonsense over WebSocket");
  equal((await say(JSON.stringify([{ id: 1, method: "eth_chainId" }, { id: 2, method: "net_version" }]))).length, 2,
    "a batch over WebSocket");
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.on("error", () => {});
  socket.send("x".repeat(16 << 20));
  // The goodbye (1009) may be lost behind what the client still sends.
  check([1009, 1006].includes(await closed), "a message that is too large");
  const stranger = new WebSocket(node.websocket, { origin: "https://evil.example" });
  equal(await new Promise((resolve) => stranger.on("unexpected-response", (_, response) => resolve(response.statusCode))),
    403, "another site's page");
}
await refused(-32601, /WebSocket/, "eth_subscribe", "newHeads");

// A flood of subscriptions: limits a connection and of all, everything told to who reads, an end to who does not.
{
  const { WebSocket } = require("ws");
  const each = 128, most = 4096;
  const sockets = [];
  const open = async () => {
    const socket = new WebSocket(node.websocket);
    await new Promise((resolve, reject) => { socket.on("open", resolve); socket.on("error", reject); });
    const it = { socket, answers: [], told: 0, ended: new Promise((resolve) => socket.on("close", resolve)) };
    socket.on("message", (data) => {
      if (data.includes("eth_subscription")) ++it.told;
      else it.answers.push(JSON.parse(data));
    });
    sockets.push(it);
    return it;
  };
  const until = async (holds, what) => {
    for (let i = 0; i < 1000 && !holds(); ++i) await sleep(20);
    check(holds(), what);
  };
  const subscribe = async (it, count) => {
    const had = it.answers.length;
    for (let id = 1; id <= count; ++id) it.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method: "eth_subscribe", params: ["newHeads"] }));
    await until(() => it.answers.length === had + count, "an answer to each");
    return it.answers.slice(had);
  };
  const refusals = (answers) => answers.filter((answer) => answer.error);
  const greedy = refusals(await subscribe(await open(), each + 1));
  equal(greedy.length, 1, "one subscription too many for a connection");
  equal(greedy[0].error.code, -32005, "its code");
  check(/128/.test(greedy[0].error.message), `names the limit: ${greedy[0].error.message}`);
  for (let i = 1; i < most / each; ++i) equal(refusals(await subscribe(await open(), each)).length, 0, "as many as are allowed");
  const late = refusals(await subscribe(await open(), 1));
  equal(late[0]?.error.code, -32005, "one too many of all");
  for (let i = 0; i < 3; ++i) await rpc("evm_mine");
  await until(() => sockets.every(({ told }, i) => told === (i < most / each ? 3 * each : 0)), "every head to every subscription");
  const [reader, sleeper, ...others] = sockets;
  others.forEach(({ socket }) => socket.close());
  await Promise.all(others.map(({ ended }) => ended));
  sleeper.socket.on("error", () => {});
  sleeper.socket._socket.pause();
  for (let i = 0; i < 150; ++i) await rpc("evm_mine");
  await until(() => reader.told === 153 * each, "who reads is told all, beside one who does not");
  const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${node.pid}/status`, "utf8"))[1]) / 1024;
  check(resident < 300, `memory stays bounded: ${Math.round(resident)} MiB`);
  sleeper.socket._socket.resume();
  await sleeper.ended;
  check(sleeper.told < reader.told, "who does not read is cut off");
  const again = await open();
  equal(refusals(await subscribe(again, 1)).length, 0, "room again after they have gone");
  again.socket.close();
  reader.socket.close();
}

// ---- prices and the pool

const history = await client.getFeeHistory({ blockCount: 4, rewardPercentiles: [10, 50, 90] });
equal(history.baseFeePerGas.length, 5, "eth_feeHistory knows the next block's base fee");
equal(history.reward.length, 4, "and the tips");
const fees = await client.estimateFeesPerGas();
check(fees.maxFeePerGas > 0n, "fees are estimated");
check(BigInt(await rpc("eth_gasPrice")) >= BigInt(await rpc("eth_maxPriorityFeePerGas")), "eth_gasPrice");
equal(await rpc("eth_blobBaseFee"), "0x1", "eth_blobBaseFee");

await tester.setAutomine(false);
const waiting = await wallet.sendTransaction({ to: bob.address, value: 1n, nonce: await client.getTransactionCount({ address: alice.address }) });
equal((await rpc("txpool_status")).pending, "0x1", "txpool_status");
const content = await rpc("txpool_content");
equal(Object.values(Object.values(content.pending)[0])[0].hash, waiting, "txpool_content");
check(/wei \+ 21000 gas/.test(Object.values(Object.values((await rpc("txpool_inspect")).pending)[0])[0]), "txpool_inspect");
equal(Object.keys((await rpc("txpool_contentFrom", alice.address)).pending).length, 1, "txpool_contentFrom");
const counted = await client.getTransactionCount({ address: alice.address });
equal(await client.getTransactionCount({ address: alice.address, blockTag: "pending" }), counted + 1, "pending nonce");
equal((await rpc("eth_getTransactionByHash", waiting)).blockHash, null, "a transaction that waits has no block");
failure = await wallet.sendTransaction({ to: bob.address, value: 2n, nonce: counted }).then(() => null, String);
check(/underpriced/.test(failure), "a replacement must pay more");
const replacing = await wallet.sendTransaction({ to: bob.address, value: 2n, nonce: counted,
  maxFeePerGas: parseGwei("40"), maxPriorityFeePerGas: parseGwei("2") });
await tester.mine({ blocks: 1 });
equal((await mined(replacing)).status, "success", "the replacement");
equal(await rpc("eth_getTransactionReceipt", waiting), null, "what it replaced is gone");
await tester.setAutomine(true);
failure = await wallet.sendTransaction({ to: bob.address, value: 1n, nonce: 0 }).then(() => null, String);
check(/nonce/i.test(failure) && /lower than/.test(failure), "viem understands 'nonce too low'");
const poor = privateKeyToAccount(keccak256("0x01"));
failure = await createWalletClient({ chain, transport: httpTransport(node.url), account: poor })
  .sendTransaction({ to: bob.address, value: 1n, gas: 21000n }).then(() => null, String);
check(/exceeds the balance|insufficient funds/.test(failure), "viem understands 'insufficient funds'");

// ---- development

const snapshot = await tester.snapshot();
await tester.setBalance({ address: poor.address, value: parseEther("3") });
equal(await client.getBalance({ address: poor.address }), parseEther("3"), "setBalance");
await tester.setCode({ address: carol.address, bytecode: "0x60015f5260205ff3" });
equal(BigInt((await client.call({ to: carol.address })).data), 1n, "setCode");
await tester.setStorageAt({ address, index: 9, value: toHex(77n, { size: 32 }) });
equal(BigInt(await client.getStorageAt({ address, slot: toHex(9) })), 77n, "setStorageAt");
await tester.setNonce({ address: poor.address, nonce: 41 });
equal(await client.getTransactionCount({ address: poor.address }), 41, "setNonce");
const then = (await client.getBlock()).timestamp;
await tester.increaseTime({ seconds: 86400 });
await tester.mine({ blocks: 1 });
check((await client.getBlock()).timestamp >= then + 86400n, "increaseTime");
const later = (await client.getBlock()).timestamp + 1000n;
await tester.setNextBlockTimestamp({ timestamp: later });
await tester.mine({ blocks: 3, interval: 10 });
equal((await client.getBlock()).timestamp, later + 20n, "setNextBlockTimestamp, mine with an interval");
await tester.impersonateAccount({ address });
hash = await createWalletClient({ chain, transport: httpTransport(node.url) })
  .sendTransaction({ account: address, to: bob.address, value: 3n, gas: 50000n });
receipt = await mined(hash);
equal(receipt.from.toLowerCase(), address.toLowerCase(), "an impersonated account sends");
equal(receipt.status, "success", "and is paid for");
await tester.stopImpersonatingAccount({ address });
await refused(-32000, /unknown account/, "eth_sendTransaction", { from: address, to: bob.address });
await tester.revert({ id: snapshot });
equal(await client.getBalance({ address: poor.address }), 0n, "revert takes everything back");
equal(await client.getCode({ address: carol.address }), undefined, "code too");
hash = await rpc("eth_sendTransaction", { from: bob.address, to: carol.address, value: "0x5" });
equal((await mined(hash)).status, "success", "an unlocked account sends without a key");
equal(await rpc("personal_sign", toHex("hi"), bob.address), await bob.signMessage({ message: "hi" }), "personal_sign");
const synced = await rpc("eth_sendRawTransactionSync", await alice.signTransaction({ chainId: 7777, type: "eip1559",
  nonce: await client.getTransactionCount({ address: alice.address }), to: bob.address, value: 1n, gas: 21000n,
  maxFeePerGas: parseGwei("20"), maxPriorityFeePerGas: 1n }));
equal(synced.status, "0x1", "eth_sendRawTransactionSync answers with the receipt");

// EIP-7702: an account that runs a contract's code.
const authorization = await wallet.signAuthorization({ contractAddress: address, executor: "self" });
hash = await wallet.sendTransaction({ to: alice.address, value: 0n, authorizationList: [authorization],
  data: encodeFunctionData({ abi, functionName: "symbol" }) });
receipt = await mined(hash);
equal(receipt.type, "eip7702", "a set-code transaction");
equal((await client.getCode({ address: alice.address })).toLowerCase(), "0xef0100" + address.slice(2).toLowerCase(), "delegates");
equal((await rpc("eth_getTransactionByHash", hash)).authorizationList.length, 1, "with its authorization");

// ---- traces

hash = await createWalletClient({ chain, transport: httpTransport(node.url), account: bob })
  .writeContract({ address, abi, functionName: "deposit", value: 9n });
receipt = await mined(hash);
const steps = await rpc("debug_traceTransaction", hash, { enableMemory: true });
equal(BigInt(steps.gas), receipt.gasUsed, "a trace's gas is the receipt's");
equal(steps.failed, false, "it succeeded");
check(steps.structLogs.some((each) => each.op === "SSTORE" && each.storage), "struct logs show the storage");
check(steps.structLogs.at(-1).op === "STOP" || steps.structLogs.at(-1).op === "RETURN", "to the last instruction");
equal((await rpc("debug_traceTransaction", hash, { limit: 5 })).structLogs.length, 5, "limit");
const calls = await rpc("debug_traceTransaction", hash, { tracer: "callTracer", tracerConfig: { withLog: true } });
equal(calls.type, "CALL", "callTracer");
equal(calls.logs.length, 1, "withLog");
equal(BigInt(calls.gasUsed), receipt.gasUsed, "its gas");
const prestate = await rpc("debug_traceTransaction", hash, { tracer: "prestateTracer" });
check(prestate[bob.address.toLowerCase()] && prestate[address.toLowerCase()].storage, "prestateTracer");
const difference = await rpc("debug_traceTransaction", hash, { tracer: "prestateTracer", tracerConfig: { diffMode: true } });
equal(BigInt(difference.post[address.toLowerCase()].balance) - BigInt(difference.pre[address.toLowerCase()].balance), 9n,
  "diffMode shows what changed");
equal(Object.keys(await rpc("debug_traceTransaction", hash, { tracer: "4byteTracer" })).join(), "0xd0e30db0-0", "4byteTracer");
equal((await rpc("debug_traceBlockByNumber", toHex(receipt.blockNumber), { tracer: "callTracer" })).length, 2, "a block's trace");
equal((await rpc("debug_traceBlockByHash", receipt.blockHash, { tracer: "noopTracer" })).length, 2, "by its hash");
const called = await rpc("debug_traceCall", { from: carol.address, to: address,
  data: encodeFunctionData({ abi, functionName: "withdraw", args: [1n] }) }, "latest", { tracer: "callTracer" });
equal(called.error, "execution reverted", "a call's trace says that it fails");
await refused(-32602, /tracer 'x' not found/, "debug_traceTransaction", hash, { tracer: "x" });
const rawBlock = await rpc("debug_getRawBlock", toHex(receipt.blockNumber));
check(rawBlock.length > 1000, "debug_getRawBlock");
equal(keccak256(await rpc("debug_getRawHeader", toHex(receipt.blockNumber))), receipt.blockHash, "debug_getRawHeader");
equal(keccak256(await rpc("debug_getRawTransaction", hash)), hash, "debug_getRawTransaction");
equal((await rpc("debug_getRawReceipts", toHex(receipt.blockNumber))).length, 2, "debug_getRawReceipts");

// ---- bad requests

await refused(-32601, /does not exist/, "eth_nonsense");
await refused(-32602, /eth_getBalance: params\[0\]: expected 20 bytes, got 1/, "eth_getBalance", "0x12");
await refused(-32602, /eth_call: params\[0\]\.to: expected 20 bytes/, "eth_call", { to: "0x12" });
await refused(-32602, /missing value/, "eth_getBalance");
await refused(-32602, /too many arguments/, "eth_chainId", 1);
await refused(-32000, /header not found/, "eth_getBalance", alice.address, "0xffffff");
equal(await rpc("eth_getBlockByNumber", "0xffffff", false), null, "a block that is not there");
equal(await rpc("eth_getTransactionByHash", "0x" + "00".repeat(32)), null, "a transaction that is not there");
for (const [body, code] of [["", -32700], ["{", -32700], ["nonsense", -32700], ["[]", -32600], ["5", -32600], ["{}", -32600]]) {
  equal((await post(body)).json.error.code, code, `body '${body}'`);
}
equal((await post("[".repeat(100000) + "]".repeat(100000))).json.error.code, -32700, "deep JSON");
const batch = await post(JSON.stringify([
  { id: 1, method: "eth_chainId" }, { id: 2, method: "eth_nonsense" }, 5, { id: 3, method: "net_version", params: [] }]));
equal(batch.json.map((each) => each.result ?? each.error.code).join(), "0x1e61,-32601,-32600,7777", "a batch");
equal((await post(JSON.stringify(Array.from({ length: 1001 }, (_, id) => ({ id, method: "eth_chainId" }))))).json.error.code,
  -32600, "too many calls at once");
const huge = await post("x".repeat(33 << 20)).catch((error) => ({ status: error.code }));
check(huge.status === 413 || huge.status === "ECONNRESET" || huge.status === "EPIPE", `a huge body: ${huge.status}`);
equal((await post("{}", { headers: { "content-type": "text/plain" } })).status, 415, "another content type");
equal((await post("{}", { method: "PUT" })).status, 405, "another method");
equal((await post("", { method: "GET" })).status, 200, "GET is for health checks");
equal((await post("{}", { headers: { host: "evil.example" } })).status, 403, "another host's name");
equal((await post("{}", { headers: { origin: "https://evil.example" } })).status, 403, "another site's page");
const preflight = await post("", { method: "OPTIONS", headers: { origin: "http://localhost:5173" } });
equal(preflight.headers["access-control-allow-origin"], "http://localhost:5173", "pages of this machine may call");
equal(await client.getChainId(), 7777, "and the node goes on");

// ---- cast and forge

const tool = (name, args, options = {}) => {
  const result = spawnSync(join(root, "contracts/node_modules/.bin", name), args, {
    encoding: "utf8", cwd: join(root, "contracts"), timeout: 240000, ...options });
  equal(result.status, 0, `${name} ${args[0]}: ${result.stderr}`);
  return result.stdout.trim();
};
const key = node.accounts[4].key;
equal(tool("cast", ["chain-id", "--rpc-url", node.url]), "7777", "cast chain-id");
equal(tool("cast", ["balance", carol.address, "--rpc-url", node.url]), String(await client.getBalance({ address: carol.address })), "cast balance");
const cast = JSON.parse(tool("cast", ["send", address, "deposit()", "--value", "11", "--private-key", key, "--rpc-url", node.url, "--json"]));
equal(cast.status, "0x1", "cast send");
equal(tool("cast", ["call", address, "balanceOf(address)(uint256)", node.accounts[4].address, "--rpc-url", node.url]), "11", "cast call");
check(/^(true|1)/.test(tool("cast", ["receipt", cast.transactionHash, "status", "--rpc-url", node.url])), "cast receipt");
{
  // Foundry reads deposits on chains alone whose id it knows as the OP Stack's.
  const known = await start(["--chain-id", "10"], join(folder, "known"));
  const sent = JSON.parse(tool("cast", ["send", bob.address, "--value", "1", "--private-key", key, "--rpc-url", known.url, "--json"]));
  check(/successfully executed/.test(tool("cast", ["run", sent.transactionHash, "--rpc-url", known.url])),
    "cast run executes a block again to the same end");
  await known.stop();
}
const created = JSON.parse(tool("forge", ["create", "src/predeploys/WrappedOpen.sol:WrappedOpen", "--broadcast", "--json",
  "--private-key", key, "--rpc-url", node.url]));
equal((await client.getCode({ address: created.deployedTo })).toLowerCase(), token.deployedBytecode.object.toLowerCase(), "forge create");
// A project of its own: forge would compile all of ours again for a script elsewhere.
const project = join(folder, "project");
mkdirSync(join(project, "src"), { recursive: true });
cpSync(join(root, "contracts/src/predeploys/WrappedOpen.sol"), join(project, "src/WrappedOpen.sol"));
writeFileSync(join(project, "foundry.toml"), `[profile.default]
solc = "${join(root, "contracts/tools/solc")}"
offline = true
evm_version = "prague"
libs = []
`);
writeFileSync(join(project, "src/Deploy.s.sol"), `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;
import {WrappedOpen} from "./WrappedOpen.sol";
interface Vm { function startBroadcast() external; function stopBroadcast() external; }
contract Deploy {
    Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    function run() external {
        vm.startBroadcast();
        WrappedOpen made = new WrappedOpen();
        made.deposit{value: 12}();
        vm.stopBroadcast();
    }
}
`);
for (const how of [["--private-key", key], ["--unlocked", "--sender", node.accounts[5].address]]) {
  const output = tool("forge", ["script", "src/Deploy.s.sol:Deploy", "--root", project, "--broadcast", "--slow",
    "--rpc-url", node.url, ...how], { cwd: project });
  check(/ONCHAIN EXECUTION COMPLETE/.test(output), `forge script ${how[0]}: ${output.slice(-400)}`);
}

// ---- another library

try {
  const { ethers } = require("ethers");
  const provider = new ethers.JsonRpcProvider(node.url, 7777, { staticNetwork: true, polling: true, pollingInterval: 20 });
  const signer = new ethers.Wallet(node.accounts[6].key, provider);
  const contract = new ethers.Contract(address, abi, signer);
  const sent = await contract.deposit({ value: 13n });
  const got = await sent.wait();
  equal(got.status, 1, "ethers sends");
  equal(await contract.balanceOf(signer.address), 13n, "and reads");
  const why = await contract.withdraw.staticCall(99n).then(() => null, (error) => error);
  equal(why.revert?.name, "BalanceTooLow", "and decodes errors");
  provider.destroy();
} catch (error) {
  if (error.code !== "MODULE_NOT_FOUND") throw error;
  console.log("ethers is not installed: left out");
}

// ---- a restart keeps everything

const head = await client.getBlock();
const balance = await client.getBalance({ address: alice.address });
equal(await node.stop(), 0, "stops when asked");
const info = run(folder, ["chain", "info"]).value;
equal(BigInt(info.head.number), head.number, "chain info");
equal(info.head.hash, head.hash, "the head's hash");
equal(run(folder, ["chain", "verify"]).value.verified, true, "chain verify");
node = await start();
connect();
const again = await client.getBlock();
equal(again.hash, head.hash, "the head after a restart");
equal(await client.getBalance({ address: alice.address }), balance, "balances");
equal((await client.getTransactionReceipt({ hash })).blockHash, receipt.blockHash, "receipts");
equal((await client.getLogs({ address, fromBlock: 0n, toBlock: head.number })).length > 3, true, "logs");
hash = await wallet.sendTransaction({ to: carol.address, value: 1n });
equal((await mined(hash)).status, "success", "and it goes on");
await node.kill();
node = await start();
connect();
equal((await client.getTransactionReceipt({ hash })).status, "success", "after SIGKILL too");
await node.stop();

// ---- export, import, rewind

const number = Number(run(folder, ["chain", "info"]).value.head.number);
const exported = run(folder, ["chain", "export", join(folder, "blocks.rlp"), "--last", "3"]).value;
equal(exported.last, 3, "chain export");
equal(run(folder, ["chain", "import", join(folder, "blocks.rlp")]).value.known, 4, "chain import knows its own blocks");
equal(run(folder, ["chain", "rewind", String(number - 2)]).value.head, number - 2, "chain rewind");
equal(Number(run(folder, ["chain", "info"]).value.head.number), number - 2, "and stays there");
writeFileSync(join(folder, "broken.rlp"), Buffer.from("f90100", "hex"));
const broken = run(folder, ["chain", "import", join(folder, "broken.rlp")], { allowFailure: true });
equal(broken.status, 1, "a broken file");
check(/offset 0/.test(broken.stderr), `says where: ${broken.stderr}`);

done();
process.exit(); // viem's WebSocket would go on trying to connect
