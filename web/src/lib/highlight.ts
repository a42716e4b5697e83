// From the spans of a trace to pieces of text. Spans count bytes of UTF-8, pages count UTF-16 units.

export interface SpanPlace {
  start_byte: number;
  end_byte: number;
  symbols?: number;
}

export interface Piece {
  text: string;
  span: number | null; // index into the spans; null: nobody's
}

// UTF-16 indices of byte offsets, in the same order. An offset inside a character or past the end means
// the character's begin or the text's end.
export function indicesOfBytes(text: string, offsets: readonly number[]): number[] {
  const order = offsets.map((_, i) => i).sort((a, b) => offsets[a]! - offsets[b]!);
  const out = new Array<number>(offsets.length).fill(text.length);
  let bytes = 0;
  let next = 0;
  for (let i = 0; i < text.length && next < order.length; ) {
    const point = text.codePointAt(i)!;
    const size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    while (next < order.length && offsets[order[next]!]! < bytes + size) {
      out[order[next]!] = i;
      next += 1;
    }
    bytes += size;
    i += point < 0x10000 ? 1 : 2;
  }
  return out;
}

// The text cut where spans begin and end. Where spans overlap, a position belongs to the longest span
// that covers it, and among equals to the leftmost: the rule by which credit was given.
export function pieces(text: string, spans: readonly SpanPlace[]): Piece[] {
  const places = indicesOfBytes(text, spans.flatMap((span) => [span.start_byte, span.end_byte]));
  const begin = (i: number) => places[2 * i]!;
  const end = (i: number) => places[2 * i + 1]!;
  const size = (i: number) => spans[i]!.symbols ?? spans[i]!.end_byte - spans[i]!.start_byte;
  const strongest = spans
    .map((_, i) => i)
    .sort((a, b) => size(b) - size(a) || spans[a]!.start_byte - spans[b]!.start_byte || a - b);
  const cuts = [...new Set([0, ...places, text.length])].sort((a, b) => a - b);
  const out: Piece[] = [];
  for (let i = 0; i + 1 < cuts.length; i += 1) {
    const from = cuts[i]!;
    const to = cuts[i + 1]!;
    const span = strongest.find((s) => begin(s) <= from && to <= end(s)) ?? null;
    add(out, text.slice(from, to), span);
  }
  return out.reduce<Piece[]>((all, piece) => {
    // The white space at a span's end, left over where the next span took the word after it, is nobody's.
    const end = piece.span === null ? piece.text.length : piece.text.trimEnd().length;
    add(all, piece.text.slice(0, end), piece.span);
    add(all, piece.text.slice(end), null);
    return all;
  }, []);
}

function add(to: Piece[], text: string, span: number | null): void {
  const last = to.at(-1);
  if (text === "") return;
  if (last && last.span === span) last.text += text;
  else to.push({ text, span });
}

export interface CreditedSpan {
  matches: readonly { owner: string; credit: number }[];
}

// The owner with the most credit for a span (ties: the first named); "" when nobody is.
export function ownerOfSpan(span: CreditedSpan): string {
  const sums = new Map<string, number>();
  for (const match of span.matches) {
    const owner = match.owner.toLowerCase();
    sums.set(owner, (sums.get(owner) ?? 0) + match.credit);
  }
  let best = "";
  for (const [owner, credit] of sums) {
    if (best === "" || credit > sums.get(best)!) best = owner;
  }
  return best;
}

export interface OwnerShare {
  owner: string; // lower case
  share: number; // 0 to 1
  letter: string; // A, B, ... by falling share
  hue: number; // 0 to 7, index of a colour
  records: number;
}

export const HUES = 8;

// One entry an owner: those with a share by falling share, then those whose spans earned none.
export function ownersOf(
  spans: readonly CreditedSpan[],
  shares: readonly { owner: string; share: number }[],
): OwnerShare[] {
  const found = new Map<string, { share: number; records: number }>();
  for (const { owner, share } of shares) {
    const entry = found.get(owner.toLowerCase()) ?? { share: 0, records: 0 };
    entry.share += share;
    entry.records += 1;
    found.set(owner.toLowerCase(), entry);
  }
  for (const span of spans) {
    for (const { owner } of span.matches) {
      if (!found.has(owner.toLowerCase())) found.set(owner.toLowerCase(), { share: 0, records: 0 });
    }
  }
  return [...found]
    .sort(([, a], [, b]) => b.share - a.share)
    .map(([owner, entry], i) => ({ owner, ...entry, letter: letterOf(i), hue: i % HUES }));
}

// 0 -> A, 25 -> Z, 26 -> AA.
export function letterOf(index: number): string {
  let out = "";
  for (let i = index; i >= 0; i = Math.floor(i / 26) - 1) out = String.fromCharCode(65 + (i % 26)) + out;
  return out;
}
