#include "base/huge_array.hpp"

#include <cstdint>
#include <cstdlib>

#include <sys/mman.h>

#include "base/check.hpp"

namespace ol::detail {

namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;

std::size_t rounded(std::size_t bytes) { return (bytes + huge_page - 1) / huge_page * huge_page; }

} // namespace

void* map_huge(std::size_t bytes) {
    if (bytes < huge_page) {
        void* small = std::calloc(1, bytes);
        OL_CHECK(small != nullptr);
        return small;
    }
    // A huge page wants its alignment: take one more and give back what stands out.
    const std::size_t size = rounded(bytes);
    void* mapped = ::mmap(nullptr, size + huge_page, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    OL_CHECK(mapped != MAP_FAILED);
    auto* const begin = static_cast<char*>(mapped);
    const std::size_t skew = reinterpret_cast<std::size_t>(begin) % huge_page;
    const std::size_t before = skew == 0 ? 0 : huge_page - skew;
    if (before > 0) ::munmap(begin, before);
    if (before < huge_page) ::munmap(begin + before + size, huge_page - before);
    ::madvise(begin + before, size, MADV_HUGEPAGE); // a wish; without it the pages are small
    return begin + before;
}

void unmap_huge(void* data, std::size_t bytes) {
    if (bytes < huge_page) {
        std::free(data);
    } else {
        ::munmap(data, rounded(bytes));
    }
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
