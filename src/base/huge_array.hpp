// HugeArray: a large array of plain values on huge pages where the system has them: random access
// then costs a cache miss and not a walk through the page tables as well. Starts as zeros, on a
// cache line. HugeVector: a vector on the same memory.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace ol {

namespace detail {
void* map_huge(std::size_t bytes); // stops the process when there is no memory
void unmap_huge(void* data, std::size_t bytes);
void forget_huge(void* data, std::size_t bytes, std::size_t begin, std::size_t end);
} // namespace detail

// Asks for huge pages under memory of somebody else that is not touched yet; a wish.
void advise_huge(void* data, std::size_t bytes);

template <class T>
class HugeArray {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    HugeArray() = default;
    explicit HugeArray(std::size_t size)
        : data_(size == 0 ? nullptr : static_cast<T*>(detail::map_huge(size * sizeof(T))))
        , size_(size) {}
    HugeArray(HugeArray&& other) noexcept
        : data_(std::exchange(other.data_, nullptr))
        , size_(std::exchange(other.size_, 0)) {}
    HugeArray& operator=(HugeArray&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    HugeArray(const HugeArray&) = delete;
    HugeArray& operator=(const HugeArray&) = delete;
    ~HugeArray() {
        if (data_ != nullptr) detail::unmap_huge(data_, size_ * sizeof(T));
    }

    // Gives the memory of [begin, end) back to the system as far as it is whole pages of the
    // array's own; its values are not to be read again.
    void forget(std::size_t begin, std::size_t end) {
        detail::forget_huge(data_, size_ * sizeof(T), begin * sizeof(T), end * sizeof(T));
    }

    T* data() { return data_; }
    const T* data() const { return data_; }
    std::size_t size() const { return size_; }
    T& operator[](std::size_t i) { return data_[i]; }
    const T& operator[](std::size_t i) const { return data_[i]; }
    operator std::span<T>() { return {data_, size_}; }
    operator std::span<const T>() const { return {data_, size_}; }

private:
    T* data_ = nullptr;
    std::size_t size_ = 0;
};

template <class T>
struct HugeAllocator {
    using value_type = T;
    HugeAllocator() = default;
    template <class U>
    HugeAllocator(const HugeAllocator<U>&) {} // NOLINT(google-explicit-constructor)
    T* allocate(std::size_t count) { return static_cast<T*>(detail::map_huge(count * sizeof(T))); }
    void deallocate(T* data, std::size_t count) { detail::unmap_huge(data, count * sizeof(T)); }
    bool operator==(const HugeAllocator&) const { return true; }
};
template <class T>
using HugeVector = std::vector<T, HugeAllocator<T>>;

} // namespace ol
