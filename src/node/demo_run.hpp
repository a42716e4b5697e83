// Demo: one run of the main job; demo.hpp is what others call. The data side (ledger,
// contributions, copyist, version, training) is in demo.cpp, the money side (answers, epochs,
// claims) in demo_money.cpp.
#pragma once

#include <string>
#include <vector>

#include "node/demo.hpp"
#include "node/node.hpp"
#include "node/remote.hpp"

namespace ol::node {

inline constexpr std::string_view datanet_name = "reference-shelf";
inline constexpr std::string_view adapter_name = "shelf-helper";

// One run of the demo: the node, what was learnt so far, and the report that grows.
class Demo {
public:
    Demo(const DemoOptions& options, const cli::Console& console)
        : options_(options)
        , out_(console) {}

    Result<codec::Json> run() {
        OL_TRY(timed("ledger", [&] { return start_ledger(); }));
        OL_TRY(timed("contribute", [&] { return contribute(); }));
        OL_TRY(timed("copyist", [&] { return catch_copyist(); }));
        OL_TRY(timed("publish", [&] { return publish(); }));
        OL_TRY(timed("train", [&] { return train(); }));
        OL_TRY(timed("serve", [&] { return serve(); }));
        OL_TRY(timed("ask", [&] { return ask(); }));
        OL_TRY(timed("settle", [&] { return settle(); }));
        OL_TRY(timed("forgery", [&] { return catch_forgery(); }));
        OL_TRY(timed("claim", [&] { return claim(); }));
        return finish();
    }

private:
    template <class Step>
    Status timed(const std::string& name, const Step& step) {
        const Stopwatch watch;
        OL_TRY_IN(step(), "step '{}'", name);
        seconds_.set(name, watch.seconds());
        total_seconds_ += watch.seconds();
        return {};
    }

    void title(int number, std::string_view text) {
        out_.line();
        out_.line(out_.paint(cli::Paint::bold, fmt::format("{}. {}", number, text)));
    }

    std::string owner_name(const Address& owner) const {
        for (std::size_t i = 0; i < sources_.size(); ++i) {
            if (owners_.at(i) == owner) return out_.paint_index(i, sources_[i].wallet);
        }
        const auto name = node_->context().keys->name_of(owner);
        return name ? *name : cli::short_hex(to_hex0x(owner.view()));
    }

    Status start_ledger();
    Status contribute();
    Status catch_copyist();
    Status publish();
    Status train();
    Status serve();
    Status ask();
    Status settle();
    Status catch_forgery();
    Status claim();
    Result<codec::Json> finish();

    Result<Path> write_copies();
    Result<api::CompletionReply> ask_one(RemoteServices& api, const std::string& prompt,
                                         std::uint32_t max_tokens);
    Status refuse_tampered(const AdapterRow& row);
    Status pass_challenge_window();

    const DemoOptions& options_;
    const cli::Console& out_;
    std::vector<DemoSource> sources_;
    std::vector<Address> owners_; // by source
    std::unique_ptr<Node> node_;
    std::unique_ptr<net::Server> server_;
    std::string url_;
    Hash32 datanet_id_;
    std::uint64_t accepted_ = 0;
    codec::Json rejected_ = codec::Json::array(), answers_ = codec::Json::array(),
                claims_ = codec::Json::array();
    codec::Json report_ = codec::Json::object(), seconds_ = codec::Json::object();
    double total_seconds_ = 0, attribution_rate_ = 0;
    double decode_seconds_ = 0;
    std::uint64_t decoded_tokens_ = 0;
};

} // namespace ol::node
