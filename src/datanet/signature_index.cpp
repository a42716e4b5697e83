#include "datanet/signature_index.hpp"

#include <algorithm>

#include "datanet/curation.hpp"

namespace ol::datanet {

// Signatures of distinct bands must not meet in a bucket, so the band is part of the key.
std::uint64_t SignatureIndex::key_of(const MinHash& signature, std::size_t band) {
    std::uint64_t key = band + 1;
    for (std::size_t row = 0; row < rows; ++row) {
        key = (key ^ signature[band * rows + row]) * 0x9e3779b97f4a7c15;
        key ^= key >> 32;
    }
    return key == 0 ? 1 : key;
}

std::size_t SignatureIndex::slot_of(std::uint64_t key) const {
    const std::size_t mask = buckets_.size() - 1;
    std::size_t slot = static_cast<std::size_t>(key) & mask;
    while (buckets_[slot].key != 0 && buckets_[slot].key != key) slot = (slot + 1) & mask;
    return slot;
}

void SignatureIndex::grow() {
    std::vector<Bucket> old(std::max<std::size_t>(1024, buckets_.size() * 2));
    old.swap(buckets_);
    for (const Bucket& bucket : old) {
        if (bucket.key != 0) buckets_[slot_of(bucket.key)] = bucket;
    }
}

std::uint32_t SignatureIndex::add(const MinHash& signature) {
    const auto index = static_cast<std::uint32_t>(signatures_.size());
    signatures_.push_back(signature);
    auto& next = next_.emplace_back();
    next.fill(none);
    for (std::size_t band = 0; band < bands; ++band) {
        if (2 * (used_ + 1) > buckets_.size()) grow();
        const std::uint64_t key = key_of(signature, band);
        Bucket& bucket = buckets_[slot_of(key)];
        if (bucket.key == 0) {
            bucket = {key, index, index, 1};
            ++used_;
        } else if (bucket.count < bucket_members) {
            next_[bucket.last][band] = index;
            bucket.last = index;
            ++bucket.count;
        }
    }
    return index;
}

std::vector<SignatureIndex::Match> SignatureIndex::find(const MinHash& signature,
                                                        unsigned min_equal) const {
    std::vector<Match> matches;
    if (buckets_.empty()) return matches;
    std::vector<std::uint32_t> candidates;
    for (std::size_t band = 0; band < bands; ++band) {
        const Bucket& bucket = buckets_[slot_of(key_of(signature, band))];
        if (bucket.key == 0) continue;
        for (std::uint32_t at = bucket.first; at != none; at = next_[at][band]) {
            candidates.push_back(at);
        }
    }
    std::sort(candidates.begin(), candidates.end());
    candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
    for (const std::uint32_t index : candidates) {
        const unsigned equal = equal_count(signature, signatures_[index]);
        if (equal >= min_equal) matches.push_back({index, equal});
    }
    return matches;
}

} // namespace ol::datanet
