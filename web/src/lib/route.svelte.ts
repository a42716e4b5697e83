// Where the reader is: the address's fragment, e.g. #/datanets/foldoc/records/0x12.

export const SECTIONS = ["datanets", "ask", "training", "receipts", "explorer"] as const;
export type Section = (typeof SECTIONS)[number];

class Route {
  #parts = $state.raw<string[]>(partsOf(location.hash));

  get section(): Section {
    return SECTIONS.find((name) => name === this.#parts[0]) ?? "datanets";
  }
  // What follows the section's name; empty in another section.
  rest(section: Section): string[] {
    return this.section === section ? this.#parts.slice(1) : [];
  }
  start(): () => void {
    const follow = () => (this.#parts = partsOf(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }
  go(...parts: string[]): void {
    location.hash = link(...parts);
  }
}

function partsOf(hash: string): string[] {
  return hash
    .replace(/^#\/?/, "")
    .split("/")
    .filter((part) => part !== "")
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
}

export function link(...parts: string[]): string {
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

export const route = new Route();
