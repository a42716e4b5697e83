#include "chain/evm/precompiles/bn254/fp.hpp"

namespace ol::chain::evm::bn254 {

std::optional<Fp> Fp::from_be(const std::uint8_t* bytes) {
    Limbs number;
    for (int i = 0; i < 4; ++i) number[i] = get_be64(bytes + 8 * (3 - i));
    Limbs ignored;
    if (!detail::subtract(ignored, number, modulus)) return std::nullopt;
    return of(number);
}

void Fp::to_be(std::uint8_t* bytes) const {
    const Fp number = *this * Fp(Limbs{1, 0, 0, 0});
    for (int i = 0; i < 4; ++i) put_be64(bytes + 8 * (3 - i), number.limb[i]);
}

} // namespace ol::chain::evm::bn254
