// The interfaces of our contracts, as the compiler wrote them (vite.config.ts reads them from contracts/out).
declare module "virtual:abis" {
  import type { Abi } from "viem";
  const abis: Record<
    "AttributionSettlement" | "DatanetRegistry" | "InferenceEscrow" | "ModelRegistry" | "ProtocolParameters" | "StakeVault",
    Abi
  >;
  export default abis;
}
