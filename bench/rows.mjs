// What every benchmark shares: options, rows, and how they are printed.
import { writeFileSync } from "node:fs";

export function options() {
  const out = { json: null, peers: false, rest: [] };
  const args = process.argv.slice(2);
  while (args.length > 0) {
    const arg = args.shift();
    if (arg === "--json") out.json = args.shift();
    else if (arg === "--peers") out.peers = true;
    else out.rest.push(arg);
  }
  return out;
}

// Four digits; whole numbers whole; - where there is none.
const short = (value) => (value === null ? "-" : Number.isInteger(value) ? value : Number(value.toPrecision(4)));

export class Rows {
  rows = [];

  // ours is null where only the peer was measured.
  // bar: {at_least} or {at_most}, of ours (or of the ratio when `of` is "ratio"); met is computed here.
  add({ measure, unit, ours, peer = null, peers = null, bar = null, how }) {
    const ratio = peers === null || !ours ? null : peers / ours;
    let met = null;
    if (bar !== null) {
      const value = bar.of === "ratio" ? ratio : ours;
      if (value !== null) met = bar.at_least !== undefined ? value >= bar.at_least : value <= bar.at_most;
    }
    this.rows.push({ measure, unit, ours, peer, peers, ratio, bar, met, how });
  }

  finish(file) {
    for (const row of this.rows) {
      const bar = row.bar === null ? ""
        : `  bar ${row.bar.of === "ratio" ? "of the ratio " : ""}`
          + `${row.bar.at_least !== undefined ? ">= " + row.bar.at_least : "<= " + row.bar.at_most}`
          + ` ${row.met === null ? "not measured" : row.met ? "met" : "NOT MET"}`;
      const peer = row.peer === null ? "" : `  ${row.peer} ${row.peers === null ? "not available" : short(row.peers)}`;
      const ratio = row.ratio === null ? "" : ` (ratio ${short(row.ratio)})`;
      console.log(`${row.measure.padEnd(36)} ${short(row.ours)} ${row.unit}${peer}${ratio}${bar}`);
    }
    if (file) writeFileSync(file, JSON.stringify(this.rows, null, 2) + "\n");
  }
}
