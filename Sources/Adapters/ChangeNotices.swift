#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the system itself tells about changes in directories: inotify on Linux, nothing elsewhere.
///
/// Only ever a hint of when and where to look: what is told to the script comes from looking, so a lost or repeated notice
/// does no harm.
struct ChangeNotices: ~Copyable {
    /// Becomes readable when there are notices; -1 where the system gives none.
    let descriptor: Int32
    private var directories: [Int32: String] = [:]
    /// True once a directory could not be watched (the system limits their number): looking at intervals must make up.
    private(set) var incomplete: Bool

    init(usingSystem: Bool) {
        #if canImport(Glibc)
            descriptor = usingSystem ? inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK)) : -1
        #else
            descriptor = -1
        #endif
        incomplete = descriptor < 0
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Asks for notices about `directory` and what is directly in it. Watching one twice is one watch.
    mutating func watch(_ directory: String) {
        #if canImport(Glibc)
            guard descriptor >= 0 else { return }
            let wanted =
                IN_CREATE | IN_CLOSE_WRITE | IN_MODIFY | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF
                | IN_MOVE_SELF
            let number = inotify_add_watch(descriptor, directory, UInt32(wanted) | UInt32(IN_ONLYDIR))
            if number < 0 {
                // Not there yet, or one too many: the interval sees it.
                incomplete = true
                return
            }
            directories[number] = directory
        #endif
    }

    /// Before each scan, so that `incomplete` speaks of that scan alone.
    mutating func beginScan() { incomplete = descriptor < 0 }

    /// Takes all waiting notices: the paths they name. An overflow or a vanished directory names none, and the scan that
    /// follows finds what it concerned.
    mutating func take() -> Set<String> {
        var touched: Set<String> = []
        #if canImport(Glibc)
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while descriptor >= 0 {
                let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress!, $0.count) }
                guard count > 0 else { break }
                buffer.withUnsafeBytes { bytes in
                    var offset = 0
                    while offset + MemoryLayout<inotify_event>.size <= count {
                        let event = bytes.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                        let name = bytes[(offset + MemoryLayout<inotify_event>.size)...].prefix(Int(event.len)).prefix {
                            $0 != 0
                        }
                        offset += MemoryLayout<inotify_event>.size + Int(event.len)
                        note(event, String(decoding: name, as: UTF8.self), &touched)
                    }
                }
            }
        #endif
        return touched
    }

    #if canImport(Glibc)
        private mutating func note(_ event: inotify_event, _ name: String, _ touched: inout Set<String>) {
            if event.mask & UInt32(IN_IGNORED) != 0 {
                directories[event.wd] = nil
                return
            }
            guard !name.isEmpty, let directory = directories[event.wd] else { return }
            touched.insert(
                directory == "." ? name : directory.hasSuffix("/") ? directory + name : directory + "/" + name)
        }
    #endif
}
