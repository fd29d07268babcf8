#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// An interned name: what a keyword or a symbol is made of, an optional namespace and a name.
///
/// A word that points at a record which lives as long as its `Names` table, so copying one costs nothing, equality is
/// identity, and its text and hash are reachable without the table. The hash depends on the text alone, so the order of
/// hashed collections is the same in every process (rule 10 of the house: no order may depend on timing).
public struct Name: Hashable, @unchecked Sendable {
    /// Unsafe because a pointer: records are immutable once published and freed only with the table that made them; the
    /// embedding API keeps that table alive for every value it hands out.
    @usableFromInline let record: UnsafePointer<Record>

    @usableFromInline struct Record {
        @usableFromInline let hash: UInt32
        /// Index in `KnownName.allCases`, or -1.
        @usableFromInline let known: Int32
        /// Bytes of the namespace, or -1 without one.
        let namespaceLength: Int32
        let nameLength: Int32
        /// The namespace's bytes followed by the name's.
        let bytes: UnsafePointer<UInt8>
    }

    @inlinable @inline(__always) public static func == (left: Name, right: Name) -> Bool { left.record == right.record }
    public func hash(into hasher: inout Hasher) { hasher.combine(record) }

    /// What dictionaries ask for; where a record lies is of nobody's choosing.
    public func _rawHashValue(seed: Int) -> Int { Hashing.inDictionary(UInt64(UInt(bitPattern: record)), seed) }

    /// A hash of the text, the same in every process.
    @inlinable @inline(__always) public var textHash: UInt32 { record.pointee.hash }

    public var namespace: String? {
        let length = Int(record.pointee.namespaceLength)
        return length < 0
            ? nil : String(decoding: UnsafeBufferPointer(start: record.pointee.bytes, count: length), as: UTF8.self)
    }

    public var name: String { String(decoding: nameBytes, as: UTF8.self) }

    /// `namespace/name`, or the name alone.
    public var description: String { namespace.map { "\($0)/\(name)" } ?? name }

    /// The same for a message: of a very long one the beginning alone.
    public var briefly: String { Name.beginning(of: description) }

    /// Characters of a name that a message shows.
    private static let shown = 80

    public static func beginning(of text: String) -> String {
        text.utf8.count <= shown ? text : text.prefix(shown) + "…"
    }

    public var nameBytes: UnsafeBufferPointer<UInt8> {
        let start = max(0, Int(record.pointee.namespaceLength))
        return UnsafeBufferPointer(start: record.pointee.bytes + start, count: Int(record.pointee.nameLength))
    }

    public var namespaceBytes: UnsafeBufferPointer<UInt8>? {
        let length = Int(record.pointee.namespaceLength)
        return length < 0 ? nil : UnsafeBufferPointer(start: record.pointee.bytes, count: length)
    }

    public var hasNamespace: Bool { record.pointee.namespaceLength >= 0 }

    /// Which well-known name this is, for switching.
    public var known: KnownName? {
        let index = record.pointee.known
        return index < 0 ? nil : KnownName.allCases[Int(index)]
    }
}

extension Name {
    /// Makes a record; the caller owns it.
    static func make(
        namespace: UnsafeBufferPointer<UInt8>?, name: UnsafeBufferPointer<UInt8>, hash: UInt32, known: Int32
    ) -> Name {
        let prefix = namespace?.count ?? 0
        // One block for both, and from `malloc` itself: for memory without a type Swift asks for aligned blocks, which cost
        // more time and room.
        guard let block = malloc(MemoryLayout<Record>.stride + prefix + name.count) else {
            fatalError("the system is out of memory")
        }
        let bytes = (block + MemoryLayout<Record>.stride).assumingMemoryBound(to: UInt8.self)
        if let namespace, let base = namespace.baseAddress { bytes.update(from: base, count: prefix) }
        if let base = name.baseAddress { (bytes + prefix).update(from: base, count: name.count) }
        let record = block.bindMemory(to: Record.self, capacity: 1)
        record.initialize(
            to: Record(
                hash: hash, known: known, namespaceLength: namespace == nil ? -1 : Int32(prefix),
                nameLength: Int32(name.count), bytes: bytes))
        return Name(record: record)
    }

    func free() {
        #if canImport(Glibc)
            Glibc.free(UnsafeMutablePointer(mutating: record))
        #else
            Darwin.free(UnsafeMutablePointer(mutating: record))
        #endif
    }

    /// FNV-1a over the text, finished so that all bits depend on all bytes.
    static func textHash(namespace: UnsafeBufferPointer<UInt8>?, name: UnsafeBufferPointer<UInt8>) -> UInt32 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        if let namespace {
            for byte in namespace { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            hash = (hash ^ 0x2f) &* 0x100_0000_01b3
        }
        for byte in name { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash ^= hash >> 32
        hash = hash &* 0x9e37_79b9_7f4a_7c15
        return UInt32(truncatingIfNeeded: hash >> 32)
    }

    func matches(namespace: UnsafeBufferPointer<UInt8>?, name: UnsafeBufferPointer<UInt8>) -> Bool {
        guard Int(record.pointee.nameLength) == name.count else { return false }
        switch (namespaceBytes, namespace) {
        case (nil, nil): break
        case (let mine?, let theirs?): if !Name.areSame(mine, theirs) { return false }
        default: return false
        }
        return Name.areSame(nameBytes, name)
    }

    private static func areSame(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Bool {
        guard a.count == b.count else { return false }
        guard let a = a.baseAddress, let other = b.baseAddress else { return true }
        return memcmp(a, other, b.count) == 0
    }
}
