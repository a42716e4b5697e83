// The browser's account with what the node says of it.
import type { PrivateKeyAccount } from "viem/accounts";
import { api, type Account, type Quote, type Receipt } from "./api.ts";
import { node } from "./node.svelte.ts";
import { deposit, forgetAccount, openAccount } from "./wallet.ts";

class AccountState {
  key = $state.raw<PrivateKeyAccount>(openAccount());
  info = $state.raw<Account | null>(null);
  owed = $state.raw<bigint | null>(null); // promised in all; known after the first quote or receipt

  get deposited(): bigint {
    return BigInt(this.info?.deposited_wei ?? 0);
  }
  // What further answers can be paid from.
  get left(): bigint {
    const redeemed = BigInt(this.info?.redeemed_wei ?? 0);
    const used = this.owed !== null && this.owed > redeemed ? this.owed : redeemed;
    return this.deposited > used ? this.deposited - used : 0n;
  }

  async refresh(): Promise<void> {
    this.info = await api.account(this.key.address);
  }
  async fund(): Promise<void> {
    await api.fund(this.key.address);
  }
  async deposit(wei: bigint): Promise<void> {
    await deposit(this.key, await node.contracts(), wei);
    await this.refresh();
  }
  learn(from: Quote | Receipt): void {
    this.owed = BigInt("owed_wei" in from ? from.owed_wei : from.cumulative_wei);
  }
  forget(): void {
    forgetAccount();
    this.key = openAccount();
    this.info = null;
    this.owed = null;
  }
}

export const account = new AccountState();
