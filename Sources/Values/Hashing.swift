import Synchronization

/// Hash codes: consistent with `=`, the same in every process, so they may reach a journal.
///
/// Sequential collections of every kind hash alike, maps and sets by content without regard to order. Collections nested to
/// any depth are hashed by a loop; vectors, maps and sets remember theirs.
public enum Hashing {
    /// Spreads the bits of a word over a hash: the folded product of a full-width multiplication.
    @inline(__always) @usableFromInline static func mix(_ word: UInt64) -> UInt32 {
        let product = (word ^ 0x2d35_8dcc_aa6c_78a5).multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
        let folded = product.high ^ product.low
        return UInt32(truncatingIfNeeded: folded ^ folded &>> 32)
    }

    /// For keys of the host's dictionaries that have spread bits or bits of nobody's choosing already: what a dictionary makes of
    /// a key by itself costs several hundred instructions.
    @inlinable @inline(__always) public static func inDictionary(_ word: UInt64, _ seed: Int) -> Int {
        let product = (word ^ UInt64(bitPattern: Int64(seed)) ^ 0x2d35_8dcc_aa6c_78a5)
            .multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
        return Int(truncatingIfNeeded: product.high ^ product.low)
    }

    /// For an integer; a big integer that fits a word must use this too.
    ///
    /// Eight neighbours differ in the lowest bits alone, so that they share a cache line of an index: keys often count up.
    @inlinable @inline(__always) public static func int(_ int: Int64) -> UInt32 {
        mix(UInt64(bitPattern: int &>> 3)) ^ UInt32(truncatingIfNeeded: int & 7)
    }

    /// Zeros of both signs are equal, so they hash alike.
    public static func double(_ double: Double) -> UInt32 {
        mix((double == 0 ? 0 : double.bitPattern) ^ 0x5555_0000_5555)
    }

    @inline(__always) static func keyword(_ name: Name) -> UInt32 { name.textHash &+ 0x9e37_79b9 }

    /// For the bytes of a text, eight at a time.
    static func bytes(of text: Text) -> UInt32 {
        let count = text.byteCount
        let raw = UnsafeRawPointer(text.bytes)
        var state = UInt64(count) &* 0x9e37_79b9_7f4a_7c15
        var at = 0
        while at + 8 <= count {
            state = step(state ^ UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
            at += 8
        }
        // The rest as one number, the first byte highest; the word that ends with it is there (see `TextHeader`).
        let word = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self))
        let last = word & (1 << UInt64(8 * (count - at)) - 1)
        return mix(step(state ^ last))
    }

    /// For a `ShortText`, which equals no other text.
    @inline(__always) static func short(_ word: UInt64) -> UInt32 { mix(word ^ 0x8bb8_4b93_962e_acc9) }

    @inline(__always) private static func step(_ word: UInt64) -> UInt64 {
        let product = (word ^ 0x8bb8_4b93_962e_acc9).multipliedFullWidth(by: 0xd6e8_feb8_6659_fd93)
        return product.high ^ product.low
    }

    /// For an ordered collection: `seed`, then `ordered` over the elements' hashes, then `finish`.
    static let orderedSeed: UInt32 = 1
    @inline(__always) static func ordered(_ sum: UInt32, _ element: UInt32) -> UInt32 { sum &* 31 &+ element }
    @inline(__always) static func finishOrdered(_ sum: UInt32) -> UInt32 { mix(UInt64(sum) | 0x1_0000_0000) }

    /// For a map, from the sum of its entries' hashes, and for a set, from the sum of its elements'.
    @inline(__always) package static func entry(_ key: UInt32, _ value: UInt32) -> UInt32 {
        mix(UInt64(key) << 32 | UInt64(value))
    }
    package static func finishMap(_ sum: UInt32, count: Int) -> UInt32 {
        mix(UInt64(sum) | UInt64(count) << 34 | 2 << 32)
    }
    package static func finishSet(_ sum: UInt32, count: Int) -> UInt32 {
        mix(UInt64(sum) | UInt64(count) << 34 | 3 << 32)
    }
}

extension Text {
    /// A hash of the bytes; computed once.
    @inline(__always) public var hash: UInt32 {
        let known = cachedHash.pointee.load(ordering: .relaxed)
        return known != 0 ? known : computeHash()
    }

    @inline(never) private func computeHash() -> UInt32 {
        let hash = max(1, Hashing.bytes(of: self))
        cachedHash.pointee.store(hash, ordering: .relaxed)
        return hash
    }
}

extension Value {
    /// Consistent with `equals`; throws `.force` when a part is not realised.
    public func hashCode() throws(Fault) -> UInt32 {
        if let known = try shallowHash() { return known }
        try Nesting.enter()
        defer { Nesting.leave() }
        return try DeepHash.run(self)
    }

    /// The hash of a value that is a word; 0 for others.
    public var quickHash: UInt32 {
        switch self {
        case .nil: 0
        case .bool(let bool): bool ? 0x4cf5_ad43 : 0x2745_937f
        case .int(let int): Hashing.int(int)
        case .double(let double): Hashing.double(double)
        case .char(let char): Hashing.mix(UInt64(char) | 0x7777 << 40)
        case .keyword(let name): Hashing.keyword(name)
        case .symbol(let name): name.textHash
        case .shortText(let text): text.hash
        default: 0
        }
    }

    /// The hash of anything but a collection whose hash is still to be computed.
    fileprivate func shallowHash() throws(Fault) -> UInt32? {
        switch self {
        case .nil, .bool, .int, .double, .char, .keyword, .symbol, .shortText: return quickHash
        case .longText(let text): return text.hash
        case .vector(let vector): return Value.known(vector.cachedHash.load(ordering: .relaxed))
        case .map(let map): return Value.known(map.cachedHash.pointee.load(ordering: .relaxed))
        case .set(let set): return Value.known(set.cachedHash.load(ordering: .relaxed))
        case .list, .lazy, .seq: return nil
        case .function(let function): return Value.identityHash(function)
        case .native(let native): return Value.identityHash(native)
        case .object(let object):
            try Nesting.enter()
            defer { Nesting.leave() }
            return try object.hashCode()
        }
    }

    private static func known(_ hash: UInt32) -> UInt32? { hash == 0 ? nil : hash }

    private static func identityHash(_ object: AnyObject) -> UInt32 {
        Hashing.mix(UInt64(UInt(bitPattern: ObjectIdentifier(object))))
    }
}

/// Hashes nested collections with a stack of its own instead of the thread's.
private struct DeepHash {
    /// A collection in the middle of being hashed.
    private enum Frame {
        case sequence(SeqCursor, sum: UInt32, owner: Vector?)
        /// `key`: the hash of the current entry's key once known; `value`: the value that goes with it.
        case map(HashMap, next: HashMap.Cursor?, sum: UInt32, key: UInt32?, value: Value)
        case set(HashSet, next: HashSet.Cursor?, sum: UInt32)
    }

    static func run(_ value: Value) throws(Fault) -> UInt32 {
        var stack = [frame(value)]
        // The hash of the collection that was finished last, for the frame below it.
        var finished: UInt32?
        while var top = stack.popLast() {
            try Attention.step()
            switch try advance(&top, finished) {
            case .nested(let value):
                stack.append(top)
                stack.append(frame(value))
                finished = nil
            case .finished(let hash): finished = hash
            }
        }
        return finished ?? 0
    }

    private enum Step {
        case nested(Value)
        case finished(UInt32)
    }

    private static func frame(_ value: Value) -> Frame {
        switch value {
        case .map(let map): return .map(map, next: map.startCursor, sum: 0, key: nil, value: .nil)
        case .set(let set): return .set(set, next: set.startCursor, sum: 0)
        case .vector(let vector): return .sequence(SeqCursor(value), sum: Hashing.orderedSeed, owner: vector)
        default: return .sequence(SeqCursor(value), sum: Hashing.orderedSeed, owner: nil)
        }
    }

    private static func advance(_ frame: inout Frame, _ finished: UInt32?) throws(Fault) -> Step {
        switch frame {
        case .sequence(var cursor, var sum, let owner):
            if let finished { sum = Hashing.ordered(sum, finished) }
            while let element = try cursor.next() {
                try Attention.step()
                guard let hash = try element.shallowHash() else {
                    frame = .sequence(cursor, sum: sum, owner: owner)
                    return .nested(element)
                }
                sum = Hashing.ordered(sum, hash)
            }
            let hash = max(1, Hashing.finishOrdered(sum))
            owner?.cachedHash.store(hash, ordering: .relaxed)
            return .finished(hash)
        case .map(let map, let next, let sum, let key, let value):
            return try advance(&frame, map, next, sum, key, value, finished)
        case .set(let set, var next, var sum):
            if let finished { sum = sum &+ finished }
            while let cursor = next {
                let element = set.element(at: cursor)
                next = set.cursor(after: cursor)
                guard let hash = try element.shallowHash() else {
                    frame = .set(set, next: next, sum: sum)
                    return .nested(element)
                }
                sum = sum &+ hash
            }
            let hash = max(1, Hashing.finishSet(sum, count: set.count))
            set.cachedHash.store(hash, ordering: .relaxed)
            return .finished(hash)
        }
    }

    /// `finished` belongs to the current key when `key` is nil, else to the current value.
    private static func advance(
        _ frame: inout Frame, _ map: HashMap, _ start: HashMap.Cursor?, _ startSum: UInt32, _ startKey: UInt32?,
        _ startValue: Value, _ finished: UInt32?
    ) throws(Fault) -> Step {
        var (next, sum, key, value) = (start, startSum, startKey, startValue)
        if let finished {
            if let hashed = key {
                sum = sum &+ Hashing.entry(hashed, finished)
                key = nil
            } else {
                key = finished
            }
        }
        while true {
            if let hashed = key {
                guard let hash = try value.shallowHash() else {
                    frame = .map(map, next: next, sum: sum, key: hashed, value: value)
                    return .nested(value)
                }
                sum = sum &+ Hashing.entry(hashed, hash)
                key = nil
            }
            guard let cursor = next else {
                let hash = max(1, Hashing.finishMap(sum, count: map.count))
                map.cachedHash.pointee.store(hash, ordering: .relaxed)
                return .finished(hash)
            }
            let entry = map.entry(at: cursor)
            next = map.cursor(after: cursor)
            value = entry.value
            key = try entry.key.shallowHash()
            guard key != nil else {
                frame = .map(map, next: next, sum: sum, key: nil, value: value)
                return .nested(entry.key)
            }
        }
    }
}
