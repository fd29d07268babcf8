/// The names of one instance: interns text to `Name`, charges what it keeps, frees it with the instance (N6).
///
/// Well-known names (`KnownName`) are looked up first, in a constant table of the process, so that Swift code can name and
/// switch over them without a table at hand.
public final class Names: @unchecked Sendable {
    // Sendable: `lock` guards the two mutable fields.
    private let lock = Lock()
    private var slots: [Name?]
    private var count = 0
    private var bytes = 0

    /// More names than this cannot be interned by one instance: the budget for a script that makes keywords without end.
    public let limit: Int

    public init(limit: Int = 4_000_000) {
        self.limit = limit
        slots = Array(repeating: nil, count: 256)
    }

    deinit {
        for case let name? in slots { name.free() }
        Meter.credit(bytes)
    }

    /// How many names this instance added to the well-known ones.
    public var added: Int { lock.withLock { count } }

    public func intern(_ namespace: String?, _ name: String) -> Name {
        var name = name
        return name.withUTF8 { nameBytes in
            guard var namespace else { return intern(namespace: nil, name: nameBytes) }
            return namespace.withUTF8 { intern(namespace: $0, name: nameBytes) }
        }
    }

    /// Interns `namespace/name` or `name`: the text is split at its first slash unless it is the slash alone.
    public func intern(_ text: String) -> Name {
        var text = text
        return text.withUTF8 { bytes in
            let (namespace, name) = Names.split(bytes)
            return intern(namespace: namespace, name: name)
        }
    }

    public func keyword(_ text: String) -> Value { .keyword(intern(text)) }
    public func symbol(_ text: String) -> Value { .symbol(intern(text)) }

    public static func split(_ text: String) -> (namespace: String?, name: String) {
        var text = text
        return text.withUTF8 { utf8 in
            let (namespace, name) = split(utf8)
            return (namespace.map { String(decoding: $0, as: UTF8.self) }, String(decoding: name, as: UTF8.self))
        }
    }

    /// The same of bytes, as parts of them.
    static func split(
        _ text: UnsafeBufferPointer<UInt8>
    ) -> (namespace: UnsafeBufferPointer<UInt8>?, name: UnsafeBufferPointer<UInt8>) {
        guard text.count > 1, let slash = text.firstIndex(of: UInt8(ascii: "/")), slash > 0 else { return (nil, text) }
        return (UnsafeBufferPointer(rebasing: text[..<slash]), UnsafeBufferPointer(rebasing: text[(slash + 1)...]))
    }

    public func intern(namespace: UnsafeBufferPointer<UInt8>?, name: UnsafeBufferPointer<UInt8>) -> Name {
        let hash = Name.textHash(namespace: namespace, name: name)
        if let known = KnownName.table.find(namespace: namespace, name: name, hash: hash) { return known }
        return lock.withLock {
            var slot = Int(hash) & (slots.count - 1)
            while let found = slots[slot] {
                if found.textHash == hash, found.matches(namespace: namespace, name: name) { return found }
                slot = (slot + 1) & (slots.count - 1)
            }
            let made = Name.make(namespace: namespace, name: name, hash: hash, known: -1)
            let size = 48 + name.count + (namespace?.count ?? 0)
            bytes += size
            Meter.charge(size)
            slots[slot] = made
            count += 1
            if count * 2 > slots.count { grow() }
            return made
        }
    }

    private func grow() {
        let old = slots
        slots = Array(repeating: nil, count: old.count * 2)
        let more = old.count * MemoryLayout<Name?>.stride
        bytes += more
        Meter.charge(more)
        for case let name? in old {
            var slot = Int(name.textHash) & (slots.count - 1)
            while slots[slot] != nil { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = name
        }
    }
}
