// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IndexVerifier} from "./IndexVerifier.sol";
import {IDatanetRegistry, IModelRegistry, IProtocolParameters} from "./interfaces/IOpenLedger.sol";
import {
    IndexCommitment,
    Match,
    Payout,
    Receipt,
    Share,
    Span,
    SumProofStep,
    TableEntry
} from "./interfaces/Types.sol";
import {Attribution} from "./lib/Attribution.sol";
import {Keys} from "./lib/Keys.sol";
import {MerkleTree} from "./lib/MerkleTree.sol";

/// Says what is false in a receipt, from public data alone. It takes the very call data of the
/// settlement's challenges (so anybody can ask it for free before he sends one) and returns the
/// reason, or an empty string when the evidence shows no fault. Evidence that does not open
/// reverts.
///
/// Nothing that stands in a receipt may make the recomputation revert: a receipt that cannot be
/// judged could not be challenged. So numbers are compared before they are used.
contract ReceiptVerifier {
    uint256 public constant MAX_SPANS = 256;
    uint256 public constant MAX_MATCHES = 1024;
    uint256 private constant MAX_MATCHES_OF_SPAN = 16;

    IProtocolParameters public immutable parameters;
    IDatanetRegistry public immutable datanets;
    IModelRegistry public immutable models;
    address public immutable vault;
    IndexVerifier public immutable indexVerifier;

    struct Terms {
        Attribution.Parties parties;
        bytes32 datanetId;
        uint64 version;
        uint256 priceIn;
        uint256 priceOut;
    }

    error UnknownVersion();
    error NoSuchMatch(uint256 matchIndex, uint256 count);
    error NoSuchSpan(uint256 span, uint256 count);
    error OffsetOutsideSpan(uint256 offset, uint256 length);
    error AnswerWordNotProved();
    error TextWordNotProved();
    error HolderNotProved();
    error NextNotProved();
    error PaidNotProved();
    error NotTheHolder(uint256 position, uint256 offset, uint256 nextOffset);

    constructor(address parameters_, address datanets_, address models_, address vault_) {
        parameters = IProtocolParameters(parameters_);
        datanets = IDatanetRegistry(datanets_);
        models = IModelRegistry(models_);
        vault = vault_;
        indexVerifier = IDatanetRegistry(datanets_).indexVerifier();
    }

    function challengeReceipt(Receipt calldata receipt, uint64, SumProofStep[] calldata)
        external
        view
        returns (string memory)
    {
        if (
            receipt.spans.length > MAX_SPANS || receipt.matches.length > MAX_MATCHES
                || receipt.shares.length > receipt.matches.length
                || receipt.payouts.length > receipt.shares.length + 6
        ) return "receipt: more spans, matches, shares or payouts than allowed";
        if (receipt.parametersVersion == 0 || receipt.parametersVersion > parameters.version()) {
            return "receipt: unknown version of the parameters";
        }
        if (receipt.version == 0 || receipt.version > datanets.versionCount(receipt.datanetId)) {
            return "receipt: unknown version of the datanet";
        }
        if (models.ownerOf(receipt.adapterId) == address(0)) return "receipt: unknown adapter";
        Terms memory terms = _termsOf(receipt);
        if (terms.datanetId != receipt.datanetId || terms.version != receipt.version) {
            return "receipt: the adapter belongs to another version";
        }
        string memory reason = _traceFault(receipt);
        return bytes(reason).length != 0 ? reason : _moneyFault(receipt, terms);
    }

    /// A match that leaves the text is refuted without openings.
    /// @dev Here and below some arrays are in memory: so many arguments fit the stack only so.
    function challengeSpan(
        Receipt calldata receipt,
        uint64,
        SumProofStep[] calldata,
        uint256 matchIndex,
        uint256 offset,
        bytes32 answerWord,
        bytes32[] memory answerProof,
        bytes memory textLeaf,
        bytes32[] memory textProof
    ) public view returns (string memory) {
        (uint256 place, uint256 position) = _placesOf(receipt, matchIndex, offset);
        IndexCommitment memory index = _indexOf(receipt);
        if (position >= index.symbolCount) return "span: the match leaves the text";
        if (!_opens(receipt, answerWord, place, answerProof)) revert AnswerWordNotProved();
        try indexVerifier.symbolOf(index, position, textLeaf, textProof) returns (bytes32 word) {
            return answerWord != word ? "span: the text has another symbol there" : "";
        } catch {
            revert TextWordNotProved();
        }
    }

    /// A trace takes maximal spans only: an honest receipt has none that could be longer.
    function challengeLongerMatch(
        Receipt calldata receipt,
        uint64,
        SumProofStep[] calldata,
        uint256 spanIndex,
        bytes calldata longer
    ) external view returns (string memory) {
        if (spanIndex >= receipt.spans.length) {
            revert NoSuchSpan(spanIndex, receipt.spans.length);
        }
        Span calldata span = receipt.spans[spanIndex];
        IndexVerifier.LongerMatch memory found = indexVerifier.verifyLongerMatch(
            _indexOf(receipt), longer, receipt.answerRoot, receipt.answerSymbols
        );
        uint256 length = found.phrase.length;
        bool holdsSpan = found.start <= span.start
            && found.start + length >= uint256(span.start) + span.length && length > span.length;
        return holdsSpan ? "span: more of the answer stands in the text" : "";
    }

    /// A record outside the table is refuted without openings.
    function challengeMatch(
        Receipt calldata receipt,
        uint64,
        SumProofStep[] calldata,
        uint256 matchIndex,
        TableEntry calldata holder,
        uint256 holderIndex,
        bytes32[] memory holderProof,
        TableEntry calldata next,
        bytes32[] memory nextProof,
        TableEntry calldata paid,
        bytes32[] memory paidProof
    ) public view returns (string memory) {
        Match calldata claim = _matchAt(receipt, matchIndex);
        IndexCommitment memory index = _indexOf(receipt);
        if (claim.record >= index.recordCount) return "match: the record is not in the table";
        if (!_opens(index, holder, holderIndex, holderProof)) revert HolderNotProved();
        if (!_opens(index, paid, claim.record, paidProof)) revert PaidNotProved();
        uint256 end = type(uint256).max;
        if (holderIndex + 1 < index.recordCount) {
            if (!_opens(index, next, holderIndex + 1, nextProof)) revert NextNotProved();
            end = next.offset;
        }
        if (claim.position < holder.offset && holderIndex == 0) {
            return "match: the position is in no record";
        }
        if (claim.position < holder.offset || claim.position >= end) {
            revert NotTheHolder(claim.position, holder.offset, end);
        }
        if (holder.cluster != claim.record) return "match: the position is in another cluster";
        return paid.owner != claim.owner ? "match: the record has another owner" : "";
    }

    function _matchAt(Receipt calldata receipt, uint256 matchIndex)
        private
        pure
        returns (Match calldata)
    {
        if (matchIndex >= receipt.matches.length) {
            revert NoSuchMatch(matchIndex, receipt.matches.length);
        }
        return receipt.matches[matchIndex];
    }

    /// Of symbol `offset` of a match: its place in the answer and in the text.
    function _placesOf(Receipt calldata receipt, uint256 matchIndex, uint256 offset)
        private
        pure
        returns (uint256 place, uint256 position)
    {
        Match calldata claim = _matchAt(receipt, matchIndex);
        if (claim.span >= receipt.spans.length) {
            revert NoSuchSpan(claim.span, receipt.spans.length);
        }
        Span calldata span = receipt.spans[claim.span];
        if (offset >= span.length) revert OffsetOutsideSpan(offset, span.length);
        return (uint256(span.start) + offset, uint256(claim.position) + offset);
    }

    function _indexOf(Receipt calldata receipt)
        private
        view
        returns (IndexCommitment memory index)
    {
        (,, index) = datanets.versionOf(receipt.datanetId, receipt.version);
    }

    function _opens(Receipt calldata receipt, bytes32 word, uint256 place, bytes32[] memory proof)
        private
        pure
        returns (bool)
    {
        bytes32 leaf = MerkleTree.leaf(abi.encode(word));
        return MerkleTree.verify(receipt.answerRoot, leaf, place, receipt.answerSymbols, proof);
    }

    function _opens(
        IndexCommitment memory index,
        TableEntry calldata entry,
        uint256 place,
        bytes32[] memory proof
    ) private pure returns (bool) {
        bytes32 leaf = MerkleTree.leaf(abi.encode(entry));
        return MerkleTree.verify(index.tableRoot, leaf, place, index.recordCount, proof);
    }

    function _termsOf(Receipt calldata receipt) private view returns (Terms memory terms) {
        bytes32 baseHash;
        (
            terms.parties.modelOwner,,,
            baseHash,
            terms.datanetId,
            terms.version,,
            terms.priceIn,
            terms.priceOut
        ) = models.adapter(receipt.adapterId);
        terms.parties.treasury = parameters.treasury();
        terms.parties.host = receipt.host;
        terms.parties.baseOwner = models.baseOwner(baseHash);
        terms.parties.stakeVault = vault;
    }

    function _parameter(Receipt calldata receipt, bytes32 key) private view returns (uint256) {
        return parameters.getAt(key, receipt.parametersVersion);
    }

    function _rulesOf(Receipt calldata receipt)
        private
        view
        returns (Attribution.Rules memory rules)
    {
        rules.threshold = _parameter(receipt, Keys.ATTRIBUTION_THRESHOLD);
        rules.splitPlatform = _parameter(receipt, Keys.SPLIT_PLATFORM);
        rules.splitHost = _parameter(receipt, Keys.SPLIT_HOST);
        rules.splitModel = _parameter(receipt, Keys.SPLIT_MODEL);
        rules.splitStakers = _parameter(receipt, Keys.SPLIT_STAKERS);
        rules.splitContributors = _parameter(receipt, Keys.SPLIT_CONTRIBUTORS);
        rules.unexplainedBase = _parameter(receipt, Keys.UNEXPLAINED_BASE);
        rules.platformFee = _parameter(receipt, Keys.PLATFORM_FEE);
    }

    /// Spans and matches against each other, the answer's length and the version's size.
    function _traceFault(Receipt calldata receipt) private view returns (string memory) {
        IndexCommitment memory index = _indexOf(receipt);
        uint256 minSymbols = _parameter(receipt, Keys.SPAN_MIN_SYMBOLS);
        uint256 maxClusters = _parameter(receipt, Keys.SPAN_MAX_CLUSTERS);
        if (maxClusters > MAX_MATCHES_OF_SPAN) maxClusters = MAX_MATCHES_OF_SPAN;
        uint256 owned = 0;
        uint256 first = 0;
        for (uint256 i = 0; i < receipt.spans.length; ++i) {
            Span calldata span = receipt.spans[i];
            if (i != 0 && span.start <= receipt.spans[i - 1].start) return "spans: not in order";
            if (uint256(span.start) + span.length > receipt.answerSymbols) {
                return "spans: outside the answer";
            }
            if (span.length < minSymbols) return "spans: shorter than allowed";
            if (span.owned == 0 || span.owned > span.length) return "spans: owned positions";
            owned += span.owned;
            uint256 end = first;
            while (end < receipt.matches.length && receipt.matches[end].span == i) ++end;
            if (end == first || end - first > maxClusters) {
                return "matches: too few or too many of a span";
            }
            string memory reason = _matchesFault(receipt.matches[first:end], span, index);
            if (bytes(reason).length != 0) return reason;
            first = end;
        }
        if (first != receipt.matches.length) return "matches: not in order or of no span";
        if (owned != receipt.covered) return "covered: not the sum of owned positions";
        return owned > receipt.answerSymbols ? "covered: more than the answer" : "";
    }

    function _matchesFault(
        Match[] calldata matches,
        Span calldata span,
        IndexCommitment memory index
    ) private pure returns (string memory) {
        uint256 each = span.credit / matches.length;
        uint256 extra = span.credit % matches.length;
        for (uint256 i = 0; i < matches.length; ++i) {
            Match calldata claim = matches[i];
            if (i != 0 && claim.record <= matches[i - 1].record) {
                return "matches: records not ascending";
            }
            if (claim.record >= index.recordCount) {
                return "matches: the record is not in the table";
            }
            if (uint256(claim.position) + span.length > index.symbolCount) {
                return "matches: outside the text";
            }
            if (claim.credit != (i < extra ? each + 1 : each)) return "matches: credit";
        }
        return "";
    }

    function _moneyFault(Receipt calldata receipt, Terms memory terms)
        private
        view
        returns (string memory)
    {
        Attribution.Rules memory rules = _rulesOf(receipt);
        if (
            receipt.fee
                != Attribution.feeOf(
                    receipt.tokensIn,
                    receipt.tokensOut,
                    terms.priceIn,
                    terms.priceOut,
                    rules.platformFee
                )
        ) return "fee: not the adapter's price";
        if (receipt.cumulative < receipt.fee) return "cumulative: less than the fee";
        Share[] memory shares = Attribution.sharesOf(receipt.matches, rules.threshold);
        if (!_equal(shares, receipt.shares)) return "shares: do not follow from the credits";
        Payout[] memory payouts = Attribution.payoutsOf(
            receipt.fee, receipt.answerSymbols, receipt.covered, shares, rules, terms.parties
        );
        return _equal(payouts, receipt.payouts) ? "" : "payouts: do not follow from the shares";
    }

    function _equal(Share[] memory a, Share[] calldata b) private pure returns (bool) {
        if (a.length != b.length) return false;
        for (uint256 i = 0; i < a.length; ++i) {
            Share calldata other = b[i];
            if (
                a[i].record != other.record || a[i].owner != other.owner
                    || a[i].share != other.share
            ) {
                return false;
            }
        }
        return true;
    }

    function _equal(Payout[] memory a, Payout[] calldata b) private pure returns (bool) {
        if (a.length != b.length) return false;
        for (uint256 i = 0; i < a.length; ++i) {
            if (a[i].account != b[i].account || a[i].amount != b[i].amount) return false;
        }
        return true;
    }
}
