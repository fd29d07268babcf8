import Values

/// Questions about one value, equality, identity, order and hash.
enum PredicatePrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("=", .atLeast(1), equal), Primitive("not=", .atLeast(1), notEqual),
            Primitive("identical?", 2, identical), Primitive("compare", 2, compare), Primitive("hash", 1, hash),
            Primitive("not", 1) { (a, _) in .bool(!a[0].isTruthy) },
            Primitive("nil?", 1) { (a, _) in .bool(a[0].isNil) },
            Primitive("some?", 1) { (a, _) in .bool(!a[0].isNil) },
            Primitive("any?", 1) { (_, _) in .true },
            Primitive("boolean", 1) { (a, _) in .bool(a[0].isTruthy) },
            Primitive("true?", 1) { (a, _) in .bool(a[0].isIdentical(to: .true)) },
            Primitive("false?", 1) { (a, _) in .bool(a[0].isIdentical(to: .false)) },
            Primitive("boolean?", 1, isBoolean), Primitive("number?", 1) { (a, _) in .bool(Numbers.isNumber(a[0])) },
            Primitive("int?", 1, isInt), Primitive("integer?", 1, isInteger), Primitive("float?", 1, isFloat),
            Primitive("double?", 1, isDouble), Primitive("ratio?", 1) { (a, _) in .bool(a[0].objectKind == .ratio) },
            Primitive("decimal?", 1) { (a, _) in .bool(a[0].objectKind == .decimal) },
            Primitive("rational?", 1, isRational), Primitive("nat-int?", 1, isNatural),
            Primitive("pos-int?", 1, isPositiveInt), Primitive("neg-int?", 1, isNegativeInt),
            Primitive("string?", 1, isString), Primitive("char?", 1, isChar), Primitive("keyword?", 1, isKeyword),
            Primitive("symbol?", 1) { (a, _) in .bool(a[0].symbolName != nil) },
            Primitive("ident?", 1) { (a, _) in .bool(identName(a[0]) != nil) },
            Primitive("simple-ident?", 1) { (a, _) in .bool(identName(a[0])?.hasNamespace == false) },
            Primitive("qualified-ident?", 1) { (a, _) in .bool(identName(a[0])?.hasNamespace == true) },
            Primitive("simple-keyword?", 1) { (a, _) in .bool(keywordName(a[0])?.hasNamespace == false) },
            Primitive("qualified-keyword?", 1) { (a, _) in .bool(keywordName(a[0])?.hasNamespace == true) },
            Primitive("simple-symbol?", 1) { (a, _) in .bool(a[0].symbolName?.hasNamespace == false) },
            Primitive("qualified-symbol?", 1) { (a, _) in .bool(a[0].symbolName?.hasNamespace == true) },
            Primitive("vector?", 1, isVector), Primitive("map?", 1, isMap), Primitive("set?", 1, isSet),
            Primitive("list?", 1, isList), Primitive("seq?", 1, isSeq), Primitive("coll?", 1, isCollection),
            Primitive("sequential?", 1, isSequential), Primitive("associative?", 1, isAssociative),
            Primitive("seqable?", 1, isSeqable), Primitive("counted?", 1, isCounted),
            Primitive("indexed?", 1, isIndexed),
            Primitive("reversible?", 1, isReversible), Primitive("sorted?", 1, isSorted),
            Primitive("fn?", 1, isFunction),
            Primitive("ifn?", 1, isCallable), Primitive("map-entry?", 1, isMapEntry), Primitive("record?", 1, isRecord),
            Primitive("var?", 1) { (a, _) in .bool(a[0].objectKind == .var) },
            Primitive("delay?", 1) { (a, _) in .bool(a[0].objectKind == .delay) },
            Primitive("volatile?", 1) { (a, _) in .bool(a[0].objectKind == .volatile) },
            Primitive("reduced?", 1) { (a, _) in .bool(a[0].objectKind == .reduced) },
            Primitive("future?", 1) { (a, _) in .bool(a[0].objectKind == .future) },
            Primitive("uuid?", 1) { (a, _) in .bool(a[0].objectKind == .uuid) },
            Primitive("inst?", 1) { (a, _) in .bool(a[0].objectKind == .instant) },
            Primitive("tagged-literal?", 1) { (a, _) in .bool(a[0].objectKind == .taggedLiteral) },
            Primitive("chunked-seq?", 1, isChunkedSeq),
        ])

    static func equal(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        for index in 1..<max(1, a.count) where try !a[index - 1].equals(a[index]) { return .false }
        return .true
    }
    static func notEqual(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        for index in 1..<max(1, a.count) where try !a[index - 1].equals(a[index]) { return .true }
        return .false
    }
    static func identical(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .bool(a[0].isIdentical(to: a[1])) }
    static func compare(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .int(Int64(try Value.comparison(a[0], a[1])))
    }
    static func hash(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        // Signed, as Clojure's hashes are.
        .int(Int64(Int32(bitPattern: try a[0].hashCode())))
    }

    static func isBoolean(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .bool = a[0] { .true } else { .false }
    }
    static func isInt(_ a: Arguments, _: Fiber) throws(Fault) -> Value { if case .int = a[0] { .true } else { .false } }
    static func isDouble(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .double = a[0] { .true } else { .false }
    }
    static func isFloat(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .double = a[0] { .true } else { .bool(a[0].objectKind == .float) }
    }
    static func isString(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .bool(a[0].isText)
    }
    static func isChar(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .char = a[0] { .true } else { .false }
    }
    static func isKeyword(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .keyword = a[0] { .true } else { .false }
    }
    static func isInteger(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .bool(Numbers.isInteger(a[0]))
    }
    static func isRational(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .double = a[0] { return .false }
        return .bool(a[0].objectKind != .float && Numbers.isNumber(a[0]))
    }
    static func isNatural(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .int(let int) = a[0] { .bool(int >= 0) } else { .false }
    }
    static func isPositiveInt(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .int(let int) = a[0] { .bool(int > 0) } else { .false }
    }
    static func isNegativeInt(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .int(let int) = a[0] { .bool(int < 0) } else { .false }
    }

    static func keywordName(_ value: Value) -> Name? { if case .keyword(let name) = value { name } else { nil } }
    static func identName(_ value: Value) -> Name? { keywordName(value) ?? value.symbolName }
}

// Kinds of collections.
extension PredicatePrimitives {
    static func isVector(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .vector = a[0] { .true } else { .false }
    }
    static func isMap(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .map = a[0] { return .true }
        return .bool(a[0].objectKind == .sortedMap || a[0].objectKind == .record)
    }
    static func isSet(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .set = a[0] { .true } else { .bool(a[0].objectKind == .sortedSet) }
    }
    static func isList(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        // What `cons` puts before a sequence is a sequence, but no list.
        if case .list(let list) = a[0] { .bool(list.isList) } else { .false }
    }
    static func isSeq(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .list, .lazy, .seq: .true
        default: .false
        }
    }
    static func isCollection(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .vector, .map, .set, .list, .lazy, .seq: return .true
        default:
            let kind = a[0].objectKind
            return .bool(kind == .sortedMap || kind == .sortedSet || kind == .record)
        }
    }
    static func isSequential(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .vector, .list, .lazy, .seq: .true
        default: .false
        }
    }
    static func isAssociative(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .vector, .map: .true
        default: .bool(a[0].objectKind == .sortedMap || a[0].objectKind == .record)
        }
    }
    static func isSeqable(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .nil, .vector, .map, .set, .list, .lazy, .seq, .shortText, .longText: return .true
        case .object(let object): return .bool(try object.seq() != nil)
        default: return .false
        }
    }
    static func isCounted(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .vector, .map, .set: .true
        case .list(let list): .bool(list.isList)
        case .seq(let view): .bool(view.knownCount != nil)
        case .object(let object): .bool(object.elementCount != nil && object.kind != .array)
        default: .false
        }
    }
    static func isIndexed(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .vector = a[0] { .true } else { .false }
    }
    static func isReversible(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .vector = a[0] { .true } else { .bool(a[0].objectKind == .sortedMap || a[0].objectKind == .sortedSet) }
    }
    static func isSorted(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .bool(a[0].objectKind == .sortedMap || a[0].objectKind == .sortedSet)
    }
    static func isRecord(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .bool(a[0].objectKind == .record) }
    static func isMapEntry(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .vector(let vector) = a[0] { .bool(vector.isEntry) } else { .false }
    }
    static func isFunction(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .function, .native: .true
        case .object(let object): .bool(object is Multimethod || object is ProtocolMethod)
        default: .false
        }
    }
    static func isCallable(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .function, .native, .keyword, .symbol, .map, .set, .vector: return .true
        case .object(let object):
            if object.isCallable || object is Var || object is Multimethod || object is ProtocolMethod { return .true }
            return .bool(object is RecordType || object.kind == .symbol || object.kind == .promise)
        default: return .false
        }
    }
    static func isChunkedSeq(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        // A string's sequence is not chunked: its elements lie in no vector.
        guard case .seq(let view) = a[0] else { return .false }
        if case .text = view.source { return .false }
        return .true
    }
}

extension Value {
    /// The kind of an `.object`, or nil for every other case.
    var objectKind: ObjectKind? { if case .object(let object) = self { object.kind } else { nil } }
}
