// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AttributionSettlement} from "../src/AttributionSettlement.sol";
import {DatanetRegistry} from "../src/DatanetRegistry.sol";
import {InferenceEscrow} from "../src/InferenceEscrow.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {ProtocolParameters} from "../src/ProtocolParameters.sol";
import {StakeVault} from "../src/StakeVault.sol";
import {IAttributionSettlement} from "../src/interfaces/IOpenLedger.sol";
import {
    EpochProposal,
    IndexCommitment,
    Match,
    Payout,
    Receipt,
    Span,
    SumProofStep,
    TableEntry
} from "../src/interfaces/Types.sol";
import {Attribution} from "../src/lib/Attribution.sol";
import {Keys} from "../src/lib/Keys.sol";
import {Checks} from "./Cheats.sol";
import {Naive} from "./Naive.sol";
import {Trees} from "./Trees.sol";

/// Everything deployed, a small datanet with one version, an adapter over it, and makers of honest
/// receipts and epochs that share no code with the contracts.
abstract contract World is Checks {
    address internal constant BURN = 0x000000000000000000000000000000000000dEaD;
    address internal constant TREASURY = address(0x7000);
    address internal constant PUBLISHER = address(0x8000);
    address internal constant MODEL_OWNER = address(0x9000);
    address internal constant BASE_OWNER = address(0xa000);
    address internal constant HOST_A = address(0xb000);
    address internal constant HOST_B = address(0xc000);
    address internal constant SETTLER = address(0xd000);
    address internal constant WATCHER = address(0xe000);
    address internal constant ALICE = address(0x1001);
    address internal constant BOB = address(0x1002);
    address internal constant CAROL = address(0x1003);
    address internal constant DAVE = address(0x1004);
    uint256 internal constant PAYER_KEY = 0xA11CE;
    uint256 internal constant OTHER_PAYER_KEY = 0xB0B;
    bytes32 internal constant BASE = keccak256("base weights");
    uint256 internal constant PRICE_IN = 3 ether / 1000 + 7;
    uint256 internal constant PRICE_OUT = 11 ether / 1000 + 13;
    uint256 internal constant BOND = 10 ether;

    ProtocolParameters internal parameters;
    StakeVault internal vault;
    DatanetRegistry internal datanets;
    ModelRegistry internal models;
    AttributionSettlement internal settlement;
    InferenceEscrow internal escrow;
    bytes32 internal datanetId;
    bytes32 internal adapterId;
    address internal payer = vm.addr(PAYER_KEY);
    address internal otherPayer = vm.addr(OTHER_PAYER_KEY);

    bytes32[] internal text;
    TableEntry[] internal table;
    bytes32[] internal answer;
    Payout[] internal finalRewards; // leaves of the last finalised epoch
    mapping(address payer => mapping(address host => uint256)) internal owed;
    mapping(address host => uint64) internal nonces;

    struct Epoch {
        Receipt[] receipts;
        Payout[] rewards;
        EpochProposal proposal;
    }

    function deploy() internal {
        vm.warp(1_700_000_000);
        parameters = new ProtocolParameters(address(this), TREASURY);
        vault = new StakeVault(address(parameters));
        datanets = new DatanetRegistry(address(parameters), address(vault));
        models = new ModelRegistry(address(datanets));
        settlement = new AttributionSettlement(
            address(parameters), address(vault), address(datanets), address(models)
        );
        escrow = new InferenceEscrow(address(parameters), address(settlement));
        settlement.setEscrow(address(escrow));
        vault.authorise(address(datanets));
        vault.authorise(address(settlement));
        parameters.setSettlement(address(settlement));
    }

    function setUpWorld() internal {
        deploy();
        buildCorpus();
        vm.startPrank(PUBLISHER);
        datanetId = datanets.create("poems", "CC-BY-4.0", keccak256("rules"), keccak256("metadata"));
        datanets.publishVersion(datanetId, keccak256("records"), keccak256("manifest"), indexOf());
        vm.stopPrank();
        vm.prank(BASE_OWNER);
        models.registerBase(BASE, "a base");
        vm.prank(MODEL_OWNER);
        adapterId = models.registerAdapter(
            "poet",
            keccak256("weights"),
            BASE,
            datanetId,
            1,
            keccak256("training"),
            PRICE_IN,
            PRICE_OUT
        );
    }

    // ---- the version: four records, the third a copy of the first

    function buildCorpus() private {
        addRecord(ALICE, 0, "a", 10, "", 0);
        addRecord(BOB, 1, "b", 6, "c", 7);
        addRecord(CAROL, 0, "a", 10, "", 0);
        addRecord(DAVE, 3, "c", 7, "d", 5);
        word("x", 0);
        word("x", 1);
        for (uint256 i = 2; i < 9; ++i) {
            answer.push(symbol("a", i));
        }
        word("x", 2);
        for (uint256 i = 0; i < 7; ++i) {
            answer.push(symbol("c", i));
        }
        word("x", 3);
    }

    function word(bytes1 name, uint256 i) private {
        answer.push(symbol(name, i));
    }

    function symbol(bytes1 name, uint256 i) internal pure returns (bytes32) {
        return bytes32(abi.encodePacked(name, uint8(0x30 + i)));
    }

    function addRecord(
        address owner,
        uint256 cluster,
        bytes1 a,
        uint256 aCount,
        bytes1 b,
        uint256 bCount
    ) private {
        uint256 record = table.length;
        table.push(TableEntry(text.length, keccak256(abi.encode("record", record)), owner, cluster));
        for (uint256 i = 0; i < aCount; ++i) {
            text.push(symbol(a, i));
        }
        for (uint256 i = 0; i < bCount; ++i) {
            text.push(symbol(b, i));
        }
        text.push(bytes32(record + 1)); // the separator
    }

    function wordLeaves(bytes32[] storage words) private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](words.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = Trees.leaf(abi.encode(words[i]));
        }
    }

    function tableLeaves() private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](table.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = Trees.leaf(abi.encode(table[i]));
        }
    }

    /// Sixteen symbols in their short form, as docs/formats/index-proofs.md has them.
    function textLeaf(uint256 leaf) internal view returns (bytes memory packed) {
        for (uint256 i = 16 * leaf; i < 16 * leaf + 16 && i < text.length; ++i) {
            packed = bytes.concat(packed, shortForm(text[i]));
        }
    }

    function shortForm(bytes32 word_) internal pure returns (bytes memory form) {
        if (word_[0] == 0) return abi.encodePacked(uint8(0), uint32(uint256(word_)));
        uint256 length = 0;
        while (length < 32 && word_[length] != 0) ++length;
        form = abi.encodePacked(uint8(length));
        for (uint256 i = 0; i < length; ++i) {
            form = bytes.concat(form, word_[i]);
        }
    }

    function textLeaves() internal view returns (bytes32[] memory leaves) {
        leaves = new bytes32[]((text.length + 15) / 16);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = Trees.leaf(textLeaf(i));
        }
    }

    function textProof(uint256 position) internal view returns (bytes32[] memory) {
        return Trees.prove(textLeaves(), position / 16);
    }

    function answerProof(uint256 place) internal view returns (bytes32[] memory) {
        return Trees.prove(wordLeaves(answer), place);
    }

    function tableProof(uint256 record) internal view returns (bytes32[] memory) {
        return Trees.prove(tableLeaves(), record);
    }

    function indexOf() internal view returns (IndexCommitment memory) {
        return IndexCommitment(
            Trees.root(textLeaves()),
            keccak256("suffix array"),
            keccak256("inverse"),
            keccak256("slots"),
            Trees.root(tableLeaves()),
            keccak256("owners"),
            uint64(text.length),
            uint64(table.length),
            4
        );
    }

    /// "answer[start, start + length) stands at `position`": a proof made by hand, where both trees
    /// are small enough that the range is opened leaf by leaf.
    function longerMatch(uint256 start, uint256 length, uint256 position)
        internal
        view
        returns (bytes memory proof)
    {
        proof = abi.encodePacked(hex"0104", uint32(start), uint32(position), uint16(length));
        for (uint256 i = 0; i < length; ++i) {
            proof = bytes.concat(proof, shortForm(answer[start + i]));
        }
        proof = bytes.concat(proof, Trees.proveRange(wordLeaves(answer), start, start + length - 1));
        uint256 first = position / 16;
        uint256 last = (position + length - 1) / 16;
        proof = abi.encodePacked(proof, uint8(last - first + 1));
        for (uint256 leaf = first; leaf <= last; ++leaf) {
            proof = abi.encodePacked(proof, uint32(leaf), textLeaf(leaf));
        }
        proof = bytes.concat(proof, Trees.proveRange(textLeaves(), first, last));
    }

    // ---- receipts

    function rulesNow() internal view returns (Attribution.Rules memory rules) {
        rules.threshold = parameters.get("ATTRIBUTION_THRESHOLD");
        rules.splitPlatform = parameters.get("SPLIT_PLATFORM");
        rules.splitHost = parameters.get("SPLIT_HOST");
        rules.splitModel = parameters.get("SPLIT_MODEL");
        rules.splitStakers = parameters.get("SPLIT_STAKERS");
        rules.splitContributors = parameters.get("SPLIT_CONTRIBUTORS");
        rules.unexplainedBase = parameters.get("UNEXPLAINED_BASE");
        rules.platformFee = parameters.get("PLATFORM_FEE");
    }

    /// The next receipt of a payer at a host; its money is promised, not yet redeemed.
    function nextReceipt(address payer_, address host, uint32 tokensIn, uint32 tokensOut)
        internal
        returns (Receipt memory receipt)
    {
        receipt.datanetId = datanetId;
        receipt.version = 1;
        receipt.adapterId = adapterId;
        receipt.payer = payer_;
        receipt.host = host;
        receipt.nonce = nonces[host]++;
        receipt.tokensIn = tokensIn;
        receipt.tokensOut = tokensOut;
        receipt.promptHash = keccak256("prompt");
        receipt.answerHash = keccak256("answer");
        receipt.answerRoot = Trees.root(wordLeaves(answer));
        receipt.answerSymbols = uint32(answer.length);
        receipt.covered = 14;
        receipt.parametersVersion = parameters.version();
        receipt.spans = new Span[](2);
        receipt.spans[0] = Span(2, 7, 7, 10_001);
        receipt.spans[1] = Span(10, 7, 7, 12_345);
        receipt.matches = new Match[](3);
        receipt.matches[0] = Match(0, 2, 0, ALICE, 10_001);
        receipt.matches[1] = Match(1, 17, 1, BOB, 6173);
        receipt.matches[2] = Match(1, 36, 3, DAVE, 6172);
        receipt.fee = uint256(tokensIn) * PRICE_IN / 1000 + uint256(tokensOut) * PRICE_OUT / 1000
            + parameters.get("PLATFORM_FEE");
        owed[payer_][host] += receipt.fee;
        receipt.cumulative = owed[payer_][host];
        settleShares(receipt);
    }

    /// Shares and payouts that follow from the rest.
    function settleShares(Receipt memory receipt) internal view {
        Attribution.Rules memory rules = rulesNow();
        receipt.shares = Naive.sharesOf(receipt.matches, rules.threshold);
        settlePayouts(receipt);
    }

    function settlePayouts(Receipt memory receipt) internal view {
        receipt.payouts = Naive.payoutsOf(
            receipt.fee,
            receipt.answerSymbols,
            receipt.covered,
            receipt.shares,
            rulesNow(),
            Attribution.Parties(TREASURY, receipt.host, MODEL_OWNER, BASE_OWNER, address(vault))
        );
    }

    function copyOf(Receipt memory receipt) internal pure returns (Receipt memory) {
        return abi.decode(abi.encode(receipt), (Receipt));
    }

    function keyOf(address payer_) internal view returns (uint256) {
        return payer_ == payer ? PAYER_KEY : OTHER_PAYER_KEY;
    }

    function voucher(address payer_, address host, uint256 cumulative)
        internal
        view
        returns (bytes memory)
    {
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(keyOf(payer_), escrow.voucherDigest(payer_, host, cumulative));
        return abi.encodePacked(r, s, v);
    }

    /// Deposits and redeems all that is owed in a channel.
    function settleChannel(address payer_, address host) internal {
        (uint256 deposited, uint256 redeemed,,) = escrow.channel(payer_, host);
        uint256 due = owed[payer_][host];
        if (due <= redeemed) return;
        if (due > deposited) {
            vm.deal(payer_, payer_.balance + due - deposited);
            vm.prank(payer_);
            escrow.deposit{value: due - deposited}(host);
        }
        bytes memory signature = voucher(payer_, host, due);
        vm.prank(host);
        escrow.redeem(payer_, due, due, signature);
    }

    // ---- epochs

    /// Three receipts in order: two of host A, one of host B, paid for.
    function threeReceipts() internal returns (Receipt[] memory receipts) {
        receipts = new Receipt[](3);
        receipts[0] = nextReceipt(payer, HOST_A, 1200, 450);
        receipts[1] = nextReceipt(otherPayer, HOST_A, 77, 3001);
        receipts[2] = nextReceipt(payer, HOST_B, 5, 1);
        settleChannel(payer, HOST_A);
        settleChannel(otherPayer, HOST_A);
        settleChannel(payer, HOST_B);
    }

    function receiptLeaves(Receipt[] memory receipts)
        internal
        pure
        returns (SumProofStep[] memory leaves)
    {
        leaves = new SumProofStep[](receipts.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i].hash = Trees.leaf(abi.encode(keccak256(abi.encode(receipts[i]))));
            leaves[i].sum = receipts[i].fee;
        }
    }

    function rewardLeaves(Payout[] memory rewards)
        internal
        pure
        returns (SumProofStep[] memory leaves)
    {
        leaves = new SumProofStep[](rewards.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = SumProofStep(Trees.leaf(abi.encode(rewards[i].account)), rewards[i].amount);
        }
    }

    function epochOf(Receipt[] memory receipts) internal view returns (Epoch memory epoch) {
        epoch.receipts = receipts;
        epoch.rewards = finalRewards;
        for (uint256 i = 0; i < receipts.length; ++i) {
            for (uint256 j = 0; j < receipts[i].payouts.length; ++j) {
                Payout memory payout = receipts[i].payouts[j];
                epoch.rewards = Naive.add(epoch.rewards, payout.account, payout.amount);
            }
            epoch.proposal.receiptsTotal += receipts[i].fee;
            epoch.proposal.creditedRecords += uint64(receipts[i].shares.length);
        }
        epoch.proposal.dataCommitment = keccak256("epoch file");
        sealEpoch(epoch);
    }

    /// Roots and counts from the lists.
    function sealEpoch(Epoch memory epoch) internal view {
        (,, uint256 before) = settlement.finalisedRewards();
        epoch.proposal.receiptsRoot = Trees.sumRoot(receiptLeaves(epoch.receipts));
        epoch.proposal.receiptCount = uint64(epoch.receipts.length);
        epoch.proposal.rewardsRoot = Trees.sumRoot(rewardLeaves(epoch.rewards));
        epoch.proposal.rewardCount = uint64(epoch.rewards.length);
        epoch.proposal.rewardsTotal = before + epoch.proposal.receiptsTotal;
    }

    function propose(Epoch memory epoch) internal {
        vm.deal(SETTLER, SETTLER.balance + BOND);
        vm.prank(SETTLER);
        settlement.propose{value: BOND}(epoch.proposal);
    }

    function finalise(Epoch memory epoch) internal {
        vm.warp(block.timestamp + parameters.get("CHALLENGE_WINDOW"));
        settlement.finalise();
        delete finalRewards;
        for (uint256 i = 0; i < epoch.rewards.length; ++i) {
            finalRewards.push(epoch.rewards[i]);
        }
    }

    function receiptProof(Epoch memory epoch, uint256 index)
        internal
        pure
        returns (SumProofStep[] memory)
    {
        return Trees.sumProve(receiptLeaves(epoch.receipts), index);
    }

    function rewardProof(Payout[] memory rewards, uint256 index)
        internal
        pure
        returns (SumProofStep[] memory)
    {
        return Trees.sumProve(rewardLeaves(rewards), index);
    }

    /// An account's leaf among rewards, or its absence.
    function rewardClaim(Payout[] memory rewards, address account)
        internal
        pure
        returns (IAttributionSettlement.RewardClaim memory reward)
    {
        reward.account = account;
        uint256 place = 0;
        while (place < rewards.length && rewards[place].account < account) ++place;
        reward.index = uint64(place);
        if (place < rewards.length && rewards[place].account == account) {
            reward.present = true;
            reward.cumulative = rewards[place].amount;
            reward.proof = rewardProof(rewards, place);
            return reward;
        }
        if (place != 0) {
            reward.below = rewards[place - 1].account;
            reward.belowSum = rewards[place - 1].amount;
            reward.belowProof = rewardProof(rewards, place - 1);
        }
        if (place != rewards.length) {
            reward.above = rewards[place].account;
            reward.aboveSum = rewards[place].amount;
            reward.aboveProof = rewardProof(rewards, place);
        }
    }

    function claimAll(Payout[] memory rewards) internal {
        for (uint256 i = 0; i < rewards.length; ++i) {
            if (settlement.claimed(rewards[i].account) == rewards[i].amount) continue;
            settlement.claim(
                rewards[i].account, rewards[i].amount, uint64(i), rewardProof(rewards, i)
            );
        }
    }
}
