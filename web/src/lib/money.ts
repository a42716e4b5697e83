// OPEN has 18 decimals; amounts are wei in BigInt, never floats.

const UNIT = 10n ** 18n;

// Every digit: "12.000000000000000001".
export function formatExact(wei: bigint): string {
  const sign = wei < 0n ? "-" : "";
  const size = wei < 0n ? -wei : wei;
  const fraction = (size % UNIT).toString().padStart(18, "0").replace(/0+$/, "");
  return `${sign}${group((size / UNIT).toString())}${fraction ? `.${fraction}` : ""}`;
}

// For reading: at most `digits` decimals, cut, never rounded up; a smaller amount than can be shown is
// "<0.000001", not 0.
export function formatOpen(wei: bigint, digits = 6): string {
  const size = wei < 0n ? -wei : wei;
  const step = 10n ** BigInt(18 - digits);
  if (size !== 0n && size < step) {
    return `${wei < 0n ? ">-" : "<"}0.${"0".repeat(digits - 1)}1`;
  }
  const cut = size - (size % step);
  return formatExact(wei < 0n ? -cut : cut);
}

// A price of gas: "1.000000007".
export function formatGwei(wei: bigint): string {
  return formatExact(wei * 10n ** 9n);
}

// "1.5" -> 1500000000000000000n; null when it is no amount of OPEN.
export function parseOpen(text: string): bigint | null {
  const match = /^(\d+)(?:\.(\d{1,18}))?$|^\.(\d{1,18})$/.exec(text.trim());
  if (!match) return null;
  const fraction = match[2] ?? match[3] ?? "";
  return BigInt(match[1] ?? "0") * UNIT + BigInt(fraction.padEnd(18, "0"));
}

function group(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}
