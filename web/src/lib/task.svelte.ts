// Something asked of the node: whether it is under way, and why it failed.
import { messageOf } from "./format.ts";

export class Task {
  busy = $state(false);
  error = $state("");
  #latest = 0;

  // Runs the work unless a run is under way.
  async run(work: () => Promise<void>): Promise<void> {
    if (!this.busy) await this.restart(work);
  }

  // Runs the work; of an earlier run that is still under way only this one's end counts. The work asks
  // `current` before it keeps what it got.
  async restart(work: (current: () => boolean) => Promise<void>): Promise<void> {
    const mine = ++this.#latest;
    const current = () => mine === this.#latest;
    this.busy = true;
    this.error = "";
    try {
      await work(current);
    } catch (error) {
      if (current()) this.error = messageOf(error);
    }
    if (current()) this.busy = false;
  }
}
