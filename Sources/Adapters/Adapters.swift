//! Adapters: the real world as effect handlers.
//!
//! Comes in: effect requests of the engine. Goes out: outcomes. Each family has a core that knows nothing of effects
//! (`FileSystem`, `TreeWatcher`, `HTTPClient`, `ChatClient`, `ProcessRunner`) and speaks in its own Swift types, and a thin
//! layer of handlers that states what it is about to touch, calls the core and turns its answer into a value. Nothing here
//! blocks its caller: blocking system calls run on a `BlockingPool`, HTTP on one event loop, programs on a thread each.
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
