#include "model/kernels/attention_backward.hpp"

#include <algorithm>
#include <vector>

#include "model/kernels/gemm.hpp"
#include "model/kernels/train_kernels.hpp"

namespace ol::model::kernels {

namespace {

constexpr std::size_t query_block = 48;

float* room_for(std::size_t count, std::vector<float>& to) {
    if (to.size() < count) to.resize(count);
    return to.data();
}

// rows x size, as panels over the rows: [rows / 16][size][16], zeros beyond the last row.
void pack_rows_as_columns(const float* from, std::ptrdiff_t row, std::size_t rows, std::size_t size,
                          std::vector<float>& to) {
    float* out = room_for(padded(rows) * size, to);
    for (std::size_t first = 0; first < rows; first += panel) {
        pack_panel({from + signed_width(first) * row, 1, row}, size,
                   std::min<std::size_t>(panel, rows - first), out + first * size);
    }
}

// rows x size, as panels over the columns: [size / 16][rows][16].
void pack_rows(const float* from, std::ptrdiff_t row, std::size_t rows, std::size_t size,
               std::vector<float>& to) {
    float* out = room_for(padded(size) * rows, to);
    for (std::size_t first = 0; first < size; first += panel) {
        pack_panel({from + first, row, 1}, rows, std::min<std::size_t>(panel, size - first),
                   out + first * rows);
    }
}

struct Room {
    std::vector<float> key_columns, value_columns, keys, queries, outs, p, d, capped;
};

class Head {
public:
    Head(const AttentionBackward& h, std::size_t index, Room& room, const Table& table)
        : h_(h)
        , size_(h.head_size)
        , room_(room)
        , table_(table)
        , train_(train_table(table))
        , q_(h.q + index * h.head_size)
        , dq_(h.dq + index * h.head_size)
        , out_(h.out + index * h.head_size)
        , d_out_(h.d_out + index * h.head_size)
        , top_(h.top + static_cast<std::ptrdiff_t>(index) * h.stat)
        , inverse_(h.inverse + static_cast<std::ptrdiff_t>(index) * h.stat) {}

    void run() {
        for (std::size_t first = 0; first < h_.rows; first += query_block) block(first);
    }

private:
    std::size_t first_key(std::size_t row) const {
        return h_.window == 0 || row < h_.window ? 0 : row + 1 - h_.window;
    }
    const float* at(const float* base, std::ptrdiff_t row, std::size_t i) const {
        return base + static_cast<std::ptrdiff_t>(i) * row;
    }

    void block(std::size_t first) {
        count_ = std::min(query_block, h_.rows - first);
        first_ = first;
        start_ = first_key(first) / panel * panel;
        // A width that is no power of two spreads the columns over the cache.
        width_ = padded(first + count_) - start_ + panel;
        for (auto* room : {&room_.p, &room_.d}) {
            if (room->size() < count_ * width_) room->resize(count_ * width_);
        }
        scores(q_, h_.row, room_.key_columns, room_.p);
        scores(d_out_, h_.out_row, room_.value_columns, room_.d);
        for (std::size_t i = 0; i < count_; ++i) softmax(i);
        query_gradients();
        pack_rows(at(q_, h_.row, first), h_.row, count_, size_, room_.queries);
        pack_rows(at(d_out_, h_.out_row, first), h_.out_row, count_, size_, room_.outs);
        key_gradients(room_.d, room_.queries, h_.dk);
        key_gradients(room_.p, room_.outs, h_.dv);
    }

    // Six rows at a time against the keys that the last of them sees.
    void scores(const float* rows, std::ptrdiff_t row, const std::vector<float>& columns,
                std::vector<float>& to) const {
        for (std::size_t i = 0; i < count_; i += tile_rows) {
            const std::size_t tile = std::min<std::size_t>(tile_rows, count_ - i);
            Tile t;
            t.rows = static_cast<int>(tile);
            t.columns = static_cast<int>(padded(first_ + i + tile) - start_);
            t.depth = size_;
            t.a = at(rows, row, first_ + i);
            t.a_row = row;
            t.b = columns.data() + start_ * size_;
            t.b_panel = static_cast<std::ptrdiff_t>(panel * size_);
            t.c = to.data() + i * width_;
            t.c_row = static_cast<std::ptrdiff_t>(width_);
            table_.tile(t);
        }
    }

    // Scores and dP of a row to its P and dS; zeros where it does not see.
    void softmax(std::size_t i) {
        const std::size_t row = first_ + i;
        const std::size_t from = first_key(row) - start_, end = row + 1 - start_;
        float* p = room_.p.data() + i * width_;
        float* d = room_.d.data() + i * width_;
        const std::size_t seen = end - from;
        float factor = h_.scale;
        if (h_.softcap > 0) {
            table_.softcap(p + from, factor, h_.softcap, seen);
            room_.capped.assign(p + from, p + end);
            factor = 1.0F;
        }
        table_.exp_sum(p + from, factor, top_[row], seen);
        table_.scale(p + from, inverse_[row], seen);
        const float inner =
            table_.dot(at(d_out_, h_.out_row, row), at(out_, h_.out_row, row), size_);
        table_.softmax_backward(d + from, p + from, inner, h_.scale, seen);
        if (h_.softcap > 0) {
            train_.softcap_backward(d + from, room_.capped.data(), h_.softcap, seen);
        }
        for (float* values : {p, d}) {
            std::fill(values, values + from, 0.0F);
            std::fill(values + end, values + width_, 0.0F);
        }
    }

    void query_gradients() const {
        for (std::size_t i = 0; i < count_; i += tile_rows) {
            const std::size_t tile = std::min<std::size_t>(tile_rows, count_ - i);
            Tile t;
            t.rows = static_cast<int>(tile);
            t.columns = static_cast<int>(size_);
            t.depth = first_ + i + tile - start_;
            t.a = room_.d.data() + i * width_;
            t.a_row = static_cast<std::ptrdiff_t>(width_);
            t.b = room_.keys.data() + start_ * panel;
            t.b_panel = static_cast<std::ptrdiff_t>(panel * h_.rows);
            t.c = dq_ + static_cast<std::ptrdiff_t>(first_ + i) * h_.row;
            t.c_row = h_.row;
            table_.tile(t);
        }
    }

    // Six keys at a time, over the queries of the block that may see them.
    void key_gradients(const std::vector<float>& weights, const std::vector<float>& rows,
                       float* to) const {
        for (std::size_t key = start_; key < first_ + count_; key += tile_rows) {
            const std::size_t tile = std::min<std::size_t>(tile_rows, first_ + count_ - key);
            const std::size_t skipped = key > first_ ? key - first_ : 0;
            Tile t;
            t.rows = static_cast<int>(tile);
            t.columns = static_cast<int>(size_);
            t.depth = count_ - skipped;
            t.a = weights.data() + skipped * width_ + (key - start_);
            t.a_row = 1;
            t.a_step = static_cast<std::ptrdiff_t>(width_);
            t.b = rows.data() + skipped * panel;
            t.b_panel = static_cast<std::ptrdiff_t>(panel * count_);
            t.c = to + static_cast<std::ptrdiff_t>(key) * h_.row;
            t.c_row = h_.row;
            t.accumulate = true;
            table_.tile(t);
        }
    }

    const AttentionBackward& h_;
    const std::size_t size_;
    Room& room_;
    const Table& table_;
    const TrainTable& train_;
    const float* q_;
    float* dq_;
    const float* out_;
    const float* d_out_;
    const float* top_;
    const float* inverse_;
    std::size_t first_ = 0, count_ = 0, start_ = 0, width_ = 0;
};

} // namespace

void attend_backward(const AttentionBackward& h, const Table& table) {
    thread_local Room room;
    pack_rows_as_columns(h.k, h.row, h.rows, h.head_size, room.key_columns);
    pack_rows_as_columns(h.v, h.row, h.rows, h.head_size, room.value_columns);
    pack_rows(h.k, h.row, h.rows, h.head_size, room.keys);
    for (std::size_t i = 0; i < h.rows; ++i) {
        std::fill_n(h.dk + static_cast<std::ptrdiff_t>(i) * h.row, h.head_size, 0.0F);
        std::fill_n(h.dv + static_cast<std::ptrdiff_t>(i) * h.row, h.head_size, 0.0F);
    }
    for (std::size_t i = 0; i < h.heads; ++i) Head(h, i, room, table).run();
}

} // namespace ol::model::kernels
