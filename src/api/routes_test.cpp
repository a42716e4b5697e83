#include <fstream>
#include <set>

#include <unistd.h>

#include <gtest/gtest.h>

#include "api/fake_services.hpp"
#include "api/handler.hpp"
#include "api/schema.hpp"

namespace ol::api {
namespace {

net::Request request_of(std::string method, std::string target, std::string body = {}) {
    net::Request out;
    out.method = std::move(method);
    const std::size_t question = target.find('?');
    out.path = target.substr(0, question);
    if (question != std::string::npos) out.query = target.substr(question + 1);
    out.headers = {{"host", "127.0.0.1:8420"}};
    if (out.method != "GET" && out.method != "HEAD") {
        out.headers.emplace_back("content-type", "application/json");
    }
    out.body = std::move(body);
    return out;
}

std::string code_of(const net::Response& response) {
    auto json = Json::parse(response.body);
    if (!json || !(*json)["error"]["message"].is_string()) return "no error: " + response.body;
    return (*json)["error"]["code"].as_string().value_or("?");
}

std::string message_of(const net::Response& response) {
    return (*Json::parse(response.body))["error"]["message"].as_string().value_or("");
}

std::string header_of(const net::Response& response, std::string_view name) {
    for (const auto& [each, value] : response.headers) {
        if (each == name) return value;
    }
    return {};
}

class RoutesTest : public ::testing::Test {
protected:
    net::Response send(const net::Request& request) { return handler_(request); }
    net::Response get(const std::string& target) { return send(request_of("GET", target)); }
    net::Response post(const std::string& target, std::string body = {}) {
        return send(request_of("POST", target, std::move(body)));
    }
    FakeServices services_;
    net::Handler handler_ = make_handler(services_, {});
};

const std::string hash_text = "0x" + std::string(62, '0') + "a7";
const std::string address_text = "0x" + std::string(38, '0') + "c3";

TEST_F(RoutesTest, EachRouteCallsItsService) {
    const std::string hash = hash_text.substr(2), address = address_text.substr(2);
    const struct {
        const char* method;
        std::string target, body, call;
    } cases[] = {
        {"GET", "/api/status", "", "status"},
        {"GET", "/api/contracts", "", "contracts"},
        {"GET", "/api/datanets", "", "datanets"},
        {"POST", "/api/datanets", R"({"name":"a","wallet":"w"})",
         R"(create_datanet {"name":"a","wallet":"w"})"},
        {"GET", "/api/datanets/foldoc", "", "datanet foldoc"},
        {"GET", "/api/datanets/foldoc/records", "", "records foldoc 0 50"},
        {"GET", "/api/datanets/foldoc/records?offset=10&limit=5", "", "records foldoc 10 5"},
        {"GET", "/api/datanets/foldoc/records/" + hash_text, "", "record foldoc " + hash},
        {"GET", "/api/datanets/foldoc/versions", "", "versions foldoc"},
        {"POST", "/api/datanets/foldoc/versions", "", "publish foldoc"},
        {"POST", "/api/datanets/foldoc/versions/2/verify", "", "verify_datanet foldoc 2"},
        {"POST", "/api/trace", R"({"datanet":"d","version":3,"text":"some words"})",
         "trace d 3 some words"},
        {"POST", "/api/trace", R"({"datanet":"d","text":"t"})", "trace d 0 t"},
        {"GET", "/api/runs", "", "runs"},
        {"POST", "/api/runs", R"({"name":"n","datanet":"d","epochs":2})",
         R"(create_run {"name":"n","datanet":"d","epochs":2})"},
        {"GET", "/api/runs/r1", "", "run r1"},
        {"POST", "/api/runs/r1/pause", "", "control_run r1 pause"},
        {"POST", "/api/runs/r1/resume", "", "control_run r1 resume"},
        {"POST", "/api/runs/r1/stop", "{}", "control_run r1 stop"},
        {"POST", "/api/runs/r1/register", R"({"wallet":"w","price_in":"5"})",
         R"(register_run r1 {"wallet":"w","price_in":"5"})"},
        {"POST", "/api/models/m/verify", R"({"retrain":true})", "verify_model m true"},
        {"POST", "/api/runs/reproduce", R"({"format":"f","run":{}})",
         R"(reproduce {"format":"f","run":{}} false)"},
        {"POST", "/api/runs/reproduce", R"({"format":"f","anyway":true,"run":{}})",
         R"(reproduce {"format":"f","run":{}} true)"},
        {"POST", "/v1/load_lora_adapter", R"({"lora_name":"m"})", "load m"},
        {"POST", "/v1/unload_lora_adapter", R"({"lora_name":"m"})", "unload m"},
        {"GET", "/api/receipts?limit=1000", "", "receipts 0 1000"},
        {"GET", "/api/receipts/" + hash_text, "", "receipt " + hash},
        {"GET", "/api/receipts/" + hash_text + "/verify", "", "verify_receipt " + hash},
        {"GET", "/api/epochs", "", "epochs"},
        {"GET", "/api/epochs/12", "", "epoch 12"},
        {"POST", "/api/epochs/settle", "", "settle"},
        {"POST", "/api/epochs/finalise", "", "finalise"},
        {"GET", "/api/accounts/" + address_text, "", "account " + address},
        {"POST", "/api/accounts/" + address_text + "/claim", "", "claim " + address},
        {"POST", "/api/accounts/" + address_text + "/fund", "", "fund " + address},
    };
    for (const auto& each : cases) {
        const auto reply = send(request_of(each.method, each.target, each.body));
        EXPECT_EQ(reply.status, 200) << each.target << " " << reply.body;
        EXPECT_EQ(services_.last, each.call) << each.target;
        EXPECT_EQ((*Json::parse(reply.body))["did"].as_string().value_or(""), each.call);
        EXPECT_EQ(reply.content_type, "application/json");
        EXPECT_EQ(header_of(reply, "cache-control"), "no-store");
        EXPECT_EQ(header_of(reply, "x-content-type-options"), "nosniff");
    }
    EXPECT_EQ(send(request_of("HEAD", "/api/status")).status, 200);
}

TEST_F(RoutesTest, ModelsListAndOneOfThem) {
    EXPECT_EQ((*Json::parse(get("/v1/models").body))["data"].items().size(), 2U);
    EXPECT_EQ(get("/v1/models/foldoc").body, R"({"id":"foldoc"})");
    EXPECT_EQ(get("/v1/models/other").status, 404);
}

TEST_F(RoutesTest, RpcIsPassedOnAsItIs) {
    EXPECT_EQ(post("/rpc", "not even JSON").body, "echo not even JSON");
}

TEST_F(RoutesTest, ContributionsCarryFiles) {
    const auto reply = post("/api/datanets/d/contributions",
                            R"({"wallet":"alice","licence":"CC0-1.0","files":[
                               {"name":"a b.txt","content":"text\n\u00e9"},
                               {"name":"b.bin","content_base64":"AP8B"}]})");
    ASSERT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(services_.last, "contribute d alice CC0-1.0");
    ASSERT_EQ(services_.files.size(), 2U);
    EXPECT_EQ(services_.files[0].name, "a b.txt");
    EXPECT_EQ(services_.files[0].content, "text\n\xc3\xa9");
    EXPECT_EQ(services_.files[1].content, std::string("\0\xff\x01", 3));
    for (const char* wrong :
         {R"({"wallet":"w","files":[]})", R"({})", R"({"wallet":"w","files":{}})",
          R"({"wallet":"w","files":[{"name":"x"}]})",
          R"({"wallet":"w","files":[{"name":"../x","content":""}]})",
          R"({"wallet":"w","files":[{"name":"..","content":""}]})",
          R"({"wallet":"w","files":[{"name":"a\\b","content":""}]})",
          R"({"wallet":"w","files":[{"name":"","content":""}]})",
          R"({"wallet":"w","files":[{"name":"a\nb","content":""}]})",
          R"({"wallet":"w","files":[{"name":5,"content":""}]})",
          R"({"wallet":"w","files":[{"name":"a","content_base64":"***"}]})",
          R"({"wallet":"w","files":[{"name":"a","content":"","content_base64":""}]})"}) {
        services_.last = "";
        const auto refused = post("/api/datanets/d/contributions", wrong);
        EXPECT_EQ(refused.status, 400) << wrong;
        EXPECT_EQ(code_of(refused), "invalid_argument") << wrong;
        EXPECT_EQ(services_.last, "") << wrong;
    }
}

TEST_F(RoutesTest, WrongInputIsNamed) {
    const struct {
        const char *method, *target, *body, *message;
    } cases[] = {
        {"GET", "/api/receipts?limit=x", "", "limit must be a number"},
        {"GET", "/api/receipts?limit=1001", "", "limit must be at most 1000"},
        {"GET", "/api/receipts?offset=-1", "", "offset must be a number"},
        {"GET", "/api/receipts?offset=99999999999999999999", "", "offset"},
        {"GET", "/api/receipts/0x12", "", "hash"},
        {"GET", "/api/accounts/0x12", "", "address"},
        {"GET", "/api/epochs/first", "", "n must be a number"},
        {"POST", "/api/datanets", "{", "body"},
        {"POST", "/api/datanets", "[]", "body must be an object, not an array"},
        {"POST", "/api/datanets", "", "member 'name' is missing"},
        {"POST", "/api/runs/r/register", "", "member 'wallet' is missing"},
        {"POST", "/api/datanets", R"({"name":"x"})", "member 'wallet' is missing"},
        {"POST", "/api/datanets", R"({"name":7,"wallet":"w"})",
         "body.name must be a string, not a number"},
        {"POST", "/api/datanets", R"({"name":null,"wallet":"w"})",
         "body.name must be a string, not null"},
        {"POST", "/api/runs", R"({"name":"n","datanet":"d","epochs":0})", "body.epochs"},
        {"POST", "/api/runs", R"({"name":"n","datanet":"d","epochs":1.5})", "an integer"},
        {"POST", "/api/runs", R"({"name":"n","datanet":"d","schedule":"steep"})", "body.schedule"},
        {"POST", "/api/trace", R"({"datanet":"d","text":""})", "body.text"},
        {"POST", "/api/trace", R"({"datanet":"d","text":"x","version":-1})", "body.version"},
    };
    for (const auto& each : cases) {
        services_.last = "";
        const auto reply = send(request_of(each.method, each.target, each.body));
        EXPECT_EQ(reply.status, 400) << each.target << each.body;
        EXPECT_EQ(code_of(reply), "invalid_argument") << each.target;
        EXPECT_NE(message_of(reply).find(each.message), std::string::npos) << reply.body;
        EXPECT_EQ(services_.last, "") << each.target;
    }
}

TEST_F(RoutesTest, ErrorsOfServicesBecomeTheirStatus) {
    const std::pair<ErrorCode, int> table[] = {
        {ErrorCode::invalid_argument, 400},  {ErrorCode::payment, 402},
        {ErrorCode::permission_denied, 403}, {ErrorCode::not_found, 404},
        {ErrorCode::conflict, 409},          {ErrorCode::already_exists, 409},
        {ErrorCode::too_large, 413},         {ErrorCode::unverified, 422},
        {ErrorCode::unsupported, 501},       {ErrorCode::unavailable, 503},
        {ErrorCode::corrupted, 500},         {ErrorCode::io, 500},
        {ErrorCode::cancelled, 500},         {ErrorCode::internal, 500},
    };
    for (const auto& [code, status] : table) {
        services_.error = Error{code, "why \"this\" happened"};
        for (const char* target : {"/api/status", "/api/runs/x/events", "/v1/models"}) {
            const auto reply = get(target);
            EXPECT_EQ(reply.status, status);
            EXPECT_EQ(code_of(reply), to_string(code));
            EXPECT_EQ(message_of(reply), "why \"this\" happened");
        }
    }
}

TEST_F(RoutesTest, UnknownRoutesAndMethods) {
    for (const char* target : {"/api", "/api/", "/api/nothing", "/api/datanets/", "/v1", "/rpc/x",
                               "/api/datanets/a/b", "/api//datanets", "/api/status/"}) {
        const auto reply = get(target);
        EXPECT_EQ(reply.status, 404) << target;
        EXPECT_EQ(code_of(reply), "not_found") << target;
    }
    const auto wrong = send(request_of("DELETE", "/api/datanets"));
    EXPECT_EQ(wrong.status, 405);
    EXPECT_EQ(header_of(wrong, "allow"), "GET, POST");
    EXPECT_EQ(code_of(wrong), "invalid_argument");
    EXPECT_EQ(get("/rpc").status, 405);
    EXPECT_EQ(get("/api/epochs/settle").status, 400); // an epoch's number, and none
    EXPECT_EQ(send(request_of("POST", "/")).status, 404);
}

// ---- who may speak to the node

TEST_F(RoutesTest, OnlyLoopbackNamesUnlessAllowed) {
    const auto status_for = [](const net::Handler& handler, const std::string& host,
                               const char* target = "/api/status") {
        auto request = request_of("GET", target);
        request.headers = {{"host", host}};
        return handler(request).status;
    };
    for (const char* host : {"127.0.0.1", "127.0.0.1:8420", "localhost:1", "LOCALHOST",
                             "[::1]:8420", "[::1]", "127.9.9.9:80", "ui.localhost:8420"}) {
        EXPECT_EQ(status_for(handler_, host), 200) << host;
    }
    for (const char* host : {"", "evil.example", "evil.example:8420", "127.0.0.1.evil.example",
                             "localhost.evil.example", "192.168.1.5:8420", "127.evil", "[::2]:1",
                             "notlocalhost", "0.0.0.0:8420", "localhost:8420:x.evil"}) {
        EXPECT_EQ(status_for(handler_, host), 403) << host;
        EXPECT_EQ(status_for(handler_, host, "/"), 403) << host;
    }
    const auto named = make_handler(services_, {}, {.allowed_hosts = {"Node.example", "b:81"}});
    EXPECT_EQ(status_for(named, "node.example:8420"), 200);
    EXPECT_EQ(status_for(named, "NODE.example"), 200);
    EXPECT_EQ(status_for(named, "b:81"), 200);
    EXPECT_EQ(status_for(named, "b:82"), 403);
    EXPECT_EQ(status_for(named, "other.example"), 403);
    EXPECT_EQ(status_for(make_handler(services_, {}, {.allowed_hosts = {"*"}}), "any.thing"), 200);
}

TEST_F(RoutesTest, ChangesComeFromTheNodesOwnOriginAsJson) {
    const auto post_with = [&](net::Headers headers, std::string body = "{}") {
        net::Request request = request_of("POST", "/api/runs/r/pause", std::move(body));
        request.headers = std::move(headers);
        request.headers.insert(request.headers.begin(), {"host", "127.0.0.1:8420"});
        services_.last = "";
        const int status = send(request).status;
        EXPECT_EQ(services_.last.empty(), status != 200);
        return status;
    };
    const std::pair<std::string, std::string> json{"content-type", "application/json"};
    EXPECT_EQ(post_with({json}), 200);
    EXPECT_EQ(post_with({{"content-type", "Application/JSON ; charset=utf-8"}}), 200);
    EXPECT_EQ(post_with({}, ""), 200); // nothing sent: nothing to mistake
    for (const char* type :
         {"text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data",
          "application/jsonp", "text/plain;application/json"}) {
        EXPECT_EQ(post_with({{"content-type", type}}), 415) << type;
    }
    EXPECT_EQ(post_with({json, {"origin", "http://127.0.0.1:8420"}}), 200);
    for (const char* origin : {"http://evil.example", "null", "http://127.0.0.1:9999",
                               "http://127.0.0.1", "https://127.0.0.1:8420",
                               "http://localhost:8420", "http://127.0.0.1:8420.evil.example"}) {
        EXPECT_EQ(post_with({json, {"origin", origin}}), 403) << origin;
        EXPECT_EQ(post_with({{"origin", origin}}, ""), 403) << origin;
    }
    EXPECT_EQ(post_with({json, {"sec-fetch-site", "cross-site"}}), 403);
    EXPECT_EQ(post_with({json, {"sec-fetch-site", "same-site"}}), 403);
    EXPECT_EQ(post_with({json, {"sec-fetch-site", "same-origin"}}), 200);
    EXPECT_EQ(post_with({json, {"sec-fetch-site", "none"}}), 200);
}

// ---- the description

void collect_refs(const Json& json, std::set<std::string>& refs) {
    for (const auto& [name, value] : json.members()) {
        if (name == "$ref") refs.insert(value.as_string().value_or(""));
        collect_refs(value, refs);
    }
    for (const auto& item : json.items()) collect_refs(item, refs);
}

TEST_F(RoutesTest, OpenApiListsEveryRouteAndNothingElse) {
    const auto document = Json::parse(get("/openapi.json").body);
    ASSERT_TRUE(document);
    EXPECT_EQ((*document)["openapi"].as_string().value_or(""), "3.1.0");
    const Router router = make_router();
    std::size_t operations = 0;
    for (const auto& [path, item] : (*document)["paths"].members()) {
        operations += item.members().size();
    }
    EXPECT_EQ(operations, router.routes().size());
    std::set<std::string> names;
    for (const auto& route : router.routes()) {
        std::string method = route.method;
        for (char& c : method) c = static_cast<char>(std::tolower(c));
        const Json& operation = (*document)["paths"][route.pattern][method];
        EXPECT_EQ(operation["operationId"].as_string().value_or(""), route.operation);
        EXPECT_TRUE(names.insert(route.operation).second);
        EXPECT_FALSE(route.summary.empty());
        EXPECT_EQ(operation.contains("requestBody"), !route.request.is_null());
        EXPECT_TRUE(operation["responses"].contains("default"));
        EXPECT_EQ(operation["responses"].contains("402"), route.payment);
        std::set<std::string> in_path;
        for (const auto& each : operation["parameters"].items()) {
            if (each["in"].as_string().value_or("") == "path") {
                in_path.insert("{" + each["name"].as_string().value_or("") + "}");
            }
        }
        std::size_t placeholders = 0;
        for (const char c : route.pattern) placeholders += c == '{' ? 1 : 0;
        EXPECT_EQ(in_path.size(), placeholders) << route.pattern;
        for (const auto& name : in_path) EXPECT_TRUE(route.pattern.contains(name));
        // Every route is served: a path made from its pattern finds it.
        std::string path = route.pattern;
        for (std::size_t at; (at = path.find('{')) != std::string::npos;) {
            path.replace(at, path.find('}') - at + 1, "1");
        }
        const auto found = router.find(route.method, path, nullptr);
        ASSERT_TRUE(found) << route.pattern;
        EXPECT_EQ(found->route->pattern, route.pattern);
    }
    std::set<std::string> refs;
    collect_refs(*document, refs);
    EXPECT_TRUE(refs.contains("#/components/schemas/Receipt"));
    for (const auto& ref : refs) {
        const std::string prefix = "#/components/schemas/";
        ASSERT_TRUE(ref.starts_with(prefix)) << ref;
        EXPECT_TRUE((*document)["components"]["schemas"].contains(ref.substr(prefix.size())))
            << ref;
    }
}

// Each route of the book's table is one that the router knows.
TEST_F(RoutesTest, TheBooksRoutesExist) {
    const auto book = read_text_file(Path(OL_SOURCE_DIR) / "docs/API.md", 1 << 20);
    ASSERT_TRUE(book) << book.error().to_string();
    const Router router = make_router();
    std::size_t seen = 0;
    for (std::size_t at = 0; (at = book->find('`', at)) != std::string::npos;) {
        const std::size_t end = book->find('`', at + 1);
        std::string text = book->substr(at + 1, end - at - 1);
        at = end + 1;
        const std::size_t space = text.find(" /");
        if (space == std::string::npos) continue;
        std::string methods = text.substr(0, space);
        std::string path = text.substr(space + 1, text.find_first_of("? ", space + 1) - space - 1);
        if (methods.find_first_not_of("GETPOS/") != std::string::npos || path == "/") continue;
        for (std::size_t from = 0; from != std::string::npos;) {
            const std::size_t slash = methods.find('/', from);
            const std::string method = methods.substr(from, slash - from);
            from = slash == std::string::npos ? slash : slash + 1;
            ++seen;
            bool known = false;
            for (const auto& route : router.routes()) {
                known = known || (route.method == method && route.pattern == path);
            }
            EXPECT_TRUE(known) << method << " " << path;
        }
    }
    EXPECT_GT(seen, 25U);
}

TEST(Schema, Checks) {
    using namespace schema;
    const Json schema = object({{"s!", with_bounds(text(), 1, 3)},
                                {"n", with_bounds(integer(), -1, 5)},
                                {"list", with_bounds(array(number()), 0, 2)},
                                {"either", one_of({text(), boolean()})},
                                {"deep", object({{"x!", values({"a", "b"})}})}});
    const auto verdict = [&](const char* json) {
        const auto checked = check(schema, *Json::parse(json));
        return checked ? std::string() : checked.error().context;
    };
    for (const char* good :
         {R"({"s":"a"})", R"({"s":"abc","n":-1,"list":[1,2.5],"either":true,"other":[]})",
          R"({"s":"a","either":"x","deep":{"x":"b"}})", R"({"s":"a","n":null,"deep":null})",
          R"({"s":"a","n":5.0})"}) {
        EXPECT_EQ(verdict(good), "") << good;
    }
    EXPECT_EQ(verdict("{}"), "body: member 's' is missing");
    EXPECT_EQ(verdict(R"({"s":""})"), "body.s: its length must be at least 1, is 0");
    EXPECT_EQ(verdict(R"({"s":"abcd"})"), "body.s: its length must be at most 3, is 4");
    EXPECT_EQ(verdict(R"({"s":"a","n":6})"), "body.n: must be at most 5, is 6");
    EXPECT_EQ(verdict(R"({"s":"a","n":1.5})"), "body.n must be an integer, not a number");
    EXPECT_EQ(verdict(R"({"s":"a","list":[1,"x"]})"),
              "body.list[1] must be a number, not a string");
    EXPECT_EQ(verdict(R"({"s":"a","list":[1,2,3]})"),
              "body.list: its length must be at most 2, is 3");
    EXPECT_EQ(verdict(R"({"s":"a","either":1})"), "body.either must be a string, not a number, or "
                                                  "body.either must be a boolean, not a number");
    EXPECT_EQ(verdict(R"({"s":"a","deep":{}})"), "body.deep: member 'x' is missing");
    EXPECT_EQ(verdict(R"({"s":"a","deep":{"x":"c"}})"), R"(body.deep.x must be one of ["a","b"])");
}

// ---- the console's files

class StaticTest : public RoutesTest {
protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "ol-web-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
        const Path root = folder_ / "web";
        std::filesystem::create_directories(root / "assets");
        std::filesystem::create_directories(root / ".git");
        const auto put = [](const Path& path, std::string_view text) {
            std::ofstream(path) << text;
        };
        put(root / "index.html", "<!doctype html>");
        put(root / "assets/app-0123abcd.js", "export {}");
        put(root / "assets/plain.css", "a{}");
        put(root / "a file.txt", "spaced");
        put(root / ".git/config", "hidden");
        put(folder_ / "secret.txt", "secret");
        std::filesystem::create_symlink(folder_ / "secret.txt", root / "link.txt");
        std::filesystem::create_symlink(root / "index.html", root / "inside.html");
        handler_ = make_handler(services_, root);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    Path folder_;
};

TEST_F(StaticTest, FilesWithTheirTypesAndCaching) {
    const auto index = get("/");
    EXPECT_EQ(index.status, 200);
    EXPECT_EQ(index.body, "<!doctype html>");
    EXPECT_EQ(index.content_type, "text/html; charset=utf-8");
    EXPECT_EQ(header_of(index, "cache-control"), "no-cache");
    EXPECT_EQ(header_of(index, "content-security-policy"),
              "default-src 'self'; style-src 'self' 'unsafe-inline'");
    EXPECT_EQ(header_of(index, "x-content-type-options"), "nosniff");
    EXPECT_EQ(get("/index.html").body, index.body);
    EXPECT_EQ(get("/inside.html").body, index.body);
    EXPECT_EQ(send(request_of("HEAD", "/")).status, 200);
    const auto script = get("/assets/app-0123abcd.js");
    EXPECT_EQ(script.content_type, "text/javascript; charset=utf-8");
    EXPECT_NE(header_of(script, "cache-control").find("immutable"), std::string::npos);
    EXPECT_EQ(header_of(get("/assets/plain.css"), "cache-control"), "no-cache");
    EXPECT_EQ(get("/a file.txt").body, "spaced");

    auto again = request_of("GET", "/");
    again.headers.emplace_back("if-none-match", header_of(index, "etag"));
    EXPECT_EQ(send(again).status, 304);
    EXPECT_EQ(send(again).body, "");
    again.headers.back().second = "\"other\"";
    EXPECT_EQ(send(again).status, 200);
}

TEST_F(StaticTest, NothingOutsideTheFolder) {
    for (const std::string target :
         {"/../secret.txt", "/assets/../../secret.txt", "/./index.html", "//index.html",
          "/assets//plain.css", "/..", "/link.txt", "/.git/config", "/assets", "/assets/",
          "/absent.html", "/..\\secret.txt", "/index.html/x", "/web", "/etc/passwd"}) {
        const auto reply = get(target);
        EXPECT_EQ(reply.status, 404) << target;
        EXPECT_EQ(code_of(reply), "not_found") << target;
        EXPECT_EQ(reply.body.find("secret\n"), std::string::npos);
    }
    EXPECT_EQ(get(std::string("/index.html\0.txt", 16)).status, 404);
}

TEST_F(StaticTest, WithoutAConsoleTheReplySaysSo) {
    handler_ = make_handler(services_, folder_ / "absent");
    const auto reply = get("/");
    EXPECT_EQ(reply.status, 404);
    EXPECT_NE(message_of(reply).find("/openapi.json"), std::string::npos);
}

} // namespace
} // namespace ol::api
