// An EVM written for clarity alone, against which the real one is tested: a switch, a vector,
// native recursion, gas counted step by step from the EIPs' tables. It shares the arithmetic
// (proved against GMP) and the journal, nothing else.
#pragma once

#include "chain/evm/evm.hpp"

namespace ol::chain::evm {

class NaiveEvm {
public:
    NaiveEvm(Journal& journal, const Rules& rules, const BlockContext& block,
             const TransactionContext& transaction)
        : journal_(journal)
        , rules_(rules)
        , block_(block)
        , transaction_(transaction) {}

    struct Outcome {
        Status status = Status::success;
        std::int64_t gas = 0;
        Bytes output;
    };
    Outcome call(const Message& message);
    // Of a contract at message.recipient.
    Outcome create(const Message& message);

private:
    struct Run;
    Outcome run(const Message& message, const Bytes& code);
    bool since(Fork fork) const { return rules_.fork >= fork; }

    Journal& journal_;
    Rules rules_;
    const BlockContext& block_;
    const TransactionContext& transaction_;
};

} // namespace ol::chain::evm
