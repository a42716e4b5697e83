// How values are shown.

export function shorten(hex: string): string {
  return hex.length > 14 ? `${hex.slice(0, 6)}…${hex.slice(-4)}` : hex;
}

export function count(value: number): string {
  return value.toLocaleString("en");
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

// 0 to 1 as percent; a part that is there never reads 0 %, a part that is missing never 100 %.
export function percent(part: number): string {
  if (part > 0 && part < 0.001) return "<0.1 %";
  if (part < 1 && part > 0.999) return ">99.9 %";
  return `${(part * 100).toFixed(part === 0 || part === 1 ? 0 : 1)} %`;
}

export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

export function messageOf(error: unknown): string {
  // viem's errors: the whole one repeats the request.
  const short = (error as { shortMessage?: unknown } | null)?.shortMessage;
  if (typeof short === "string") return short;
  return error instanceof Error ? error.message : String(error);
}
