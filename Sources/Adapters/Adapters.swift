//! Adapters: the real world as effect handlers.
//!
//! Comes in: effect requests of the engine. Goes out: outcomes. Each family has a core that knows nothing of effects
//! (`FileSystem`, `TreeWatcher`, `HTTPClient`, `ChatClient`, `ProcessRunner`, `MCPMachine`) and speaks in its own Swift types, and a thin
//! layer of handlers that states what it is about to touch, calls the core and turns its answer into a value. Nothing here
//! blocks its caller: blocking system calls run on a `BlockingPool`, HTTP on one event loop, programs and servers of tools on a
//! thread each.
//!
//! Times are the run's: each limit, of a request as of a program, is measured on the clock that the run has. Virtual time
//! stands while anything outside is under way, so there no request and no program is ever too slow, on whatever machine; what
//! never answers is ended by wall time (`--max-seconds`). Only what is none of the script's business keeps real time: how long
//! libcurl tries to connect, and how long a program that is to end has for it.
//!
//! Without Foundation, which would add milliseconds to every start; libcurl is opened on first use (`CCurl`).

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A variable of the process's environment; nil when it is unset or empty, as shells' `${NAME:-…}` has it.
func environment(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.isEmpty ? nil : text
}
