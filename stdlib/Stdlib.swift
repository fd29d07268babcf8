//! Stdlib: the language's own library, embedded.
//!
//! Comes in: the `.slu` files beside this one, put into one static string when the package is built. Goes out: the source of
//! a definition, by namespace and name. Nothing is parsed at start: looking up a name is a binary search over bytes.

/// The embedded library.
public enum Stdlib {
    /// One definition in the library.
    public struct Entry: @unchecked Sendable {
        // Sendable: static bytes.
        /// UTF-8, living as long as the process.
        public let source: UnsafeBufferPointer<UInt8>
        /// For messages: `clojure/core.slu`.
        public let file: String
        /// The line of the file where the definition starts, from 1.
        public let line: Int
    }

    /// The definition of `namespace/name`, or nil.
    public static func find(_ namespace: UnsafeBufferPointer<UInt8>, _ name: UnsafeBufferPointer<UInt8>) -> Entry? {
        let lines = Lines.all
        guard let at = lines.firstLine(atOrAfter: namespace, name), lines.namespace(at).elementsEqual(namespace),
            lines.symbol(at).elementsEqual(name)
        else { return nil }
        return lines.entry(at)
    }

    public static func find(namespace: String, name: String) -> Entry? {
        var namespace = namespace
        var name = name
        return namespace.withUTF8 { namespaceBytes in name.withUTF8 { find(namespaceBytes, $0) } }
    }

    /// Every namespace of the library, in order.
    public static let namespaces: [String] = {
        var found: [String] = []
        let lines = Lines.all
        var at = 0
        while at < lines.bytes.count {
            let namespace = lines.namespace(at)
            if found.last.map({ !$0.utf8.elementsEqual(namespace) }) ?? true {
                found.append(String(decoding: namespace, as: UTF8.self))
            }
            at = lines.end(at) + 1
        }
        return found
    }()

    /// Whether the library defines something in a namespace: a search, where `namespaces` walks the whole index.
    public static func has(_ namespace: String) -> Bool {
        var namespace = namespace
        return namespace.withUTF8 { wanted in
            let lines = Lines.all
            return lines.firstLine(atOrAfter: wanted, UnsafeBufferPointer(start: nil, count: 0)).map {
                lines.namespace($0).elementsEqual(wanted)
            } ?? false
        }
    }

    /// The `ns` form of a namespace, which documents it.
    public static func namespaceForm(_ namespace: String) -> Entry? { find(namespace: namespace, name: ":ns") }

    /// The names defined in a namespace, in order.
    public static func names(in namespace: String) -> [String] {
        var namespace = namespace
        return namespace.withUTF8 { wanted in
            let lines = Lines.all
            var found: [String] = []
            var at = lines.firstLine(atOrAfter: wanted, UnsafeBufferPointer(start: nil, count: 0)) ?? lines.bytes.count
            while at < lines.bytes.count, lines.namespace(at).elementsEqual(wanted) {
                // A keyword is no definition: `:ns` is the form that opens the namespace.
                if lines.symbol(at).first != UInt8(ascii: ":") {
                    found.append(String(decoding: lines.symbol(at), as: UTF8.self))
                }
                at = lines.end(at) + 1
            }
            return found
        }
    }
}

/// The index: lines of `namespace/name start end line file`, sorted by their bytes.
private struct Lines: @unchecked Sendable {
    // Sendable: static bytes.
    typealias Bytes = UnsafeBufferPointer<UInt8>
    let bytes: Bytes

    static let all: Lines = {
        let index = EmbeddedLibrary.index
        return Lines(bytes: Bytes(start: index.utf8Start, count: index.utf8CodeUnitCount))
    }()

    /// The offset of the line break that ends the line at `at`.
    func end(_ at: Int) -> Int {
        var end = at
        while end < bytes.count, bytes[end] != 0x0a { end += 1 }
        return end
    }

    /// Bytes of the namespace: up to the first slash.
    func namespace(_ at: Int) -> Bytes { slice(at, until: UInt8(ascii: "/")) }

    /// Bytes of the name: after the first slash, up to the blank.
    func symbol(_ at: Int) -> Bytes { slice(at + namespace(at).count + 1, until: UInt8(ascii: " ")) }

    private func slice(_ start: Int, until stop: UInt8) -> Bytes {
        var end = start
        while end < bytes.count, bytes[end] != stop, bytes[end] != 0x0a { end += 1 }
        return Bytes(rebasing: bytes[start..<end])
    }

    /// The first line whose name is not before `namespace/name`; nil when all are.
    func firstLine(atOrAfter namespace: Bytes, _ name: Bytes) -> Int? {
        var low = 0
        var high = bytes.count
        while low < high {
            var start = (low + high) / 2
            while start > low, bytes[start - 1] != 0x0a { start -= 1 }
            if isBefore(start, namespace, name) { low = end(start) + 1 } else { high = start }
        }
        return low < bytes.count ? low : nil
    }

    /// Whether the line's `namespace/name` sorts before the given one.
    private func isBefore(_ at: Int, _ namespace: Bytes, _ name: Bytes) -> Bool {
        var offset = at
        for index in 0..<namespace.count + 1 + name.count {
            let byte =
                index < namespace.count
                ? namespace[index] : index == namespace.count ? UInt8(ascii: "/") : name[index - namespace.count - 1]
            let own = offset < bytes.count ? bytes[offset] : 0
            if own == UInt8(ascii: " ") || own < byte { return true }
            if own > byte { return false }
            offset += 1
        }
        return false
    }

    func entry(_ at: Int) -> Stdlib.Entry {
        let line = Bytes(rebasing: bytes[at..<end(at)])
        let fields = line.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
        let text = EmbeddedLibrary.text
        let start = Int(fields[1]) ?? 0
        let end = Int(fields[2]) ?? start
        return Stdlib.Entry(
            source: Bytes(start: text.utf8Start + start, count: end - start), file: fields[4], line: Int(fields[3]) ?? 1
        )
    }
}
