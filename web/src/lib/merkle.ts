// Merkle proofs as in docs/formats/merkle.md: node = keccak(1 | left | right), the last node of an odd
// level rises unchanged, root = keccak(2 | count | top).

export type Hash = `0x${string}`;

// The root that a leaf and its siblings lead to; null when there are too few or too many siblings, or
// the leaf lies outside the tree.
export function rootOfProof(
  keccak: (data: Hash) => Hash,
  leaf: Hash,
  index: number,
  count: number,
  proof: readonly Hash[],
): Hash | null {
  if (!Number.isSafeInteger(index) || index < 0 || index >= count) return null;
  let top = leaf;
  let used = 0;
  let at = index;
  for (let width = count; width > 1; width = Math.ceil(width / 2)) {
    const rises = at === width - 1 && width % 2 === 1;
    if (!rises) {
      const sibling = proof[used];
      if (sibling === undefined) return null;
      used += 1;
      top = at % 2 === 1 ? keccak(join("01", sibling, top)) : keccak(join("01", top, sibling));
    }
    at = Math.floor(at / 2);
  }
  if (used !== proof.length) return null;
  return keccak(join("02", `0x${count.toString(16).padStart(64, "0")}`, top));
}

function join(tag: string, left: Hash, right: Hash): Hash {
  return `0x${tag}${left.slice(2)}${right.slice(2)}`;
}
