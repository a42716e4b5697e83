// prestateTracer: the accounts and slots that a transaction touches, as they were before it; in
// diff mode what it changed.
#include <map>
#include <set>

#include "base/limits.hpp"
#include "chain/rpc/touches.hpp"
#include "chain/rpc/tracers.hpp"

namespace ol::chain::rpc {

namespace {

struct Snapshot {
    bool exists = false;
    Account account;
    Bytes code;
    std::map<U256, U256> storage;
    bool is_empty() const {
        return account.nonce == 0 && account.balance.is_zero() && code.empty();
    }
};
using Snapshots = std::map<Address, Snapshot>;

class PrestateTracer final : public Recorder {
public:
    PrestateTracer(const TraceSubject& subject, const PrestateOptions& options)
        : options_(options) {
        touch(subject.from);
        touch(subject.coinbase);
        if (subject.to) touch(*subject.to);
        for (const auto& each : subject.authorizations) {
            if (const auto authority = authority_of(each)) touch(*authority);
        }
    }

    bool wants_steps() const override { return true; }

    void step(const evm::Step& step) override {
        visit_touches(
            step, [&](const Address& address) { touch(address); },
            [&](const Address& address, const U256& slot) {
                slots_ += touched_[address].insert(slot).second ? 1 : 0;
            });
    }
    void enter(const evm::Message& message) override {
        touch(message.recipient);
        touch(message.code_address);
    }
    void exit(const evm::Message& message, const evm::CallResult& result) override {
        const bool creates =
            message.kind == evm::CallKind::create || message.kind == evm::CallKind::create2;
        if (creates && result.succeeded()) {
            touch(result.created);
            created_.insert(result.created);
        }
    }

    Status look_before(StateReader& state) override { return look(state, before_); }
    bool wants_after() const override { return options_.diff; }
    Status look_after(StateReader& state) override { return look(state, after_); }

    RpcStatus print(const TraceResult&, Writer& out) override {
        if (touched_.size() + slots_ > limits::rpc_answer_bytes / 200) {
            return std::unexpected(trace_too_large());
        }
        if (options_.diff) {
            print_difference(out);
        } else {
            print_before(out);
        }
        return {};
    }

private:
    void touch(const Address& address) { touched_[address]; }

    Status look(StateReader& state, Snapshots& into) const {
        for (const auto& [address, slots] : touched_) {
            Snapshot& snapshot = into[address];
            const auto account = OL_TRY(state.account(address));
            snapshot.exists = account.has_value();
            if (!account) continue;
            snapshot.account = *account;
            if (account->code_hash != empty_code_hash) {
                snapshot.code = OL_TRY(state.code(account->code_hash))->bytes();
            }
            for (const U256& slot : slots) {
                snapshot.storage[slot] = OL_TRY(state.storage(address, slot));
            }
        }
        return {};
    }

    static void print_storage(Writer& out, const std::map<U256, U256>& storage, bool zeros) {
        bool any = false;
        for (const auto& [slot, value] : storage) any = any || zeros || !value.is_zero();
        if (!any) return;
        out.key("storage");
        out.begin_object();
        for (const auto& [slot, value] : storage) {
            if (!zeros && value.is_zero()) continue;
            out.key(to_hex0x(slot.to_be().view()));
            out.word(value);
        }
        out.end_object();
    }

    static void print_nonce(Writer& out, std::uint64_t nonce) {
        out.key("nonce");
        out.number(nonce);
    }

    void print_account(Writer& out, const Address& address, const Snapshot& snapshot,
                       const std::map<U256, U256>& storage, bool zeros) const {
        out.key(to_hex0x(address.view()));
        out.begin_object();
        out.member("balance", snapshot.account.balance);
        if (options_.code && !snapshot.code.empty()) {
            out.member("code", snapshot.code);
            out.member("codeHash", snapshot.account.code_hash);
        }
        if (snapshot.account.nonce != 0) print_nonce(out, snapshot.account.nonce);
        if (options_.storage) print_storage(out, storage, zeros);
        out.end_object();
    }

    void print_before(Writer& out) const {
        out.begin_object();
        for (const auto& [address, snapshot] : before_) {
            const bool is_new = created_.contains(address) && snapshot.is_empty();
            if (is_new && !options_.empty_accounts) continue;
            print_account(out, address, snapshot, snapshot.storage, true);
        }
        out.end_object();
    }

    struct Change {
        bool nonce = false, balance = false, code = false, gone = false;
        std::map<U256, U256> before, after; // slots that differ
        bool any() const { return nonce || balance || code || gone || !before.empty(); }
    };
    Change change_of(const Address& address) const {
        const Snapshot& before = before_.at(address);
        const Snapshot& after = after_.at(address);
        Change out;
        out.nonce = before.account.nonce != after.account.nonce;
        out.balance = before.account.balance != after.account.balance;
        out.code = before.account.code_hash != after.account.code_hash;
        out.gone = before.exists && !after.exists;
        for (const U256& slot : touched_.at(address)) {
            const auto in = [&](const Snapshot& side) {
                const auto found = side.storage.find(slot);
                return found == side.storage.end() ? U256() : found->second;
            };
            if (in(before) == in(after)) continue;
            out.before[slot] = in(before);
            out.after[slot] = in(after);
        }
        return out;
    }

    void print_difference(Writer& out) const {
        out.begin_object();
        out.key("post");
        out.begin_object();
        for (const auto& [address, after] : after_) {
            const Change change = change_of(address);
            if (!change.any() || change.gone) continue;
            out.key(to_hex0x(address.view()));
            out.begin_object();
            if (change.balance) out.member("balance", after.account.balance);
            if (change.code && options_.code) {
                out.member("code", after.code);
                out.member("codeHash", after.account.code_hash);
            }
            if (change.nonce) print_nonce(out, after.account.nonce);
            if (options_.storage) print_storage(out, change.after, false);
            out.end_object();
        }
        out.end_object();
        out.key("pre");
        out.begin_object();
        for (const auto& [address, before] : before_) {
            const Change change = change_of(address);
            if (!change.any() || (!before.exists && !options_.empty_accounts)) continue;
            print_account(out, address, before, change.before, false);
        }
        out.end_object();
        out.end_object();
    }

    const PrestateOptions options_;
    std::map<Address, std::set<U256>> touched_;
    std::uint64_t slots_ = 0;
    std::set<Address> created_;
    Snapshots before_, after_;
};

} // namespace

std::unique_ptr<Recorder> make_prestate_tracer(const TraceSubject& subject,
                                               const PrestateOptions& options) {
    return std::make_unique<PrestateTracer>(subject, options);
}

} // namespace ol::chain::rpc
