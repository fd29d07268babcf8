/// A key of a kind that equals nothing but the same word, as most keys are: it is found without a look at what it means.
struct KeyWord {
    private let tag: UInt8
    private let payload: UInt64

    /// Nil for a key of another kind.
    @inline(__always) init?(_ key: Value) {
        switch key {
        case .shortText(let text): (tag, payload) = (Value.Tag.shortText, text.word)
        case .keyword(let name): (tag, payload) = (Value.Tag.keyword, UInt64(UInt(bitPattern: name.record)))
        default: return nil
        }
    }

    /// The same of a key in its slot.
    @inline(__always) init?(at slot: UnsafePointer<Value>) {
        tag = Value.tag(slot)
        guard tag == Value.Tag.shortText || tag == Value.Tag.keyword else { return nil }
        payload = UnsafeRawPointer(slot).load(as: UInt64.self)
    }

    /// As the key's own.
    @inline(__always) var hash: UInt32 {
        if tag == Value.Tag.shortText { return Hashing.short(payload) }
        let record = UnsafePointer<Name.Record>(bitPattern: UInt(payload)).unsafelyUnwrapped
        return Hashing.keyword(Name(record: record))
    }

    /// Whether this key stands in a slot.
    @inline(__always) func stands(at slot: UnsafePointer<Value>) -> Bool {
        UnsafeRawPointer(slot).load(as: UInt64.self) == payload && Value.tag(slot) == tag
    }
}
