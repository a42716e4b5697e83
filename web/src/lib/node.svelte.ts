// What every section needs to know of the node, asked again every few seconds.
import { api, type Contracts, type Status } from "./api.ts";
import { messageOf } from "./format.ts";

const INTERVAL_MS = 3000;

class NodeState {
  status = $state.raw<Status | null>(null);
  error = $state(""); // why the last look failed; "" while the node answers
  // Rises when the counts on the node have changed: sections that depend on it load again.
  changes = $state(0);
  #contracts: Promise<Contracts> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking: Promise<void> | null = null;

  start(): () => void {
    const onVisible = () => {
      if (!document.hidden) void this.look();
    };
    document.addEventListener("visibilitychange", onVisible);
    void this.look();
    return () => {
      document.removeEventListener("visibilitychange", onVisible);
      clearTimeout(this.#timer);
    };
  }

  // Looks now, e.g. after something was changed here.
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = null));
    return this.#looking;
  }

  async #look(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const before = this.status;
      const now = await api.status();
      this.status = now;
      this.error = "";
      const counts = (s: Status) => [s.datanets, s.records, s.models, s.receipts, s.epochs].join();
      if (!before || counts(before) !== counts(now)) this.changes += 1;
      if (before && before.chain.id !== now.chain.id) this.#contracts = null;
    } catch (error) {
      this.error = messageOf(error);
      this.#contracts = null; // it may come back as another node
    }
    this.#timer = setTimeout(() => {
      if (!document.hidden) void this.look();
    }, INTERVAL_MS);
  }

  contracts(): Promise<Contracts> {
    this.#contracts ??= api.contracts().catch((error: unknown) => {
      this.#contracts = null;
      throw error;
    });
    return this.#contracts;
  }

  // Sections say that they have changed something.
  changed(): void {
    this.changes += 1;
    void this.look();
  }
}

export const node = new NodeState();
