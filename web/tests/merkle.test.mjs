import assert from "node:assert/strict";
import { test } from "node:test";
import { keccak256 } from "viem";
import { load } from "./typescript.mjs";

const { rootOfProof } = await load("merkle");
const node = (a, b) => keccak256(`0x01${a.slice(2)}${b.slice(2)}`);
const leafOf = (i) => keccak256(`0x00${i.toString(16).padStart(2, "0")}`);
const rootOf = (count, top) => keccak256(`0x02${count.toString(16).padStart(64, "0")}${top.slice(2)}`);

// Root and proof from the whole tree, level by level, as docs/formats/merkle.md says it.
function tree(leaves, index) {
  const proof = [];
  let level = leaves;
  for (let at = index; level.length > 1; at = Math.floor(at / 2)) {
    if ((at ^ 1) < level.length) proof.push(level[at ^ 1]);
    const above = [];
    for (let i = 0; i < level.length; i += 2) above.push(i + 1 < level.length ? node(level[i], level[i + 1]) : level[i]);
    level = above;
  }
  return { proof, root: rootOf(leaves.length, level[0]) };
}

test("every leaf of every small tree leads to its root, and to no other", () => {
  for (let count = 1; count <= 20; count += 1) {
    const leaves = Array.from({ length: count }, (_, i) => leafOf(i));
    for (let i = 0; i < count; i += 1) {
      const { proof, root } = tree(leaves, i);
      assert.equal(rootOfProof(keccak256, leaves[i], i, count, proof), root);
      assert.notEqual(rootOfProof(keccak256, leafOf(99), i, count, proof), root);
      assert.notEqual(rootOfProof(keccak256, leaves[i], i, count + 1, proof), root);
      assert.equal(rootOfProof(keccak256, leaves[i], i, count, [...proof, leafOf(0)]), null);
      if (proof.length > 0) assert.equal(rootOfProof(keccak256, leaves[i], i, count, proof.slice(1)), null);
    }
  }
});

test("a place outside the tree is none", () => {
  for (const index of [-1, 3, 0.5, NaN]) assert.equal(rootOfProof(keccak256, leafOf(0), index, 3, []), null);
});
