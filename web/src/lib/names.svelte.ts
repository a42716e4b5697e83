// The address book of the ledger that the node is on, for every part of the explorer.
import { AddressBook } from "./decode.ts";
import { node } from "./node.svelte.ts";

class Names {
  book = $state.raw(new AddressBook(null));

  async load(): Promise<void> {
    this.book = new AddressBook(await node.contracts());
  }
}

export const names = new Names();
