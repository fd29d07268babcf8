import Values

// Symbols and keywords. The rule, Clojure's: a name is `/`, or does not begin with a digit and has no slash; before it may
// stand a namespace (not beginning with a digit or slash) and a slash; neither ends with `:`, and `::` only begins a keyword.
extension Reader {
    /// Moves to the end of the token at the position, from its byte `skip` on; returns what was in it.
    @inline(__always) mutating func scanToken(from first: Int) throws(SyntaxError) -> ByteClass {
        let stops = ByteClass.endsToken.rawValue | ByteClass.wide.rawValue | ByteClass.refused.rawValue
        var seen: UInt8 = 0
        var at = first
        while true {
            let found = classes[Int(base[at])].rawValue
            if found & stops == 0 {
                seen |= found
                at &+= 1
                continue
            }
            if found & ByteClass.endsToken.rawValue != 0 { break }
            if found & ByteClass.refused.rawValue != 0 { throw constituentFailure(at: at) }
            if isWideSpace(scalar(at: at)) { break }
            seen |= found
            at &+= Text.width(base[at])
        }
        position = at
        return ByteClass(rawValue: seen)
    }

    mutating func readSymbol() throws(SyntaxError) -> Value {
        let start = position
        let seen = try scanToken(from: start)
        if seen.isDisjoint(with: [.slash, .colon]) {
            switch position - start {
            case 3 where matches("nil", at: start): return .nil
            case 4 where matches("true", at: start): return .true
            case 5 where matches("false", at: start): return .false
            default: return .symbol(plainName(start, position))
            }
        }
        guard isValidName(start, position) else { throw tokenFailure(Span(start, position)) }
        return .symbol(intern(start, position))
    }

    @inline(__always) private func matches(_ word: StaticString, at start: Int) -> Bool {
        for index in 0..<word.utf8CodeUnitCount where base[start + index] != word.utf8Start[index] { return false }
        return true
    }

    mutating func readKeyword() throws(SyntaxError) -> Value {
        let start = position
        let seen = try scanToken(from: start + 1)
        guard position > start + 1 else { throw tokenFailure(Span(start, position)) }
        if base[start + 1] == 0x3a {
            guard isValidName(start, position) else { throw tokenFailure(Span(start, position)) }
            return try readAutoKeyword(start)
        }
        if seen.isDisjoint(with: [.slash, .colon]) { return .keyword(plainName(start + 1, position)) }
        return .keyword(
            try known.value(start + 1, position) { () throws(SyntaxError) in
                guard isValidName(start, position) else { throw tokenFailure(Span(start, position)) }
                return intern(start + 1, position)
            })
    }

    /// The name without a namespace that stands at `start..<end`.
    @inline(__always) private func plainName(_ start: Int, _ end: Int) -> Name {
        known.value(start, end) { names.intern(namespace: nil, name: bytes(start, end)) }
    }

    /// `::a` and `::alias/a`
    private mutating func readAutoKeyword(_ start: Int) throws(SyntaxError) -> Value {
        guard case .code(let context) = dialect else { throw tokenFailure(Span(start, position)) }
        let plain = intern(start + 2, position)
        guard let alias = plain.namespace else { return .keyword(names.intern(context.namespace(), plain.name)) }
        guard let namespace = context.alias(alias) else {
            if suppression > 0 { return .keyword(plain) }
            throw aliasFailure(alias, context, Span(start + 2, start + 2 + alias.utf8.count))
        }
        return .keyword(names.intern(namespace, plain.name))
    }

    /// Interns a valid name, split at its first slash.
    func intern(_ start: Int, _ end: Int) -> Name {
        var slash = start
        while slash < end, base[slash] != 0x2f { slash += 1 }
        guard slash < end, end - start > 1 else { return names.intern(namespace: nil, name: bytes(start, end)) }
        return names.intern(namespace: bytes(start, slash), name: bytes(slash + 1, end))
    }

    /// Whether the token that begins at `start` (with its colon, if it is a keyword) is well formed.
    func isValidName(_ start: Int, _ end: Int) -> Bool {
        var at = start + 1
        while at + 1 < end {
            if base[at] == 0x3a, base[at + 1] == 0x3a { return false }
            at += 1
        }
        if base[start] == 0x3a, let slash = lastSlash(start + 1, end) { return hasValidEnds(slash, start + 1, end) }
        guard let slash = lastSlash(start, end) else { return false }
        return hasValidEnds(slash, start, end)
    }

    private func hasValidEnds(_ slash: Int, _ start: Int, _ end: Int) -> Bool {
        base[end - 1] != 0x3a && !(slash > start && base[slash - 1] == 0x3a)
    }

    /// Where the slash between namespace and name stands (`start - 1` without a namespace), or nil when malformed.
    private func lastSlash(_ start: Int, _ end: Int) -> Int? {
        guard end > start else { return nil }
        if end == start + 1, base[start] == 0x2f { return start - 1 }
        var slash = end - 1
        while slash >= start, base[slash] != 0x2f { slash -= 1 }
        let leads = !isDigit(base[start]) && base[start] != 0x2f
        if slash < start { return leads ? slash : nil }
        guard leads else { return nil }
        // `a//` is the name `/` in namespace `a`.
        if slash == end - 1 { return end - start >= 3 && base[end - 2] == 0x2f ? end - 2 : nil }
        return isDigit(base[slash + 1]) ? nil : slash
    }

    func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
}
