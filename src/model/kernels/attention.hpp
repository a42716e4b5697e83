// Causal attention of one head, also within a window, and the tables of the rotary embedding.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "model/kernels/kernels.hpp"

namespace ol::model::kernels {

// theta^(-2 i / head_size) for the pairs of a head.
std::vector<float> rope_frequencies(std::size_t head_size, float theta);

// cos and sin of position * frequency, rounded as Hugging Face computes them: frequency and angle
// in fp32.
class RopeTable {
public:
    RopeTable(std::size_t head_size, float theta)
        : RopeTable(rope_frequencies(head_size, theta)) {}
    explicit RopeTable(std::vector<float> frequencies)
        : half_(frequencies.size())
        , frequencies_(std::move(frequencies)) {}
    // Makes rows [0, positions) available.
    void reserve(std::size_t positions);
    const float* cosine(std::size_t position) const { return cosine_.data() + position * half_; }
    const float* sine(std::size_t position) const { return sine_.data() + position * half_; }
    std::size_t half() const { return half_; }

private:
    std::size_t half_;
    std::vector<float> frequencies_;
    std::vector<float> cosine_, sine_;
};

// Keys of one head in panels [position / 16][head_size][16] and values by position, so that both
// products of attention are tiles. Value rows are padded to a multiple of 16.
struct HeadCache {
    const float* keys = nullptr;
    std::ptrdiff_t key_panel = 0; // from one panel of 16 positions to the next
    const float* values = nullptr;
    std::ptrdiff_t value_row = 0;
};

// Query rows at positions first, first + 1, ... (or all at `first` when same_position); the row at
// position p sees keys begin..p, where begin is 0, or p - window + 1 where that is more: out = sum
// over j of softmax(score_j) v_j with score_j = q k_j scale, soft-capped to cap tanh(score_j / cap)
// where there is a cap. Chains over the head for scores and over j for the sum; the lanes of a
// row's softmax begin at `begin`. top and inverse, where given, receive per row the largest score
// and 1 / sum of exponentials.
struct AttentionRows {
    std::size_t head_size = 0, rows = 0, first = 0;
    bool same_position = false;
    float scale = 0;        // 0: 1 / sqrt(head_size)
    float softcap = 0;      // 0: none
    std::size_t window = 0; // 0: the whole past
    const float* q = nullptr;
    std::ptrdiff_t q_row = 0;
    HeadCache cache;
    float* out = nullptr;
    std::ptrdiff_t out_row = 0;
    float* top = nullptr;
    float* inverse = nullptr;
};
void attend(const AttentionRows& rows, const Table& table = best());

// The usual factor of a score, 1 / sqrt(head_size).
float attention_scale(std::size_t head_size);

} // namespace ol::model::kernels
