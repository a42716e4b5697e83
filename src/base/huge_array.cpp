#include "base/huge_array.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

#include <sys/mman.h>

#include "base/check.hpp"

namespace ol::detail {

namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t small_page = std::size_t{4} << 10; // what is left over at the end is of these
constexpr std::size_t slab_bytes = 2 * huge_page;
constexpr std::size_t least_shared = std::size_t{64} << 10;
constexpr std::size_t line = 64;

std::size_t rounded(std::size_t bytes, std::size_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

// Zeros, on huge pages as far as they fill them, at a multiple of `alignment`; size is a multiple
// of small_page.
void* map_aligned(std::size_t size, std::size_t alignment) {
    // Take more than is needed and give back what stands out.
    void* mapped = ::mmap(nullptr, size + alignment, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    OL_CHECK(mapped != MAP_FAILED);
    auto* const begin = static_cast<char*>(mapped);
    const std::size_t skew = reinterpret_cast<std::size_t>(begin) % alignment;
    const std::size_t before = skew == 0 ? 0 : alignment - skew;
    if (before > 0) ::munmap(begin, before);
    if (before < alignment) ::munmap(begin + before + size, alignment - before);
    ::madvise(begin + before, size, MADV_HUGEPAGE); // a wish; without it the pages are small
    return begin + before;
}

// Arrays of less than a huge page (a small model's matrices) share slabs, one after the other; a
// slab goes when the last of its arrays does. Its memory is not handed out twice, so that an array
// starts as zeros.
struct Slab {
    std::size_t used = line; // of its bytes, this header included
    std::size_t arrays = 0;
};
std::mutex slab_mutex;
Slab* open_slab = nullptr; // where the next array goes

void* take_from_slab(std::size_t bytes) {
    bytes = rounded(bytes, line);
    const std::scoped_lock lock(slab_mutex);
    if (open_slab == nullptr || open_slab->used + bytes > slab_bytes) {
        if (open_slab != nullptr && open_slab->arrays == 0) ::munmap(open_slab, slab_bytes);
        open_slab = new (map_aligned(slab_bytes, slab_bytes)) Slab;
    }
    void* data = reinterpret_cast<char*>(open_slab) + open_slab->used;
    open_slab->used += bytes;
    ++open_slab->arrays;
    return data;
}

void give_to_slab(void* data) {
    auto* slab = reinterpret_cast<Slab*>(static_cast<char*>(data) -
                                         reinterpret_cast<std::size_t>(data) % slab_bytes);
    const std::scoped_lock lock(slab_mutex);
    if (--slab->arrays > 0 || slab == open_slab) return;
    ::munmap(slab, slab_bytes);
}

} // namespace

void* map_huge(std::size_t bytes) {
    if (bytes < least_shared) {
        void* small = std::aligned_alloc(line, rounded(bytes, line));
        OL_CHECK(small != nullptr);
        return std::memset(small, 0, bytes);
    }
    if (bytes < huge_page) return take_from_slab(bytes);
    return map_aligned(rounded(bytes, small_page), huge_page);
}

void unmap_huge(void* data, std::size_t bytes) {
    if (bytes < least_shared) {
        std::free(data);
    } else if (bytes < huge_page) {
        give_to_slab(data);
    } else {
        ::munmap(data, rounded(bytes, small_page));
    }
}

void forget_huge(void* data, std::size_t bytes, std::size_t begin, std::size_t end) {
    OL_CHECK(begin <= end && end <= bytes);
    if (bytes < huge_page) return; // shares its pages with others
    begin = rounded(begin, huge_page);
    end = end == bytes ? rounded(bytes, small_page) : end / huge_page * huge_page;
    if (begin < end) ::madvise(static_cast<char*>(data) + begin, end - begin, MADV_DONTNEED);
}

} // namespace ol::detail

namespace ol {

void advise_huge(void* data, std::size_t bytes) {
    const auto begin = reinterpret_cast<std::uintptr_t>(data);
    const std::uintptr_t first = (begin + detail::huge_page - 1) / detail::huge_page;
    const std::uintptr_t last = (begin + bytes) / detail::huge_page;
    if (first >= last) return;
    ::madvise(reinterpret_cast<void*>(first * detail::huge_page),
              (last - first) * detail::huge_page, MADV_HUGEPAGE);
}

} // namespace ol
