// Looking at a value where it stands, without retaining what it refers to: the machine's registers and the entries of a map are
// looked at far more often than they are changed.

extension Value {
    /// The byte behind the payload of a value, which numbers the cases with payloads in their order, and the cases without one
    /// after them (`Tests/ValuesTests` asserts this).
    @usableFromInline enum Tag {
        @usableFromInline static let int: UInt8 = 1
        @usableFromInline static let double: UInt8 = 2
        @usableFromInline static let keyword: UInt8 = 4
        @usableFromInline static let shortText: UInt8 = 6
        @usableFromInline static let longText: UInt8 = 7
        @usableFromInline static let vector: UInt8 = 8
        @usableFromInline static let map: UInt8 = 9
        @usableFromInline static let list: UInt8 = 11
        @usableFromInline static let lazy: UInt8 = 12
        @usableFromInline static let seq: UInt8 = 13
        @usableFromInline static let function: UInt8 = 14
        @usableFromInline static let object: UInt8 = 16
        /// The cases whose payloads are references.
        @usableFromInline static let objects: Range<UInt8> = 7..<17
    }

    @inlinable @inline(__always) static func tag(_ slot: UnsafePointer<Value>) -> UInt8 {
        UnsafeRawPointer(slot).load(fromByteOffset: 8, as: UInt8.self)
    }

    @inlinable @inline(__always) static func payload<Payload>(
        _ slot: UnsafePointer<Value>, _ tag: UInt8, as type: Payload.Type
    ) -> Payload? {
        Value.tag(slot) == tag ? UnsafeRawPointer(slot).load(as: type) : nil
    }

    /// Whether the value in a slot is an object, by one comparison.
    @inlinable @inline(__always) public static func holdsObject(_ slot: UnsafePointer<Value>) -> Bool {
        tag(slot) &- Tag.objects.lowerBound < UInt8(Tag.objects.count)
    }

    /// Whether the value in a slot is a word other than nil, by one comparison.
    @inlinable @inline(__always) public static func holdsWord(_ slot: UnsafePointer<Value>) -> Bool {
        tag(slot) < Tag.objects.lowerBound
    }

    /// The vector in a slot, to be changed where it stands.
    @inlinable @inline(__always) public static func vectorSlot(
        _ slot: UnsafeMutablePointer<Value>
    ) -> UnsafeMutablePointer<Vector>? {
        tag(slot) == Tag.vector ? UnsafeMutableRawPointer(slot).assumingMemoryBound(to: Vector.self) : nil
    }

    /// The map in a slot, as `vectorSlot`.
    @inlinable @inline(__always) public static func mapSlot(
        _ slot: UnsafeMutablePointer<Value>
    ) -> UnsafeMutablePointer<HashMap>? {
        tag(slot) == Tag.map ? UnsafeMutableRawPointer(slot).assumingMemoryBound(to: HashMap.self) : nil
    }

    // What a slot holds, if that is what it holds: valid as long as the slot is not changed.

    @inlinable @inline(__always) public static func borrowedVector(_ slot: UnsafePointer<Value>) -> Unmanaged<Vector>? {
        payload(slot, Tag.vector, as: Unmanaged<Vector>.self)
    }

    @inlinable @inline(__always) public static func borrowedMap(_ slot: UnsafePointer<Value>) -> Unmanaged<MapNode>? {
        payload(slot, Tag.map, as: Unmanaged<MapNode>.self)
    }

    @inlinable @inline(__always) public static func borrowedList(_ slot: UnsafePointer<Value>) -> Unmanaged<Cons>? {
        payload(slot, Tag.list, as: Unmanaged<Cons>.self)
    }

    @inlinable @inline(__always) public static func borrowedLazy(_ slot: UnsafePointer<Value>) -> Unmanaged<LazySeq>? {
        payload(slot, Tag.lazy, as: Unmanaged<LazySeq>.self)
    }

    /// Whether a slot holds a sequence, realised or not, as the rest of a cell is one.
    @inlinable @inline(__always) public static func isSequence(_ slot: UnsafePointer<Value>) -> Bool {
        tag(slot) &- Tag.list <= Tag.seq - Tag.list
    }

    @inlinable @inline(__always) public static func borrowedSeq(_ slot: UnsafePointer<Value>) -> Unmanaged<SeqView>? {
        payload(slot, Tag.seq, as: Unmanaged<SeqView>.self)
    }

    /// The sequence in a slot, as `vectorSlot`.
    @inlinable @inline(__always) public static func seqSlot(
        _ slot: UnsafeMutablePointer<Value>
    ) -> UnsafeMutablePointer<SeqView>? {
        tag(slot) == Tag.seq ? UnsafeMutableRawPointer(slot).assumingMemoryBound(to: SeqView.self) : nil
    }

    @inlinable @inline(__always) public static func borrowedFunction(
        _ slot: UnsafePointer<Value>
    ) -> Unmanaged<Closure>? {
        payload(slot, Tag.function, as: Unmanaged<Closure>.self)
    }

    @inlinable @inline(__always) public static func borrowedObject(_ slot: UnsafePointer<Value>) -> Unmanaged<Object>? {
        payload(slot, Tag.object, as: Unmanaged<Object>.self)
    }

    /// Which well-known keyword stands in a slot, if one does.
    @inline(__always) package static func knownKeyword(at slot: UnsafePointer<Value>) -> KnownName? {
        guard tag(slot) == Tag.keyword else { return nil }
        let word = UnsafeRawPointer(slot).load(as: UInt.self)
        return Name(record: UnsafePointer<Name.Record>(bitPattern: word).unsafelyUnwrapped).known
    }

    @inlinable @inline(__always) public static func borrowedInt(_ slot: UnsafePointer<Value>) -> Int64? {
        payload(slot, Tag.int, as: Int64.self)
    }

    @inlinable @inline(__always) public static func borrowedDouble(_ slot: UnsafePointer<Value>) -> Double? {
        payload(slot, Tag.double, as: Double.self)
    }

    /// Whether two values are equal, when one of them is a keyword: nothing but itself is. Nil of other values.
    @inlinable @inline(__always) public static func keywordsAreEqual(
        _ a: UnsafePointer<Value>, _ b: UnsafePointer<Value>
    ) -> Bool? {
        guard tag(a) == Tag.keyword || tag(b) == Tag.keyword else { return nil }
        return tag(a) == tag(b) && UnsafeRawPointer(a).load(as: UInt.self) == UnsafeRawPointer(b).load(as: UInt.self)
    }

    /// Two numbers as doubles, when one of them is a double and the other a double or a 64-bit integer.
    @inlinable @inline(__always) public static func borrowedDoubles(
        _ a: UnsafePointer<Value>, _ b: UnsafePointer<Value>
    ) -> (Double, Double)? {
        if let x = borrowedDouble(a) { return doubled(b).map { (x, $0) } }
        return borrowedDouble(b).flatMap { y in doubled(a).map { ($0, y) } }
    }

    /// The double or the 64-bit integer in a slot, as a double.
    @inlinable @inline(__always) public static func doubled(_ slot: UnsafePointer<Value>) -> Double? {
        borrowedDouble(slot) ?? borrowedInt(slot).map { Double($0) }
    }

    @inlinable @inline(__always) static func borrowedShortText(_ slot: UnsafePointer<Value>) -> ShortText? {
        payload(slot, Tag.shortText, as: ShortText.self)
    }

    @inlinable @inline(__always) static func borrowedLongText(_ slot: UnsafePointer<Value>) -> BorrowedText? {
        payload(slot, Tag.longText, as: Unmanaged<TextStorage>.self)?._withUnsafeGuaranteedRef { BorrowedText($0) }
    }

    /// The text in a slot, short or long.
    @inlinable @inline(__always) public static func borrowedText(_ slot: UnsafePointer<Value>) -> BorrowedText? {
        if let long = borrowedLongText(slot) { return long }
        return borrowedShortText(slot).map { BorrowedText($0, at: slot) }
    }
}

/// A text in a slot, not retained: valid as long as the slot is not changed. For loops that only look at many.
public struct BorrowedText {
    public let bytes: UnsafePointer<UInt8>
    public let byteCount: Int
    public let isASCII: Bool

    @inlinable @inline(__always) init(_ storage: TextStorage) {
        bytes = UnsafePointer(storage.bytes)
        byteCount = storage.info.pointee.byteCount
        isASCII = storage.info.pointee.isASCII
    }

    /// A short text's bytes are the slot's own.
    @inlinable @inline(__always) init(_ short: ShortText, at slot: UnsafePointer<Value>) {
        bytes = UnsafeRawPointer(slot).assumingMemoryBound(to: UInt8.self)
        byteCount = short.byteCount
        isASCII = short.isASCII
    }
}
