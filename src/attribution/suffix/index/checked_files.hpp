// CheckedFiles: which files of an index were read and found whole, in the file `checked` of its
// folder, so that opening reads each of them once and not every time. A file counts as checked
// while its size, inode and times are those of then; whatever writes to it changes its times. It is
// a cache: absent, damaged or not writable, everything is checked again.
#pragma once

#include <map>
#include <string>

#include "base/file.hpp"

namespace ol::attribution::suffix {

class CheckedFiles {
public:
    static CheckedFiles read(const Path& folder);
    bool knows(const std::string& name) const; // and it has not been touched since
    void add(const std::string& name);
    void write() const; // when something was added; failures are not told

private:
    std::string stamp_of(const std::string& name) const; // empty when there is no such file
    Path folder_;
    std::map<std::string, std::string> stamps_;
    bool changed_ = false;
};

} // namespace ol::attribution::suffix
